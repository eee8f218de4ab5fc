"""CSV bodies to rows: the encoding, the header and each line, held against the limits."""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence

import pandas as pd

from pointsman.common.config import ServiceConfig
from pointsman.common.formats import HEAD, is_bare_utf16
from pointsman.common.text_faults import (
    SAMPLE,
    TextRecord,
    count_swallowed,
    describe_swallowed,
    find_numeric,
    find_open_quote,
    split_records,
)
from pointsman.common.text_files import MARKS, find_header
from pointsman.common.wanted import HEADER_ROWS, TELLING, Wanted
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


def read_csv_rows(body: bytes, columns: Columns, limits: ServiceConfig, encoding: str | None = None) -> Brought:
    """Return the rows of a CSV body with a header line: every cell a text, separated as in files.

    ``encoding`` is that of the stream's files, for a body that is not UTF-8.

    Raises Refused: 400 for a body that is not CSV, 413 beyond a limit, 422 naming rows and fields that cannot be read.
    """
    text = decode_text(body, encoding)
    wanted = Wanted(columns.inputs, min(TELLING, len(columns.inputs)))
    top = list(itertools.islice(io.StringIO(text, newline=""), HEADER_ROWS))
    first = find_header(top, Wanted()) or (0, ",")
    skipped, separator = find_header(top, wanted) or first
    rest = io.StringIO(text, newline="")  # the header may stand below a title, whose lines are no CSV
    for _ in range(skipped):
        rest.readline()
    reader = csv.reader(rest, delimiter=separator, strict=True)
    try:
        every = list(reader)
    except csv.Error:
        raise refuse_quotes(text, skipped, separator, reader.line_num) from None
    lines = [line for line in every if not is_blank(line)]
    if not lines:
        raise Refused(400, "The body is empty; send a header line and rows.")
    header, cells = [name.strip() for name in lines[0]], lines[1:]
    if reader.line_num > len(every):  # some cell reaches over lines
        check_swallowed(text, skipped, separator, lines)
    if len(header) > limits.max_columns:
        raise refuse_columns(len(header), limits)
    check_count(len(cells), limits)
    places = find_places(header, columns)
    problems = [
        problem for position, line in enumerate(cells) for problem in check_line(position, line, header, limits)
    ]
    if problems:
        raise refuse_rows(problems[:MOST_PROBLEMS])
    table = {name: [line[place] if place < len(line) else "" for line in cells] for name, place in places.items()}
    warnings = warn_of({name for name in header if name} - columns.known)
    if skipped > first[0]:
        warnings = (f"the header stands in line {skipped + 1}; the lines above it were not read", *warnings)
    return Brought(pd.DataFrame(table, dtype="str"), frozenset(table), warnings)


def decode_text(body: bytes, encoding: str | None) -> str:
    """Return the text of a body: UTF-8, UTF-16, or else in the stream's encoding; Refused with 400 for any other."""
    marked = next((name for mark, name in MARKS if body.startswith(mark)), "")
    try:
        return body.decode(marked or is_bare_utf16(body[:HEAD]) or "utf-8")
    except UnicodeDecodeError as error:
        try:
            return body.decode(encoding or "utf-8")
        except UnicodeDecodeError:
            known = f" nor {encoding} (source.encoding)" if encoding else ""
            told = f"The body is not UTF-8{known} (byte {error.start}); write it as UTF-8."
            raise Refused(400, told) from None


def refuse_quotes(text: str, skipped: int, separator: str, line: int) -> Refused:
    """Return the refusal of a body with a quote where none can be, in one of its lines or before it."""
    for record in split_body(text, skipped, separator):
        if (opened := find_open_quote(record, separator)) is not None:
            told = f"The body has a quote in line {opened} that is never closed"
            return Refused(400, f"{told}; remove it, or close it where its cell ends.")
    told = f"The body has text behind a closing quote, or a cell beyond {csv.field_size_limit()} characters, in line"
    return Refused(400, f"{told} {skipped + line}; write a quote inside a quoted cell twice.")


def check_swallowed(text: str, skipped: int, separator: str, lines: list[list[str]]) -> None:
    """Raise Refused where a quoted cell holds rows: two stray quotes make all lines between them one cell."""
    width = len(lines[0])
    whole = [line for line in lines[1:] if len(line) == width]
    is_number = find_numeric(pd.DataFrame(whole[:SAMPLE], dtype="str"))
    for position, line in enumerate(lines):
        if position and len(line) == width and any("\n" in cell for cell in line):
            for place, cell in enumerate(line):
                count = count_swallowed(line, place, separator, is_number) if "\n" in cell else 0
                if count:
                    record = next(itertools.islice(split_body(text, skipped, separator), position, None))
                    name = shorten(lines[0][place].strip())
                    raise Refused(400, describe_swallowed("The body", record, separator, count, name))


def split_body(text: str, skipped: int, separator: str) -> Iterator[TextRecord]:
    """Yield the rows of a body that are not blank, the header first, with their lines."""
    return split_records(itertools.islice(io.StringIO(text, newline=""), skipped, None), separator, skipped)


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
