"""The one writer of tables: a part at a time, in the format that the ending names, seen only once they are whole."""

import gzip
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd

from pointsman.common.errors import DataError
from pointsman.common.formats import find_content, find_format
from pointsman.common.storage.files import open_atomically
from pointsman.common.tabular.csv_text import make_csv
from pointsman.common.tabular.reader import read_chunks
from pointsman.common.wanted import Wanted

if TYPE_CHECKING:
    import pyarrow as pa

EXCEL_ROWS = 1_048_575
"""Rows that a sheet holds below its header."""
EXCEL_DIGITS = 15
"""Digits of a number that Excel keeps; it makes the others zeros."""
COUNTED_ROWS = 50_000
LEVEL = 6
"""How hard gzip tries: 9 takes three times as long and saves one byte of a hundred."""


OUTPUTS = (".csv", ".csv.gz", ".parquet", ".xlsx")


class TableWriter(ABC):
    """Takes parts of one table, which have the same columns, in order."""

    @abstractmethod
    def write(self, part: pd.DataFrame) -> None:
        """Add rows; DataError, now or with the next ones, where they do not fit those before."""

    @abstractmethod
    def finish(self) -> None:
        """Write what can only be written at the end; leaving the block of ``open_table`` does so, too."""

    @abstractmethod
    def abandon(self) -> None:
        """Release what is held for a table that will not be finished."""


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table whole; '.xls', a format that nobody should begin today, becomes '.xlsx'."""
    with open_table(path.with_suffix(".xlsx") if find_format(path) == ".xls" else path) as writer:
        writer.write(table)


@contextmanager
def open_table(path: Path, types: "Mapping[str, pa.DataType] | None" = None) -> Iterator[TableWriter]:
    """Open a table to write, which appears at ``path`` once the block ends, and not at all where it fails.

    Nobody but its owner may read it.

    ``types`` are those of columns that may begin with empty cells alone, or with shorter decimals than come later, for
    formats that keep types.
    """
    ending = find_format(path)
    with open_atomically(path, private=True) as file, ThreadPoolExecutor(1, "writing") as pool:
        writer = _Behind(_WRITERS[ending](path, file, types or {}), pool)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise


def check_room(request: Path, path: Path, wanted: Wanted | None = None) -> None:
    """Raise DataError where an Excel file would have to hold more rows than it can, before any of them is answered."""
    if find_format(path) == ".xlsx" and count_rows(request, EXCEL_ROWS, wanted) > EXCEL_ROWS:
        raise DataError(_say_full(path))


def count_rows(path: Path, most: int, wanted: Wanted | None = None) -> int:
    """Return the number of rows of a file, or of its first ones once there are more than ``most``."""
    rows = 0
    for chunk in read_chunks(path, COUNTED_ROWS, wanted) if _may_hold(path, most) else ():
        rows += len(chunk.table)
        if rows > most:
            break
    return rows


def _may_hold(path: Path, rows: int) -> bool:
    """Return whether a file may have more rows: an Excel file never has too many, and a row of text takes a byte."""
    ending = find_content(path)
    if ending == ".parquet":
        import pyarrow.parquet

        return bool(pyarrow.parquet.read_metadata(path).num_rows > rows)
    return ending == ".csv.gz" or (ending == ".csv" and path.stat().st_size > rows)


def _say_full(path: Path) -> str:
    return f"An Excel sheet holds {EXCEL_ROWS:,} rows, which are too few for '{path}'; write .csv or .parquet."


class _Behind(TableWriter):
    """Lets a thread of its own write a part while the next one is made; an error is raised with the next part."""

    def __init__(self, writer: TableWriter, pool: ThreadPoolExecutor) -> None:
        self.writer, self.pool = writer, pool
        self.writing: Future[None] | None = None
        self.finished = False

    def write(self, part: pd.DataFrame) -> None:
        self._wait()
        self.writing = self.pool.submit(self.writer.write, part)

    def finish(self) -> None:
        if not self.finished:
            self._wait()
            self.writer.finish()
            self.finished = True

    def abandon(self) -> None:
        with suppress(Exception):
            self._wait()
        self.writer.abandon()

    def _wait(self) -> None:
        writing, self.writing = self.writing, None
        if writing is not None:
            writing.result()


class _CsvWriter(TableWriter):
    def __init__(self, _path: Path, file: BinaryIO, _types: Any) -> None:
        self.file = file
        self.begun = False

    def write(self, part: pd.DataFrame) -> None:
        self.file.write(make_csv(part, header=not self.begun))
        self.begun = True

    def finish(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _GzipWriter(_CsvWriter):
    """The name and the time of writing stay out, so that equal tables are equal bytes."""

    def __init__(self, path: Path, file: BinaryIO, types: Any) -> None:
        super().__init__(path, gzip.GzipFile("", "wb", LEVEL, file, mtime=0), types)  # type: ignore[arg-type]

    def finish(self) -> None:
        self.file.close()


class _ParquetWriter(TableWriter):
    def __init__(self, path: Path, file: BinaryIO, types: "Mapping[str, pa.DataType]") -> None:
        self.path, self.file, self.types = path, file, types
        self.writer: Any = None

    def write(self, part: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet

        try:
            if self.writer is None:
                schema = self._complete(pa.Schema.from_pandas(part, preserve_index=False))
                self.writer = pyarrow.parquet.ParquetWriter(self.file, schema, compression="snappy")
            table = pa.Table.from_pandas(part, schema=self.writer.schema, preserve_index=False)
        except pa.ArrowException as error:
            reason = " ".join(" ".join(map(str, error.args)).split()).rstrip(".")
            raise DataError(
                f"The table cannot be written to '{self.path}' ({reason}): a Parquet column has one type; write it as "
                ".csv or .xlsx."
            ) from error
        self.writer.write_table(table)

    def _complete(self, schema: "pa.Schema") -> "pa.Schema":
        import pyarrow as pa

        for place, field in enumerate(schema):
            begins_otherwise = pa.types.is_null(field.type) or pa.types.is_decimal(field.type)
            if begins_otherwise and field.name in self.types:
                schema = schema.set(place, field.with_type(self.types[field.name]))
        return schema

    def finish(self) -> None:
        if self.writer is not None:
            self.writer.close()

    def abandon(self) -> None:
        self.finish()


class _ExcelWriter(TableWriter):
    def __init__(self, path: Path, file: BinaryIO, _types: Any) -> None:
        from openpyxl import Workbook

        self.path, self.file = path, file
        self.book = Workbook(write_only=True)
        self.sheet = self.book.create_sheet("Sheet1")
        self.rows = 0
        self.begun = False

    def write(self, part: pd.DataFrame) -> None:
        self.rows += len(part)
        if self.rows > EXCEL_ROWS:
            raise DataError(_say_full(self.path))
        if not self.begun:
            self.sheet.append([self._make_cell(name) for name in part.columns])
            self.begun = True
        columns = [_show_cells(part.iloc[:, place]) for place in range(part.shape[1])]
        for row in zip(*columns, strict=True):
            self.sheet.append([self._make_cell(cell) if isinstance(cell, str) else cell for cell in row])

    def _make_cell(self, text: str) -> Any:
        """Return a cell of text, also for what looks like a formula; characters that XML cannot hold are left out."""
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell

        cell = WriteOnlyCell(self.sheet, ILLEGAL_CHARACTERS_RE.sub("", text)[:32_767])
        cell.data_type = "s"
        return cell

    def finish(self) -> None:
        self.book.save(self.file)

    def abandon(self) -> None:
        if not self.sheet.closed:
            self.sheet.close()


def _show_cells(column: pd.Series) -> list[Any]:
    """Return cells as Excel takes them: nothing where missing, times without a zone, all else as it is or as text.

    Text, too, are numbers of more digits than Excel keeps.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)
    cells = column.astype("object").where(column.notna(), None).tolist()
    return [cell if isinstance(cell, _EXCEL_TYPES) and not _is_too_long(cell) else str(cell) for cell in cells]


def _is_too_long(cell: Any) -> bool:
    from decimal import Decimal

    if isinstance(cell, int):
        return abs(cell) >= 10**EXCEL_DIGITS
    return isinstance(cell, Decimal) and len(cell.as_tuple().digits) > EXCEL_DIGITS


def _list_excel_types() -> tuple[type, ...]:
    import datetime
    from decimal import Decimal

    return (
        str,
        bool,
        int,
        float,
        type(None),
        datetime.datetime,
        datetime.date,
        datetime.time,
        datetime.timedelta,
        Decimal,
    )


_EXCEL_TYPES = _list_excel_types()
_WRITERS: dict[str, type[Any]] = {
    ".csv": _CsvWriter,
    ".csv.gz": _GzipWriter,
    ".parquet": _ParquetWriter,
    ".xlsx": _ExcelWriter,
}
