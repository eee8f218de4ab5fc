"""Excel sheets in chunks, with the cells that ``pandas.read_excel`` reads of them."""

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.column_names import check_names, find_hollow, list_shown, tidy_names
from pointsman.common.errors import DataError
from pointsman.common.exact import type_cells
from pointsman.common.text_files import describe_part
from pointsman.common.wanted import HEADER_ROWS, Wanted

Row = list[Any]

_log = logging.getLogger(__name__)


def read_excel_chunks(path: Path, content: str, rows: int, wanted: Wanted) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield chunks of at most ``rows`` rows of a sheet and the share of it read so far.

    It is the stated sheet or the first one. Raises DataError where that lacks the wanted columns and another one has
    them; of a request the other one is read.
    """
    with _OPEN[content](path) as book:
        place = choose_sheet(path, book, wanted)
        skipped = find_top(path, book, place, wanted)
        lines = itertools.islice(book.read(place), skipped, None)
        header = next(lines, None)
        if header is None:
            raise DataError(
                f"The file '{path}' has an empty {_name(book, place)}; it needs a header line and rows, or set "
                "source.sheet to the sheet that has them."
            )
        shape: _Shape | None = None
        expected = book.count(place) - skipped - 1  # about: a sheet may say wrongly how many rows it has
        done = 0
        for part in _gather(lines, rows):
            shape = shape or _Shape(path, header, part, skipped)
            table = shape.frame(part, done)
            done += len(part)
            yield table, done / max(expected, done, 1)


class Book(ABC):
    """The sheets of a workbook, by their place from 0."""

    names: tuple[str, ...]

    @abstractmethod
    def read(self, place: int) -> Iterator[Row]:
        """Yield the cells of every row up to the last that has any, without the empty ones at a row's end."""

    @abstractmethod
    def count(self, place: int) -> int:
        """Return about how many rows a sheet has."""


class _NewBook(Book):
    """An .xlsx file, read by openpyxl as it goes."""

    def __init__(self, book: Any) -> None:
        self.sheets = book.worksheets
        self.names = tuple(sheet.title for sheet in self.sheets)
        self.counts = [sheet.max_row or 0 for sheet in self.sheets]
        for sheet in self.sheets:
            sheet.reset_dimensions()  # they may be wrong, and rows would be cut to them

    def read(self, place: int) -> Iterator[Row]:
        return _strip([_read_cell(cell) for cell in row] for row in self.sheets[place].rows)

    def count(self, place: int) -> int:
        return int(self.counts[place])


class _OldBook(Book):
    """An .xls file, which holds at most 65,536 rows a sheet and is read whole by xlrd."""

    def __init__(self, file: pd.ExcelFile) -> None:
        self.file = file
        self.names = tuple(map(str, file.sheet_names))

    def read(self, place: int) -> Iterator[Row]:
        options: dict[str, Any] = {"dtype": object, "keep_default_na": False, "na_values": [""]}
        table = self.file.parse(place, header=None, **options)
        return _strip(
            [["" if cell is None or cell is np.nan else cell for cell in row] for row in table.values.tolist()]
        )

    def count(self, place: int) -> int:
        return int(self.file.book.sheet_by_index(place).nrows)


@contextmanager
def _open_new(path: Path) -> Iterator[Book]:
    from openpyxl import load_workbook

    with path.open("rb") as file:  # openpyxl looks at the ending of a path, which may be wrong
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            yield _NewBook(book)
        finally:
            book.close()


@contextmanager
def _open_old(path: Path) -> Iterator[Book]:
    with path.open("rb") as opened, pd.ExcelFile(opened, engine="xlrd") as file:
        yield _OldBook(file)


_OPEN = {".xlsx": _open_new, ".xls": _open_old}


def choose_sheet(path: Path, book: Book, wanted: Wanted) -> int:
    """Return the place of the sheet to read."""
    stated = _find_stated(path, book, wanted)
    if not wanted.columns or (stated is not None and wanted.is_stated):
        return stated or 0
    # From here on the sheet is not settled: a stated one that a request happens to have is only tried first.
    first = stated or 0
    others = [place for place in range(len(book.names)) if place != first]
    having = next(
        (place for place in (first, *others) if wanted.find_header(_read_top(book, place)) is not None), first
    )
    if having == first:
        tell_others(path, book, wanted, first, others if stated is None else [])
        return first
    # A stream is read by its configuration alone, so the error names the other sheet and nothing is read from it.
    if wanted.is_stated:
        raise DataError(
            f"The file '{path}' has {list_shown(wanted.columns)} in its sheet '{book.names[having]}' and not in the "
            f"first one, '{book.names[first]}'; set source.sheet to '{book.names[having]}'."
        )
    # One known name is too few for a header, but it speaks against reading another sheet unasked.
    if any(wanted.find(row) for row in _read_top(book, first)):
        return first
    _log.warning(
        "'%s' has its columns in the sheet '%s', which is read; the sheet '%s' has none of them.",
        path,
        book.names[having],
        book.names[first],
    )
    return having


def tell_others(path: Path, book: Book, wanted: Wanted, read: int, others: list[int]) -> None:
    """Warn of sheets that are not read although they have the columns, such as one a month."""
    alike = [book.names[place] for place in others if wanted.find_header(_read_top(book, place)) is not None]
    if alike:
        _log.warning(
            "'%s' has the columns in %s as well; only the sheet '%s' is read; source.sheet names another one, and a "
            "file a sheet has all of them read.",
            path,
            list_shown(alike),
            book.names[read],
        )


def _find_stated(path: Path, book: Book, wanted: Wanted) -> int | None:
    """Return the place of the sheet that ``source.sheet`` names; None where it names none, or a request lacks it."""
    if wanted.sheet is None:
        return None
    if str(wanted.sheet) in book.names:
        return book.names.index(str(wanted.sheet))
    number = int(wanted.sheet) if str(wanted.sheet).isdecimal() else 0
    if 1 <= number <= len(book.names):
        return number - 1
    if not wanted.is_stated:
        return None
    raise DataError(
        f"The file '{path}' has no sheet '{wanted.sheet}' (source.sheet); its sheets are {list_shown(book.names)}."
    )


def find_top(path: Path, book: Book, place: int, wanted: Wanted) -> int:
    """Return how many rows stand above the header of a sheet; DataError where it lacks some of the wanted columns."""
    top = _read_top(book, place)
    found = wanted.find_header(top)
    if found is None:
        first = next((row for row, cells in enumerate(top) if cells), 0)
        some = next(((row, wanted.find(cells)) for row, cells in enumerate(top) if wanted.find(cells)), None)
        if some and some[0] > first and wanted.is_stated:
            names = [cell for cell in top[some[0]] if cell != ""]
            raise DataError(describe_part(path, f"{_name(book, place)}, row", some[0] + 1, some[1], wanted, names))
        return first
    if any(top[:found]):
        told = "The header of '%s' stands in row %d of its %s; the rows above it are not read."
        _log.warning(told, path, found + 1, _name(book, place))
    return found


def _name(book: Book, place: int) -> str:
    return "first sheet" if place == 0 else f"sheet '{book.names[place]}'"


def _read_top(book: Book, place: int) -> list[Row]:
    """Return the first rows of a sheet, as many as have ``HEADER_ROWS`` filled ones."""
    top: list[Row] = []
    filled = 0
    for row in book.read(place):
        top.append(row)
        filled += bool(row)
        if filled == HEADER_ROWS:
            break
    return top


class _Shape:
    """The columns of a sheet, as its header and its first chunk have them."""

    def __init__(self, path: Path, header: Row, first: list[Row], skipped: int) -> None:
        self.path, self.skipped = path, skipped
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
                    f"The file '{self.path}' has {len(line)} cells in row {self.skipped + done + position + 2} and "
                    f"{self.width} columns; name every column, or remove what stands behind the last one."
                )
        table = self._parse(part)
        filled = sorted(set(self.hollow) - set(find_hollow(table)))
        if filled:
            raise DataError(
                f"The file '{self.path}' has cells from row {self.skipped + done + 2} on in a column without a name "
                f"({filled[0]}); name it."
            )
        return table.drop(columns=self.hollow)

    def _parse(self, part: list[Row]) -> pd.DataFrame:
        from pandas.io.parsers import TextParser  # type: ignore[attr-defined]

        lines = [list(self.header), *(_pad(line, self.width) for line in part)]
        parser = TextParser(
            lines, header=0, dtype=object, keep_default_na=False, na_values=[""], skip_blank_lines=False
        )
        table = parser.read()
        table.columns = tidy_names(table)
        return pd.DataFrame({name: type_cells(table[name]) for name in table}, index=table.index)


def _strip(rows: "Iterator[Row] | Sequence[Row]") -> Iterator[Row]:
    blank = 0
    for line in rows:
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
