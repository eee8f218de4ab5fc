"""What is wrong with a text table, and in which line of its file, counted from 1 as an editor does."""

import csv
import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.errors import DataError
from pointsman.common.text_files import Text

LINE_END = re.compile(r"\r\n|\r|\n")
NUMBER = re.compile(r"\s*[-+]?[\d.,:/ -]*\d[\d.,:/ %-]*\s*")
"""Numbers and dates: what rows hold and prose does not."""
NUMERIC_SHARE = 0.95
SAMPLE = 1000
"""Rows that tell whether a column holds numbers, and the most cells with line ends that are checked in a column."""


@dataclass(frozen=True)
class TextRecord:
    """A row of a text table: its cells, and the line of the file in which it begins and those it spans."""

    line: int
    lines: int
    cells: list[str]
    raw: str


def explain_width(text: Text, n_names: int) -> DataError:
    """Return the error for a file with a wrong quote or number of cells, naming the line where it is found."""
    for record in read_records(text):
        if (line := find_open_quote(record, text.separator)) is not None:
            return DataError(
                f"The file '{text.path}' has a quote in line {line} that is never closed; "
                "remove it, or close it where its cell ends."
            )
        # Too wide and of several lines: a stray quote made one row of them.
        if len(record.cells) > n_names and record.lines > 1:
            return DataError(
                f"The file '{text.path}' has a quote in line {find_quote(record, text.separator)} that ends only in "
                f"line {record.line + record.lines - 1}; remove it, or write it twice inside a quoted cell."
            )
        if len(record.cells) > n_names:
            return DataError(
                f"Line {record.line} of the file '{text.path}' has {len(record.cells)} cells and the header has "
                f"{n_names} names; quote cells that hold the separator '{text.separator}', or name every column."
            )
    return DataError(
        f"The file '{text.path}' has rows with more cells than its header has names ({n_names}); "
        "quote cells that hold the separator, or name every column."
    )


def explain_bytes(text: Text) -> DataError:
    """Return in which line a file is not in its encoding."""
    where = ""
    with (gzip.open if text.is_zipped else open)(text.path, "rb") as file:
        for number, line in enumerate(() if text.encoding.startswith(("utf-16", "utf-32")) else file, 1):
            try:
                line.decode(text.encoding)
            except UnicodeDecodeError:
                where = f" in line {number}"
                break
    named = {"cp1252": "neither UTF-8 nor Windows-1252"}.get(text.encoding, f"not in the encoding {text.encoding}")
    return DataError(
        f"The file '{text.path}' is {named}{where}; set source.encoding to what it is, or save it as UTF-8."
    )


def check_swallowed(text: Text, table: pd.DataFrame, first: int) -> None:
    """Raise DataError where a quoted cell holds rows: two stray quotes make all lines between them one cell.

    ``first`` is the position of the table's first row in the file. A cell with line ends is such a one where its row,
    read without its quotes, is several rows of the right width, with numbers where the other rows have them.
    """
    is_number: np.ndarray | None = None
    for place in range(table.shape[1]):
        if not _may_hold_lines(table.iloc[:, place]):
            continue
        holds_lines = table.iloc[:, place].str.contains("\n", regex=False).to_numpy(dtype=bool)
        for position in np.flatnonzero(holds_lines)[:SAMPLE]:
            if is_number is None:
                is_number = find_numeric(table)
            count = count_swallowed(table.iloc[position].tolist(), place, text.separator, is_number)
            if count:
                row = first + int(position) + 1
                record = next(record for number, record in enumerate(read_records(text)) if number == row)
                what, column = f"The file '{text.path}'", str(table.columns[place])
                raise DataError(describe_swallowed(what, record, text.separator, count, column))


def _may_hold_lines(cells: pd.Series) -> bool:
    """Look for a line end in the bytes of all cells at once, which takes a tenth of looking into each."""
    import pyarrow as pa

    texts = pa.array(cells)
    parts = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return any(b"\n" in buffers[-1].to_pybytes() for part in parts if (buffers := part.buffers())[-1] is not None)


def count_swallowed(row: Sequence[str], place: int, separator: str, is_number: Sequence[bool] | np.ndarray) -> int:
    """Return how many rows the cell at ``place`` of a row has swallowed, 0 where it is a cell with line ends.

    >>> count_swallowed(["7", 'inch\\n8,fine\\n9,ok'], 1, ",", [True, False])
    2
    >>> count_swallowed(["7", 'Dear Sir,\\nthanks, yours'], 1, ",", [True, False])
    0
    """
    pieces = [piece for piece in LINE_END.split(row[place]) if piece.strip()]
    if len(pieces) < 2:
        return 0
    rows = [piece.split(separator) for piece in pieces]
    rows[0] = [*row[:place], *rows[0]]
    rows[-1] = [*rows[-1], *row[place + 1 :]]
    if any(len(one) != len(row) for one in rows):
        return 0
    # What stands beside the cell was read as cells of its own, so only what came out of it is evidence.
    told = [
        (column, cell)
        for number, one in enumerate(rows)
        for column, cell in enumerate(one)
        if is_number[column]
        and not (number == 0 and column < place)
        and not (number == len(rows) - 1 and column > place)
    ]
    fits = bool(told) and all(NUMBER.fullmatch(cell) or not cell.strip() for _, cell in told)
    return len(rows) - 1 if fits and any(cell.strip() for _, cell in told) else 0


def find_numeric(table: pd.DataFrame) -> np.ndarray:
    """Return which columns (n_columns,) of a table of texts hold numbers or dates in nearly all known cells."""
    sample = table.head(SAMPLE)
    shares = []
    for place in range(table.shape[1]):
        known = [cell for cell in sample.iloc[:, place].tolist() if cell.strip() and "\n" not in cell]
        shares.append(sum(bool(NUMBER.fullmatch(cell)) for cell in known) / len(known) if known else 0.0)
    return np.array(shares) >= NUMERIC_SHARE


def read_records(text: Text) -> Iterator[TextRecord]:
    """Yield the rows of a file that are not blank, the header first."""
    with text.open() as (lines, _):
        yield from split_records(lines, text.separator, text.skipped)


def split_records(lines: Iterable[str], separator: str, skipped: int) -> Iterator[TextRecord]:
    """Yield the rows that lines hold; ``skipped`` lines stood above them. A short row is not filled up.

    >>> [(one.line, one.lines, one.cells) for one in split_records(["a,b\\n", '1,"x\\n', 'y"\\n'], ",", 0)]
    [(1, 1, ['a', 'b']), (2, 2, ['1', 'x\\ny'])]
    """
    raw: list[str] = []

    def keep() -> Iterator[str]:
        for line in lines:
            raw.append(line)
            yield line

    source = keep()
    reader = csv.reader(source, delimiter=separator)
    before = skipped
    while True:
        raw.clear()
        try:
            cells = next(reader, None)
        except csv.Error:  # a cell longer than the module takes: a quote that is not closed made it one
            cells = []
            for _ in source:
                pass
        if cells is None:
            return
        if "".join(raw).strip(" \t\r\n"):
            yield TextRecord(before + 1, len(raw), cells, "".join(raw))
        before += len(raw)


def find_open_quote(record: TextRecord, separator: str) -> int | None:
    """Return the line of a quote that begins a cell of a record and is not closed in it."""
    place = 0
    inside = re.compile(r'"(?:[^"]|"")*"')
    rest = re.compile(f"[^{re.escape(separator)}\r\n]*")
    while '"' in record.raw and place < len(record.raw):
        if record.raw[place] == '"':
            closed = inside.match(record.raw, place)
            if closed is None:
                return record.line + len(LINE_END.findall(record.raw, 0, place))
            place = closed.end()
        passed = rest.match(record.raw, place)
        place = (passed.end() if passed else place) + 1
    return None


def find_quote(record: TextRecord, separator: str) -> int:
    """Return the line in which the first cell of a record begins that reaches over several lines."""
    inside = re.compile(f'(?:^|{re.escape(separator)}|\n)("(?:[^"]|"")*")')
    for found in inside.finditer(record.raw):
        if LINE_END.search(found[1]):
            return record.line + len(LINE_END.findall(record.raw, 0, found.start(1)))
    return record.line


def describe_swallowed(what: str, record: TextRecord, separator: str, count: int, column: str) -> str:
    """Return the sentence for ``what`` (a file, a body) in which a record holds ``count`` rows too many."""
    begins, ends = find_quote(record, separator), record.line + record.lines - 1
    rows = "1 more row" if count == 1 else f"{count} more rows"
    return (
        f"{what} has a quote in line {begins} that ends only in line {ends}, so that {rows} would be one cell of "
        f"'{column}'; remove the quote in line {begins}, or write it twice inside a quoted cell."
    )
