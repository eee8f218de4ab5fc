"""What a JSON body holds, found before any of it is made an object: a row takes some thirty times its bytes then.

Bodies are looked at a block at a time, as simdjson does (Langdale and Lemire, "Parsing gigabytes of JSON per second",
2019): which bytes are inside of texts, and how deep each bracket and comma stands. Rows are then read a few at a time,
checked and dropped, so that a body that is refused in the end has cost little. One that passes is read whole after it.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api.refusal import MOST_PROBLEMS, Problem, Refused, refuse_rows

SMALL = 65_536
"""Bytes of a body that is read at once: it cannot cost much."""
BLOCK = 1 << 16
"""Bytes that are looked at, or made objects, at a time."""
MOST_BESIDE = 1 << 18
"""Bytes that may stand beside the rows."""
ESCAPED = 6
"""Bytes that a letter may be written with: a backslash, u and four digits."""
MOST_DEEP = 1_000
"""Lists and objects in each other: what reads JSON gives up soon after."""
MOST_NESTED = 1_000
"""Lists and objects within a row of more than a block."""

_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1
_MARKS = _STEPS != 0
_MARKS[list(b",:")] = True
_OPENS, _COMMA, _COLON, _BRACKET = np.frombuffer(b"[{", np.uint8), ord(","), ord(":"), ord("[")

Check = Callable[[int, Any], Sequence[Problem]]
"""Returns what is wrong with the row at a position."""


@dataclass(frozen=True, eq=False)
class Marks:
    """Brackets, commas and colons outside of texts: where they stand, what they are, how deep it is behind each.

    ``end`` is where the block ends in which they were found.
    """

    places: np.ndarray
    signs: np.ndarray
    depths: np.ndarray
    end: int

    def pick(self, which: np.ndarray) -> list[tuple[int, int, int]]:
        """Return place, sign and depth of some of them."""
        parts = (self.places[which], self.signs[which], self.depths[which])
        return list(zip(*(part.tolist() for part in parts), strict=True))


def find_marks(body: bytes, start: int = 0, end: int | None = None) -> Iterator[Marks]:
    """Yield the marks in a part of a body, block by block; the part begins outside of a text, at depth 0.

    >>> [marks.places.tolist() for marks in find_marks(b'{"a,\\\\\\\\": [1]}')]
    [[0, 7, 9, 11, 12]]
    """
    end = len(body) if end is None else end
    is_inside, depth = False, 0
    while start < end:
        block = body[start : min(start + BLOCK, end)]
        trailing = len(block) - len(block.rstrip(b"\\"))
        if trailing % 2 and start + len(block) < end:  # an escape is not cut in two
            block = block[:-1]
        if b"\\" in block:
            block = block.replace(b"\\\\", b"xx").replace(b'\\"', b"xx")
        letters = np.frombuffer(block, dtype=np.uint8)
        inside = np.logical_xor.accumulate(letters == ord('"')) ^ is_inside
        places = np.flatnonzero(_MARKS[letters] & ~inside)
        signs = letters[places]
        depths = depth + np.cumsum(_STEPS[signs], dtype=np.int64)
        yield Marks(places + start, signs, depths, start + len(block))
        is_inside = bool(inside[-1])
        depth = int(depths[-1]) if len(depths) else depth
        start += len(block)


def check_big(body: bytes, key: str, limits: ServiceConfig, check: Check) -> None:
    """Raise Refused for a body of more than a few rows that is not to be read: too many rows, or rows with faults.

    ``key`` is that of the list of rows where the body is an object. A small body, and what is no list of rows, passes
    and is judged when it is read.
    """
    if len(body) <= SMALL:
        return
    first = body[:SMALL].lstrip(b" \t\r\n")[:1]
    span = (0, len(body)) if first == b"[" else find_list(body, key, limits) if first == b"{" else None
    if span is None:
        if first == b"{":
            alone = Rows(0)
            alone.end_row(len(body))
            check_rows(body, alone, limits, check)
        return
    check_rows(body, list_rows(body, *span, limits), limits, check)


def find_list(body: bytes, key: str, limits: ServiceConfig) -> tuple[int, int] | None:
    """Return where the list under a key of an object begins and ends, None where there is none.

    Raises Refused where the object has too many keys, or much beside the list.
    """
    begun, colon, count, found = 0, None, 0, None
    for marks in find_marks(body):
        top = (marks.depths == 1) & ~np.isin(marks.signs, _OPENS)
        for place, sign, _ in marks.pick(top | (marks.depths == 0)):
            if sign == _COLON:
                colon = place
                continue
            if colon is not None and body[max(begun, colon - 100) : colon].strip(b" \t\r\n{,") == f'"{key}"'.encode():
                value = colon + 1
                while body[value : value + 1] in (b" ", b"\t", b"\r", b"\n"):
                    value += 1
                found = (value, place + (sign != _COMMA)) if body[value] == _BRACKET else found
            if sign == _COMMA:
                begun, colon, count = place, None, count + 1
                if count > limits.max_columns:
                    raise refuse_keys(limits)
    if found is not None and len(body) - (found[1] - found[0]) > MOST_BESIDE:
        raise Refused(413, f"Much stands beside {key} in the body; leave it out.")
    return found


class Rows(Sequence[tuple[int, int]]):
    """Where rows begin and end, each behind the one before and a comma."""

    def __init__(self, first: int) -> None:
        self._begun = array("q", [first])

    def __len__(self) -> int:
        return len(self._begun) - 1

    def __getitem__(self, place: Any) -> Any:
        return self._begun[place], self._begun[place + 1] - 1

    def end_row(self, end: int) -> None:
        """Note where the last row ends."""
        self._begun.append(end + 1)


def list_rows(body: bytes, start: int, end: int, limits: ServiceConfig) -> Rows:
    """Return where each element of a list begins and ends; Refused where there are too many."""
    rows = Rows(body.index(b"[", start) + 1)
    for marks in find_marks(body, start, end):
        splits = (marks.depths == 1) & (marks.signs == _COMMA)
        for place, _, depth in marks.pick(splits | (marks.depths == 0)):
            rows.end_row(place)
            if len(rows) > limits.max_rows:
                raise refuse_count(limits)
            if depth == 0:
                return rows
    rows.end_row(end)
    return rows


def check_rows(body: bytes, rows: Rows, limits: ServiceConfig, check: Check) -> None:
    """Raise Refused for rows with faults: they are made objects a block at a time."""
    problems: list[Problem] = []
    position = 0
    while position < len(rows):
        start, end = rows[position]
        if end - start > BLOCK:
            check_long(body, position, start, end, limits)
        last = position + 1
        while last < len(rows) and rows[last][1] - start <= BLOCK:
            last += 1
        end = rows[last - 1][1]
        try:
            read = orjson.loads(b"[%b]" % body[start:end])
        except orjson.JSONDecodeError as error:
            told = (
                f"The body is no JSON ({error.msg} near byte {start + error.pos}); what is missing is written as null."
            )
            raise Refused(400, told) from None
        for place, row in enumerate(read, position):
            problems += check(place, row)
        if len(problems) >= MOST_PROBLEMS:
            break
        position = last
    if problems:
        raise refuse_rows(problems[:MOST_PROBLEMS])


def check_long(body: bytes, position: int, start: int, end: int, limits: ServiceConfig) -> None:
    """Raise Refused for a long row that would be far longer as an object."""
    commas = nested = 0
    before = start
    for marks in find_marks(body, start, end):
        # Between two marks stands one text at most; a letter of it is written with six bytes at most.
        gaps = np.diff(marks.places, prepend=before, append=min(marks.end, end))
        if gaps.max() > ESCAPED * limits.max_text + SMALL:
            problem = f"a text in it is longer than {limits.max_text} characters (service.max_text); shorten it"
            raise refuse_rows([Problem(position, "", problem)])
        before = int(marks.places[-1]) if len(marks.places) else before
        commas += int(((marks.depths == 1) & (marks.signs == _COMMA)).sum())
        nested += int(np.isin(marks.signs, _OPENS).sum())
        if len(marks.depths) and marks.depths.max() > MOST_DEEP:
            raise Refused(400, f"The body is no JSON that is read: its depth is more than {MOST_DEEP}; write it flat.")
        if commas >= limits.max_columns:
            raise refuse_keys(limits)
        if nested > MOST_NESTED:
            problem = "lists or objects are no cells; write numbers, texts or null"
            raise refuse_rows([Problem(position, "", problem)])


def refuse_count(limits: ServiceConfig) -> Refused:
    """Return the refusal of a body with too many rows: who counts while reading does not know how many."""
    return Refused(413, f"There are more than {limits.max_rows} rows (service.max_rows); send them in parts.")


def refuse_keys(limits: ServiceConfig) -> Refused:
    """Return the refusal of an object with too many keys."""
    return Refused(413, f"A row has more than {limits.max_columns} columns (service.max_columns); leave some out.")
