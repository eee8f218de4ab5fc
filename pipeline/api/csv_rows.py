"""CSV bodies to rows: the encoding, the header and each line, held against the limits."""

import codecs
import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from pointsman.common.config import ServiceConfig
from pointsman.common.formats import HEAD, is_bare_utf16
from pointsman.common.text_faults import (
    SAMPLE,
    count_swallowed,
    describe_swallowed,
    find_numeric,
    find_open_quote,
    split_records,
)
from pointsman.common.text_files import MARKS, PIECE, find_header
from pointsman.common.wanted import HEADER_ROWS, TELLING, Wanted
from pointsman.pipeline.api.json_survey import refuse_count
from pointsman.pipeline.api.reading import (
    Brought,
    Columns,
    check_count,
    describe_long,
    find_places,
    refuse_columns,
    warn_of,
)
from pointsman.pipeline.api.refusal import MOST_PROBLEMS, Problem, Refused, refuse_rows, shorten

LONGEST_LINE = 1 << 21
"""Characters of a line: of a row of 1,000 columns, 2,000 a cell."""
MOST_BLANK = 100_000
PACKED_ROWS = 500
"""Rows that are kept as Python's texts at a time."""
EXPLAINED = 160_000
"""Characters in which a wrong quote is looked for, from the record on that is not whole: more than a cell can have."""


def read_csv_rows(body: bytes, columns: Columns, limits: ServiceConfig, encoding: str | None = None) -> Brought:
    """Return the rows of a CSV body with a header line: every cell a text, separated as in files.

    ``encoding`` is that of the stream's files, for a body that is not UTF-8. Rows are counted and checked while they
    are read, and of their cells only those of known columns are kept.

    Raises Refused: 400 for a body that is not CSV, 413 beyond a limit, 422 naming rows and fields that cannot be read.
    """
    text = Text(body, find_encoding(body, encoding))
    wanted = Wanted(columns.inputs, min(TELLING, len(columns.inputs)))
    top = list(itertools.islice(text.read_lines(), HEADER_ROWS))
    first = find_header(top, Wanted()) or (0, ",")
    skipped, separator = find_header(top, wanted) or first
    records = Records(text, skipped, separator)
    header = [name.strip() for name in next(records, [])]
    if not header:
        raise Refused(400, "The body is empty; send a header line and rows.")
    if len(header) > limits.max_columns:
        raise refuse_columns(len(header), limits)
    try:
        places = find_places(header, columns)
    except Refused:
        for _ in itertools.islice(records, SAMPLE):  # a stray quote in the header says more than columns that it hides
            pass
        raise
    table = Table(places)
    problems: list[Problem] = []
    for position, line in enumerate(records):
        if position >= limits.max_rows:
            raise refuse_count(limits)
        problems += check_line(position, line, header, limits)
        if len(problems) >= MOST_PROBLEMS:
            break
        table.add(line)
    records.check_swallowed()
    check_count(table.rows + len(problems), limits)
    if problems:
        raise refuse_rows(problems[:MOST_PROBLEMS])
    warnings = warn_of({name for name in header if name} - columns.known)
    if skipped > first[0]:
        warnings = (f"the header stands in line {skipped + 1}; the lines above it were not read", *warnings)
    return Brought(table.make(), frozenset(places), warnings)


@dataclass(frozen=True)
class Text:
    """The text of a body, decoded as it is read: the whole of it may take four bytes a letter."""

    body: bytes
    encoding: str

    def read_lines(self, skipped: int = 0) -> Iterator[str]:
        """Yield lines with their ends; Refused for one that is longer than any row can be."""
        opened = io.TextIOWrapper(io.BytesIO(self.body), self.encoding, newline="")
        number = 0
        while line := opened.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise Refused(413, f"Line {number} of the body is longer than {LONGEST_LINE} characters; shorten it.")
            if number > skipped:
                yield line


def find_encoding(body: bytes, encoding: str | None) -> str:
    """Return the encoding of a body: UTF-8, UTF-16, or else that of the stream; Refused with 400 for any other."""
    marked = next((name for mark, name in MARKS if body.startswith(mark)), "")
    named = marked or is_bare_utf16(body[:HEAD]) or "utf-8"
    fault = find_fault(body, named)
    if fault is None:
        return named
    if encoding is None or (fault := find_fault(body, encoding)) is not None:
        known = f" nor {encoding} (source.encoding)" if encoding else ""
        raise Refused(400, f"The body is not UTF-8{known} (byte {fault}); write it as UTF-8.")
    return encoding


def find_fault(body: bytes, encoding: str) -> int | None:
    """Return the first byte that is not in an encoding, None where all are; a piece is decoded at a time.

    >>> find_fault(b"se\\xf1al", "utf-8"), find_fault(b"se\\xf1al", "latin-1")
    (2, None)
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(body), PIECE):
        piece = body[start : start + PIECE]
        waiting = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, final=start + PIECE >= len(body))
        except UnicodeDecodeError as error:
            return start - waiting + error.start
    return None


class Records:
    """The rows of a body that are not blank, the header first; Refused where a quote is wrong, or there is no end."""

    def __init__(self, text: Text, skipped: int, separator: str) -> None:
        self.text, self.skipped, self.separator = text, skipped, separator
        self._reader = csv.reader(text.read_lines(skipped), delimiter=separator, strict=True)
        self._good = 0  # lines of whole records
        self._blank = 0
        self._sample: list[list[str]] = []
        self._suspects: list[tuple[int, list[str]]] = []
        self._position = -1

    def __iter__(self) -> "Records":
        return self

    def __next__(self) -> list[str]:
        while True:
            try:
                line = next(self._reader)
            except csv.Error:
                raise self._refuse_quotes() from None
            lines, self._good = self._reader.line_num - self._good, self._reader.line_num
            if not is_blank(line):
                break
            self._blank += 1
            if self._blank > MOST_BLANK:
                raise Refused(413, f"There are more than {MOST_BLANK} blank lines in the body; leave them out.")
        self._position += 1
        if len(self._sample) <= SAMPLE:
            self._sample.append(line)
        if lines > 1 and self._position and len(line) == len(self._sample[0]) and len(self._suspects) < SAMPLE:
            self._suspects.append((self._position, line))
        return line

    def check_swallowed(self) -> None:
        """Raise Refused where a quoted cell holds rows: two stray quotes make all lines between them one cell."""
        if not self._suspects:
            return
        header, *rows = self._sample
        is_number = find_numeric(pd.DataFrame([line for line in rows if len(line) == len(header)], dtype="str"))
        for position, line in self._suspects:
            for place, cell in enumerate(line):
                count = count_swallowed(line, place, self.separator, is_number) if "\n" in cell else 0
                if count:
                    records = split_records(self.text.read_lines(self.skipped), self.separator, self.skipped)
                    record = next(itertools.islice(records, position, None))
                    name = shorten(header[place].strip())
                    raise Refused(400, describe_swallowed("The body", record, self.separator, count, name))

    def _refuse_quotes(self) -> Refused:
        """Return the refusal of a quote where none can be, in the first record that is not whole."""
        above = self.skipped + self._good
        lines = take_letters(self.text.read_lines(above), EXPLAINED)
        for record in split_records(lines, self.separator, above):
            if (opened := find_open_quote(record, self.separator)) is not None:
                told = f"The body has a quote in line {opened} that is never closed"
                return Refused(400, f"{told}; remove it, or close it where its cell ends.")
        told = f"The body has text behind a closing quote, or a cell beyond {csv.field_size_limit()} characters, in"
        return Refused(400, f"{told} line {self.skipped + self._reader.line_num}; write a quote inside a cell twice.")


class Table:
    """Cells of known columns, kept as Arrow has them: a text of Python takes fifty bytes more than its letters."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self.rows = 0
        self._places = places
        self._waiting: dict[str, list[str]] = {name: [] for name in places}
        self._packed: dict[str, list[pa.Array]] = {name: [] for name in places}

    def add(self, line: Sequence[str]) -> None:
        """Keep a row; one that is too short ends in empty cells, as in files."""
        self.rows += 1
        for name, place in self._places.items():
            self._waiting[name].append(line[place] if place < len(line) else "")
        if self.rows % PACKED_ROWS == 0:
            self._pack()

    def make(self) -> pd.DataFrame:
        """Return the table."""
        self._pack()
        cells = {name: pd.array(pa.chunked_array(parts), dtype="str") for name, parts in self._packed.items()}
        return pd.DataFrame(cells)

    def _pack(self) -> None:
        for name, cells in self._waiting.items():
            self._packed[name].append(pa.array(cells, pa.large_string()))
            cells.clear()


def take_letters(lines: Iterable[str], most: int) -> Iterator[str]:
    """Yield lines until they have so many letters."""
    for line in lines:
        yield line
        most -= len(line)
        if most < 0:
            return


def is_blank(line: Sequence[str]) -> bool:
    """Return whether a line of cells is blank, as in files: nothing or blanks alone, but not an empty cell in quotes.

    >>> [is_blank(line) for line in ([], ["  "], [""], [" ", ""])]
    [True, True, False, False]
    """
    return not line or (len(line) == 1 and line[0] != "" and not line[0].strip(" \t"))


def check_line(position: int, line: Sequence[str], header: Sequence[str], limits: ServiceConfig) -> list[Problem]:
    """Return what is wrong with a line of cells; one that is too short ends in empty cells, as in files."""
    if len(line) > len(header) and any(line[len(header) :]):
        told = f"{len(line)} cells, and the header names {len(header)}; quote cells that hold the separator"
        return [Problem(position, "", told)]
    return [
        Problem(position, shorten(name), describe_long(len(cell), limits))
        for name, cell in zip(header, line, strict=False)
        if len(cell) > limits.max_text
    ]
