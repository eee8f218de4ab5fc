"""What a column is and how its cells are written, on the evidence of all its cells in the first batch."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from pointsman.common.adaptation import count_texts
from pointsman.common.cells.dates import decide_dates, parse_dates
from pointsman.common.cells.notation import PLAIN, Notation
from pointsman.common.cells.numbers import count_places, decide_numbers, parse_numbers
from pointsman.common.cells.words import find_truth
from pointsman.common.column_names import NAMELESS
from pointsman.common.config import SchemaConfig
from pointsman.common.errors import DataError
from pointsman.common.reading import TYPE_SHARE
from pointsman.pipeline.collection.column import Column, ColumnRole
from pointsman.pipeline.collection.date_evidence import (
    IDENTIFIER_SHARE,
    MIN_DIGIT_DATES,
    find_date_column,
    find_digit_dates,
)
from pointsman.pipeline.collection.gaps import find_gap_words, warn_of_gaps
from pointsman.pipeline.collection.number_evidence import find_leading_zero, find_number_column

MIN_IDENTIFIER_CELLS = 50
"""With at least this many known cells, a column in which nearly all differ is an identifier."""

MOST_TRUTHS = 12
"""Spellings of yes and no that one column may mix."""

NEAR_SHARE = 0.5
"""With more than this share of numbers or dates, a column of text gets a warning."""

CODE_LENGTH = 3
CODE_SHARE = 0.5
"""Digits of one length, some with leading zeros, are codes and no numbers where at most this share is distinct."""

MOST_UNITS = 1_000
UNIT = re.compile(r"[-+0-9.,' ]*[0-9]\s*([^\W\d_]{1,12}[.²³]?)")
"""A number with a unit behind it."""


def decide_column(cells: pd.Series, name: str, stated: SchemaConfig) -> Column:
    """Return what a column that nobody declared looks like.

    >>> stated = SchemaConfig(time="day", target="y")
    >>> decide_column(pd.Series(["1.234,5", "7,25", "?"]), "x", stated).notation.missing
    ('?',)
    >>> decide_column(pd.Series(["ja", "nein"]), "x", stated).notation.words
    ('nein', 'ja')
    """
    texts, counts = count_texts(cells, stated.missing_values)
    if not len(texts):
        return Column(
            ColumnRole.NUMERIC, "it is empty in the first batch and may fill later; declare it where that is wrong"
        )
    if pd.api.types.is_datetime64_any_dtype(cells):
        return Column(ColumnRole.DATE)
    # A number that the file itself holds as one may still be a date, or yes and no, in digits.
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        alike = find_truth_column(texts, counts, name, stated) or find_digit_dates(texts, counts, name, stated)
        return alike or Column(ColumnRole.NUMERIC, notation=Notation(places=count_places(texts, PLAIN)))
    if name.startswith(NAMELESS) and texts.str.fullmatch("[0-9]+").all() and len(texts) == len(cells):
        why = f"The column without a name ({name}) is left out: it numbers the rows; schema.numeric keeps it."
        return Column(ColumnRole.UNUSED, "numbers the rows", warnings=(why,))
    # The narrower reading comes first: yes and no may read as numbers, codes and dates in digits do.
    if (truth := find_truth_column(texts, counts, name, stated)) is not None:
        return truth
    if is_code(texts, counts):
        return Column(
            ColumnRole.CATEGORICAL,
            "its cells are codes with leading zeros, such as "
            f"'{find_leading_zero(texts)}'; schema.numeric reads them as numbers",
        )
    if (digits := find_digit_dates(texts, counts, name, stated)) is not None:
        return digits
    if (numbers := find_number_column(texts, counts, name, stated)) is not None:
        return numbers
    if (dates := find_date_column(texts, counts, name, stated)) is not None:
        return dates
    with_unit = warn_of_units(texts, name) or warn_of_near_misses(texts, counts, name)
    if counts.sum() >= MIN_IDENTIFIER_CELLS and len(texts) > IDENTIFIER_SHARE * counts.sum():
        told = with_unit or (warn_of_identifier(name, texts.iloc[0]),)
        return Column(ColumnRole.UNUSED, "looks like an identifier", warnings=told)
    return Column(ColumnRole.CATEGORICAL, warnings=with_unit)


def decide_declared(cells: pd.Series, name: str, role: ColumnRole, stated: SchemaConfig) -> Column:
    """Return how the cells of a column with a declared role are written."""
    texts, counts = count_texts(cells, stated.missing_values)
    if not len(texts) or role is ColumnRole.UNUSED or pd.api.types.is_datetime64_any_dtype(cells):
        return Column(role)
    if role is ColumnRole.NUMERIC:
        return check_declared(find_number_column(texts, counts, name, stated, declared=True), texts, counts, name, role)
    if role is ColumnRole.DATE:
        return check_declared(find_date_column(texts, counts, name, stated, declared=True), texts, counts, name, role)
    truth = find_truth_column(texts, counts, name, stated)
    return Column(role) if truth is None else replace(truth, role=role, reason="")


def check_declared(column: Column | None, texts: pd.Series, counts: np.ndarray, name: str, role: ColumnRole) -> Column:
    """Return a declared column, with a warning if many cells do not fit its role; DataError if none does."""
    column = column or Column(role)
    notation = column.notation
    # Words for 'missing' that the column has of its own are gaps, not unreadable cells.
    known = ~texts.isin(notation.missing).to_numpy(dtype=bool)
    read = (
        ~np.isnan(parse_numbers(texts, notation))
        if role is ColumnRole.NUMERIC
        else parse_dates(texts, notation.date_format).notna().to_numpy()
    )
    unread = known & ~read
    if not unread.any() or counts[unread].sum() <= (1 - TYPE_SHARE) * counts[known].sum():
        return column
    example, key = texts[unread].iloc[0], f"schema.{role.value}"
    fix = (
        "state its marks under schema.numbers"
        if role is ColumnRole.NUMERIC
        else (f"state its notation, as in schema.dates: {{{name}: '%d.%m.%Y'}}")
    )
    # Where the user stated marks or a format, these do not fit: advising to state some would not help.
    if notation.stated:
        fix = f"correct what schema.{'numbers' if role is ColumnRole.NUMERIC else 'dates'} states"
    if not (read & known).any():
        raise DataError(
            f"{key} names '{name}', no cell of which can be read so, such as '{example}'; {fix}, or correct {key}."
        )
    told = (
        f"{int(counts[unread].sum())} of {int(counts[known].sum())} cells of '{name}' cannot be read as {key} says, "
        f"such as '{example}', and count as missing; {fix}, or correct {key}."
    )
    return replace(column, warnings=(*column.warnings, told))


def find_truth_column(texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if they are yes and no in some words; else None."""
    gaps = find_gap_words(texts) if len(texts) <= MOST_TRUTHS else ()
    known = [text for _, text in sorted(zip(-counts, texts, strict=True)) if text not in gaps][: MOST_TRUTHS + 1]
    if not known or len(known) > MOST_TRUTHS or (words := find_truth(known)) is None:
        return None
    notation = Notation(words=words, missing=gaps)
    digits = {"0", "1", "1.0", "0.0", ""}
    role = ColumnRole.NUMERIC if set(known) <= digits else ColumnRole.CATEGORICAL
    return Column(
        role, notation=notation, warnings=warn_of_gaps(name, notation.missing, texts, counts, "yes or no", stated)
    )


def is_code(texts: pd.Series, counts: np.ndarray) -> bool:
    """Return whether texts are digits of one length, some with a leading zero: agencies, post codes, branches."""
    lengths = texts.str.len()
    if lengths.iloc[0] < CODE_LENGTH or lengths.nunique() > 1 or len(texts) > CODE_SHARE * counts.sum():
        return False
    return bool(texts.str.fullmatch("[0-9]+").all() and texts.str.startswith("0").any())


def warn_of_near_misses(texts: pd.Series, counts: np.ndarray, name: str) -> tuple[str, ...]:
    """Return the warning that most texts of a column are numbers or dates, and too many are not; else none."""
    for kind, key, reads in (
        ("numbers", "schema.numeric", decide_numbers(texts, counts).reads),
        ("dates", "schema.dates", decide_dates(texts, counts).reads),
    ):
        share = counts[reads].sum() / counts.sum()
        if share > NEAR_SHARE and reads.sum() > MIN_DIGIT_DATES:
            return (
                f"{share:.0%} of the cells of '{name}' are {kind}, and others, such as '{texts[~reads].iloc[0]}', are "
                f"not, so it is read as texts; {key} makes these missing.",
            )
    return ()


def warn_of_identifier(name: str, example: str) -> str:
    """Return the warning that a column is left out because nearly all its cells differ."""
    return (
        f"The column '{name}' is left out: nearly every cell of it is another text, such as '{example}'; "
        "list it under schema.categorical to keep it, with its notation under schema.dates if these are dates, "
        "or under schema.drop to say so."
    )


def warn_of_units(texts: pd.Series, name: str) -> tuple[str, ...]:
    """Return the warning that texts are numbers with one unit, none where they are not."""
    units = {found[1] if (found := UNIT.fullmatch(text)) else None for text in texts.head(MOST_UNITS)}
    if len(units) != 1 or None in units or len(texts) < MIN_DIGIT_DATES:
        return ()
    return (
        f"The cells of '{name}' look like numbers with the unit '{units.pop()}', such as '{texts.iloc[0]}', and are "
        "read as texts; write the numbers alone to have them learned as numbers, or list it under schema.drop.",
    )
