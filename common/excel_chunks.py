"""Excel sheets in chunks, with the cells that ``pandas.read_excel`` reads of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.errors import DataError
from common.tables import check_names, find_hollow, tidy_names

Row = list[Any]


def read_excel_chunks(path: Path, rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of at most ``rows`` rows of the first sheet and the share of it read so far."""
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book.worksheets[0]
        expected = sheet.max_row or 0
        sheet.reset_dimensions()  # they may be wrong, and rows would be cut to them
        lines = _read_lines(sheet)
        header = next(lines, None)
        if header is None:
            raise DataError(f"The file '{path}' has an empty first sheet; it needs a header line and rows.")
        shape: _Shape | None = None
        done = 0
        for part in _gather(lines, rows):
            shape = shape or _Shape(path, header, part)
            table = shape.frame(part, done)
            done += len(part)
            yield table, done / max(expected - 1, done, 1)
    finally:
        book.close()


class _Shape:
    """The columns of a sheet, as its header and its first chunk have them."""

    def __init__(self, path: Path, header: Row, first: list[Row]) -> None:
        self.path = path
        self.width = max(map(len, [header, *first]))
        self.header = _pad(header, self.width)
        check_names(path, [name if name != "" else None for name in self.header])
        table = self._parse(first)
        self.hollow = find_hollow(table)

    def frame(self, part: list[Row], done: int) -> pd.DataFrame:
        """Return rows as a table; ``done`` rows of the sheet came before."""
        for position, line in enumerate(part):
            if len(line) > self.width:
                raise DataError(
                    f"The file '{self.path}' has {len(line)} cells in row {done + position + 2} and {self.width} "
                    "columns; name every column, or remove what stands behind the last one."
                )
        table = self._parse(part)
        filled = sorted(set(self.hollow) - set(find_hollow(table)))
        if filled:
            raise DataError(
                f"The file '{self.path}' has cells from row {done + 2} on in a column without a name "
                f"({filled[0]}); name it."
            )
        return table.drop(columns=self.hollow)

    def _parse(self, part: list[Row]) -> pd.DataFrame:
        from pandas.io.parsers import TextParser  # type: ignore[attr-defined]

        lines = [list(self.header), *(_pad(line, self.width) for line in part)]
        parser = TextParser(
            lines, header=0, dtype=object, keep_default_na=False, na_values=[""], skip_blank_lines=False
        )
        table = parser.read().infer_objects()
        table.columns = tidy_names(table)
        return table


def _read_lines(sheet: Any) -> Iterator[Row]:
    """Yield the cells of every row up to the last that has any, without the empty ones at a row's end."""
    blank = 0
    for row in sheet.rows:
        line = [_read_cell(cell) for cell in row]
        while line and isinstance(line[-1], str) and line[-1] == "":
            line.pop()
        if not line:
            blank += 1
            continue
        for _ in range(blank):
            yield []
        blank = 0
        yield line


def _read_cell(cell: Any) -> Any:
    """An empty cell is '', an error missing, and a whole number an int, whatever Excel holds it as."""
    if cell.value is None:
        return ""
    if cell.data_type == "e":
        return np.nan
    if cell.data_type == "n":
        whole = int(cell.value)
        return whole if whole == cell.value else float(cell.value)
    return cell.value


def _gather(lines: Iterator[Row], rows: int) -> Iterator[list[Row]]:
    part: list[Row] = []
    for line in lines:
        if len(part) == rows:
            yield part
            part = []
        part.append(line)
    yield part


def _pad(line: Row, width: int) -> Row:
    return line + [""] * (width - len(line))
