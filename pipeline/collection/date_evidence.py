"""Is a column one of dates, and how are they written?"""

import numpy as np
import pandas as pd

from pointsman.common.cells.date_notations import DIGITS, TWINS
from pointsman.common.cells.dates import FIRST_MOMENT, LAST_MOMENT, DateDecision, decide_dates, find_far, parse_dates
from pointsman.common.cells.notation import Notation
from pointsman.common.config import SchemaConfig
from pointsman.common.reading import TYPE_SHARE
from pointsman.pipeline.collection.column import Column, ColumnRole
from pointsman.pipeline.collection.gaps import describe_lost, find_gap_words, find_repeated, warn_of_gaps

IDENTIFIER_SHARE = 0.9
"""A text column with more than this share of distinct cells among enough known ones has nothing to learn from."""

MIN_DIGIT_DATES = 10
"""Distinct texts such as 20230131 that must all be days of a calendar for a column to be one of dates."""


def find_date_column(
    texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig, declared: bool = False
) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if nearly all are dates in one notation; else None."""
    nothing = (text for text in texts if text.strip("0-/. :") == "")  # such as 0000-00-00
    gaps = tuple(sorted({*find_gap_words(texts), *nothing}))
    kept = ~texts.isin(gaps).to_numpy(dtype=bool)
    if not kept.any():
        return None
    if (date_format := stated.date_formats.get(name)) is not None:
        return Column(ColumnRole.DATE, notation=Notation(date_format=date_format, missing=gaps, stated=True))
    days, known = texts[kept].reset_index(drop=True), counts[kept]
    decided = decide_dates(days, known, digits=declared)
    # A text that repeats and is not a date stands for 'missing'; without it the notation is decided once more.
    if repeated := find_repeated(days, known, decided.reads):
        gaps, others = tuple(sorted((*gaps, *repeated))), ~days.isin(repeated).to_numpy(dtype=bool)
        days, known = days[others].reset_index(drop=True), known[others]
        decided = decide_dates(days, known, digits=declared)
    if not declared and not has_enough_dates(days, known, decided):
        return None
    warnings = warn_of_gaps(name, gaps, texts, counts, "dates", stated)
    if decided.contradicted:
        warnings = (*warnings, warn_of_two_notations(name, decided, declared))
        if not declared:  # no notation reads the column, so it is text, and useless where nearly every cell differs
            is_left_out = len(texts) > IDENTIFIER_SHARE * counts.sum()
            why = "its dates are in two notations" if is_left_out else ""
            return Column(ColumnRole.UNUSED if is_left_out else ColumnRole.CATEGORICAL, why, warnings=warnings)
    if decided.rival:
        told = (
            f"The dates of '{name}', such as '{days.iloc[0]}', read as {decided.date_format} and as {decided.rival} "
            f"alike; the first is used; schema.dates: {{{name}: '{decided.rival}'}} takes the other."
        )
        warnings = (*warnings, told)
    lost = describe_lost(days, known, decided.reads, "dates")
    return Column(ColumnRole.DATE, lost, Notation(date_format=decided.date_format, missing=gaps), warnings)


def has_enough_dates(days: pd.Series, counts: np.ndarray, decided: DateDecision) -> bool:
    """Return whether nearly all distinct texts (n_texts,) are dates, in one notation or two, and most are plausible."""
    reads = decided.reads
    if decided.contradicted:
        reads = reads | parse_dates(days, TWINS[decided.date_format], others=False).notna().to_numpy()
    if counts[reads].sum() < TYPE_SHARE * counts.sum():
        return False
    dates = parse_dates(days[decided.reads], decided.date_format)
    return bool(2 * find_far(dates).sum() <= len(dates))  # codes such as 1305-11 are not dates of the year 1305


def warn_of_two_notations(name: str, decided: DateDecision, declared: bool) -> str:
    """Return the warning that a column's dates contradict each other, with what becomes of them."""
    one, other = decided.contradicted or ("", "")
    taken = "those of the other count as missing" if declared else "are taken as text"
    return (
        f"The dates of '{name}' are in two notations ('{one}' and '{other}') and {taken}; write them as "
        f"YYYY-MM-DD, or give the notation that counts: schema.dates: {{{name}: '{decided.date_format}'}}."
    )


def find_digit_dates(texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if all are months or days in digits, such as 202301."""
    gaps = find_gap_words(texts)
    days = texts[~texts.isin(gaps)]
    if len(days) < MIN_DIGIT_DATES:
        return None
    for date_format in ("%Y%m%d", "%Y%m", "%Y%m%d%H%M%S", "%Y%m%d%H%M"):
        if not days.str.fullmatch(DIGITS[date_format]).all():
            continue
        dates = parse_dates(days, date_format, others=False)
        if dates.between(FIRST_MOMENT, LAST_MOMENT).all():
            why = f"its cells are dates of digits ({date_format}, such as '{days.iloc[0]}')"
            notation = Notation(date_format=date_format, missing=gaps)
            told = f"The column '{name}' is taken as dates: {why}; schema.numeric makes them numbers."
            return Column(
                ColumnRole.DATE, "", notation, (told, *warn_of_gaps(name, gaps, texts, counts, "dates", stated))
            )
    return None
