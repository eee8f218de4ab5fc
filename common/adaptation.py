"""Reading a table whose cells may be written otherwise than the stream's: a batch of another system, a request by hand.

Each column is read in the stream's notation. Only where cells of it cannot be read is its notation decided anew, on all
its cells in this table; it changes where another one surely reads more. What remains unreadable is reported.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pointsman.common.cells.date_notations import EPOCH_MS, EPOCH_S, EXCEL, ISO, ISO_WEEK
from pointsman.common.cells.dates import decide_dates, find_far, parse_dates
from pointsman.common.cells.notation import Notation
from pointsman.common.cells.numbers import AMBIGUOUS, decide_numbers, find_doubtful, parse_numbers
from pointsman.common.reading import find_missing, read_any_dates, read_input, read_inputs, trim
from pointsman.common.schema import Schema
from pointsman.common.text import count, shorten

NAMES = {
    ISO: "YYYY-MM-DD",
    EPOCH_S: "seconds since 1970",
    EPOCH_MS: "milliseconds since 1970",
    EXCEL: "Excel's days",
    ISO_WEEK: "ISO weeks",
}
"""What messages call notations that have no format."""


@dataclass(frozen=True)
class CellChange:
    """A column of a table that is in another notation than the stream's: ``example`` was read in the new one.

    With a ``doubt`` it is read as before, but may mean something else.

    ``contradicted`` is a pair of cells that no single notation reads; the column then stays in the stream's. ``rival``
    is a notation of dates that reads the cells as well, but as other dates.
    """

    column: str
    was: Notation
    now: Notation
    example: str
    contradicted: tuple[str, str] | None = None
    rival: str | None = None
    doubt: str = ""

    def describe(self) -> str:
        """Return the middle of a sentence: which column is written in which way."""
        if self.contradicted:
            one, other = self.contradicted
            return (
                f"the dates of '{self.column}' are in two notations ('{one}' and '{other}'), so that no other cell of "
                "them can be trusted; write them as YYYY-MM-DD"
            )
        if self.doubt and self.now == self.was:
            return f"'{self.column}' {self.doubt}"
        was = describe_notation(self.was) if self.was.date_format or not self.now.date_format else "otherwise"
        return (
            f"'{self.column}' is written as {describe_notation(self.now)}, such as '{self.example}', and was {was} "
            "before; it is read as it is written"
            + (f", though {self.rival} would read it as well" if self.rival else "")
            + (f"; it {self.doubt}" if self.doubt else "")
        )


@dataclass(frozen=True)
class Unread:
    """Filled cells of a column of ``rows`` rows that cannot be read as the ``kind`` (number or date) it holds."""

    column: str
    kind: str
    count: int
    rows: int
    example: str

    def describe(self) -> str:
        """Return a clause that says what could not be read, and what became of it.

        >>> Unread("premium", "number", 3, 6, "43 years").describe()
        "3 of 6 cells of 'premium' are no number, such as '43 years', and count as missing"
        """
        return (
            f"{self.count} of {count(self.rows, 'cell')} of '{self.column}' {'is' if self.count == 1 else 'are'} no "
            f"{self.kind}, such as '{self.example}', and {'counts' if self.count == 1 else 'count'} as missing"
        )


@dataclass(frozen=True, eq=False)
class Reading:
    """A table as it was read: typed inputs (n_rows, n_inputs), the schema in this table's notations, what changed."""

    inputs: pd.DataFrame
    schema: Schema
    changes: tuple[CellChange, ...] = ()


def read_adapted(raw: pd.DataFrame, schema: Schema, settled: Collection[str] = ()) -> Reading:
    """Return the typed inputs of a table, each column in the notation in which it is written here.

    The notations of ``settled`` columns are known to be the schema's, by more than the cells of this table.
    """
    inputs = read_inputs(raw, schema)
    changes = tuple(change for change in find_changes(raw, inputs, schema) if change.column not in settled)
    adapted = schema.with_notations({one.column: one.now for one in changes if one.now != one.was})
    for change in changes:
        if change.column in inputs and change.now != change.was:
            inputs[change.column] = read_input(raw[change.column], change.column, adapted)
    return Reading(inputs, adapted, changes)


def find_changes(raw: pd.DataFrame, inputs: pd.DataFrame, schema: Schema) -> Iterator[CellChange]:
    """Yield the columns that are written in another notation; ``inputs`` is the table as the schema reads it."""
    for name in schema.numeric:
        if name not in raw:
            continue
        doubts = list(_doubt_number(raw[name], name, schema))
        if not pd.api.types.is_numeric_dtype(raw[name]) and inputs[name].isna().any():
            for change in _change_number(raw[name], name, schema):
                yield replace(change, doubt="; it ".join(one.doubt for one in doubts))
                doubts = []
        yield from doubts
    for name in schema.dates:
        if name in raw and not pd.api.types.is_datetime64_any_dtype(raw[name]):
            yield from _change_date(raw[name], name, schema)


def change_target(cells: pd.Series, schema: Schema) -> CellChange | None:
    """Return the change of notation of a numeric target; None where it is written as before."""
    if schema.task.is_classification and not schema.label_is_rule:
        return None
    if pd.api.types.is_numeric_dtype(cells):
        return None
    return next(_change_number(cells, schema.target, schema), None)


def _change_number(cells: pd.Series, name: str, schema: Schema) -> Iterator[CellChange]:
    texts, counts = count_texts(cells, schema.missing_of(name))
    usual = schema.notation(name)
    strict = decide_numbers(texts, counts, wanted=(replace(usual, missing=(), words=None, labels=()),), usual=usual)
    if strict.reads.all():
        return
    decided = decide_numbers(texts, counts, usual=usual)
    newly = decided.reads & ~strict.reads
    if not newly.any() or decided.example or texts[newly].str.fullmatch(AMBIGUOUS).all():
        return
    # Cells that the usual notation reads keep their meaning, unless most cells are not in it.
    both = decided.reads & strict.reads
    kept = np.array_equal(parse_numbers(texts[both], usual), parse_numbers(texts[both], decided.notation))
    if kept or 2 * counts[strict.reads].sum() < counts[decided.reads].sum():
        marks = decided.notation
        now = replace(usual, decimal=marks.decimal, thousands=marks.thousands, places=None)
        yield CellChange(name, usual, now, _shorten(texts[newly].iloc[0]))


def _doubt_number(cells: pd.Series, name: str, schema: Schema) -> Iterator[CellChange]:
    """Yield doubts about numbers that the stream's notation can read, but that may mean other numbers."""
    usual = schema.notation(name)
    # Doubt comes from how earlier rows were written; a notation that the configuration states is never doubted.
    if usual.stated or (usual.places is None and not usual.percent):
        return
    texts, _ = count_texts(cells, schema.missing_of(name))
    is_text = not pd.api.types.is_numeric_dtype(cells)
    if not len(texts):
        return
    # With ',' before decimals, 2,875 reads as 2.875; where no number ever had three decimals it may be 2875.
    if is_text and (example := find_doubtful(texts, usual)) is not None:
        other = example.replace(usual.decimal, "")
        yield CellChange(
            name,
            usual,
            usual,
            example,
            doubt=(
                f"can be read two ways: '{example}' is taken with '{usual.decimal}' before decimals, "
                "as in earlier rows, "
                f"which had {usual.places} of them at most, and may be {other}"
            ),
        )
    # '12 %' has been read as 12, so that 0.12 would now be a hundred times too small.
    if usual.percent and not (is_text and texts.str.contains("[%％]", regex=True).any()):
        yield CellChange(
            name,
            usual,
            usual,
            texts.iloc[0],
            doubt=(
                f"had percent signs in earlier rows and has none here: '{texts.iloc[0]}' is taken as "
                "it stands, and may be "
                "a share that is a hundred times as many percent"
            ),
        )


def _change_date(cells: pd.Series, name: str, schema: Schema) -> Iterator[CellChange]:
    texts, counts = count_texts(cells, schema.missing_of(name))
    usual = schema.notation(name)
    if usual.stated:
        return
    any_notation = usual.date_format is None  # as states of earlier releases have it
    if not len(texts) or parse_dates(texts, usual.date_format, usual.latest_year, any_notation).notna().all():
        return
    decided = decide_dates(texts, counts, usual.date_format, digits=True)
    if decided.contradicted:
        yield CellChange(name, usual, usual, decided.contradicted[1], decided.contradicted)
        return
    before = counts[parse_dates(texts, usual.date_format, usual.latest_year).notna().to_numpy()].sum()
    if decided.date_format != usual.date_format and counts[decided.reads].sum() >= max(before, 1):
        now = replace(usual, date_format=decided.date_format)
        example = _shorten(texts[decided.reads].iloc[0])
        yield CellChange(name, usual, now, example, rival=decided.rival)


def count_texts(cells: pd.Series, missing_values: tuple[str, ...]) -> tuple[pd.Series, np.ndarray]:
    """Return the distinct known cells as trimmed texts (n_texts,) of dtype ``str``, and how often each occurs."""
    counted = trim(cells).value_counts(sort=False)
    texts = pd.Series(counted.index, dtype="str")
    known = (texts.notna() & ~texts.isin(missing_values)).to_numpy(dtype=bool)
    return texts[known].reset_index(drop=True), counted.to_numpy()[known]


def find_unread(raw: pd.DataFrame, inputs: pd.DataFrame, schema: Schema) -> list[Unread]:
    """Return the columns of a table with filled cells that could not be read, in the order of the schema."""
    found = []
    for kind, names in (("number", schema.numeric), ("date", schema.dates)):
        for name in names:
            if name not in raw or not (lost := inputs[name].isna().to_numpy()).any():
                continue
            cells = raw[name][lost]
            unread = ~find_missing(cells, schema.missing_of(name)).to_numpy(dtype=bool)
            if kind == "date" and unread.any():
                unread &= ~find_far_cells(cells, name, schema)
            if unread.any():
                example = _shorten(str(cells[unread].iloc[0]))
                found.append(Unread(name, kind, int(unread.sum()), len(raw), example))
    return found


def find_far_cells(cells: pd.Series, name: str, schema: Schema) -> np.ndarray:
    """Return which cells (n_rows,) are dates outside the usable range, such as 9999-12-31 for an open end."""
    notation = schema.notation(name)
    dates = read_any_dates(cells, notation.date_format, schema.missing_of(name), notation.latest_year)
    return find_far(dates).to_numpy(dtype=bool)


def describe_notation(notation: Notation) -> str:
    """Return a notation in words.

    >>> describe_notation(Notation(decimal=",", thousands=".")), describe_notation(Notation(date_format="%d/%m/%Y"))
    ('1.234,5', '%d/%m/%Y')
    """
    if notation.date_format:
        return NAMES.get(notation.date_format, notation.date_format)
    return f"1{notation.thousands}234{notation.decimal}5"


def _shorten(cell: str) -> str:
    return shorten(" ".join(cell.split()))
