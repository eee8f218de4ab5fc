"""What a column is and how its cells are written, on the evidence of all its cells in the first batch."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import pandas as pd

from common.adaptation import count_texts, describe_notation
from common.cells.dates import DIGITS, FIRST_MOMENT, LAST_MOMENT, decide_dates, parse_dates
from common.cells.notation import PLAIN, Notation
from common.cells.numbers import NOTATIONS, NumberDecision, decide_numbers, parse_numbers
from common.cells.words import MISSING_WORDS, find_truth, fold
from common.config import SchemaConfig
from common.reading import TYPE_SHARE

MIN_IDENTIFIER_CELLS = 50
IDENTIFIER_SHARE = 0.9
"""A text column with more than this share of distinct cells among enough known ones has nothing to be learned."""

MOST_TRUTHS = 12
"""Spellings of yes and no that one column may mix."""

MOST_GAPS = 2
"""Repeated texts of a column of numbers that may stand for 'missing' although no program writes them so."""
MANY_NUMBERS = 20
"""Distinct numbers from which on a column is a quantity, whatever else is in it."""

MIN_DIGIT_DATES = 10
"""Distinct texts such as 20230131 that must all be days of a calendar for a column to be one of dates."""

CODE_LENGTH = 3
CODE_SHARE = 0.5
"""Digits of one length, some with leading zeros, are codes and no numbers where at most this share is distinct."""


class Role(StrEnum):
    """What a column is to models."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    DATE = "dates"
    UNUSED = "unused"


@dataclass(frozen=True)
class Column:
    """A column's role and notation.

    ``reason`` says why it is what a reader may not expect, ``warnings`` what was guessed and which key decides it;
    ``rival`` is a notation that reads its cells as well, and otherwise.
    """

    role: Role
    reason: str = ""
    notation: Notation = PLAIN
    warnings: tuple[str, ...] = ()
    rival: Notation | None = field(default=None, compare=False)


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
        return Column(Role.NUMERIC, "it is empty in the first batch and may fill later; declare it where that is wrong")
    if pd.api.types.is_datetime64_any_dtype(cells):
        return Column(Role.DATE)
    if (truth := find_truth_column(texts, counts, name)) is not None:
        return truth
    if is_code(texts, counts):
        return Column(Role.CATEGORICAL, "its cells are codes with leading zeros, such as "
                      f"'{_find_leading_zero(texts)}'; schema.numeric reads them as numbers")  # fmt: skip
    if (digits := find_digit_dates(texts, counts, name)) is not None:
        return digits
    if (numbers := find_number_column(texts, counts, name, stated)) is not None:
        return numbers
    if (dates := find_date_column(texts, counts, name)) is not None:
        return dates
    if counts.sum() >= MIN_IDENTIFIER_CELLS and len(texts) > IDENTIFIER_SHARE * counts.sum():
        return Column(
            Role.UNUSED,
            "looks like an identifier",
            warnings=(
                f"The column '{name}' is left out: nearly every cell of it is another text, such as '{texts.iloc[0]}'; "
                "list it under schema.categorical to keep it, or under schema.drop to say so.",
            ),
        )
    return Column(Role.CATEGORICAL)


def decide_declared(cells: pd.Series, name: str, role: Role, stated: SchemaConfig) -> Column:
    """Return how the cells of a column are written whose role is declared."""
    texts, counts = count_texts(cells, stated.missing_values)
    if not len(texts) or role is Role.UNUSED or pd.api.types.is_datetime64_any_dtype(cells):
        return Column(role)
    if role is Role.NUMERIC:
        return find_number_column(texts, counts, name, stated, declared=True) or Column(role)
    if role is Role.DATE:
        return find_date_column(texts, counts, name, stated.date_formats.get(name), declared=True) or Column(role)
    truth = find_truth_column(texts, counts, name)
    return Column(role) if truth is None else replace(truth, role=role, reason="")


def find_truth_column(texts: pd.Series, counts: np.ndarray, name: str) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if they are yes and no in some words; else None."""
    gaps = find_gap_words(texts) if len(texts) <= MOST_TRUTHS else ()
    known = [text for _, text in sorted(zip(-counts, texts, strict=True)) if text not in gaps][: MOST_TRUTHS + 1]
    if not known or len(known) > MOST_TRUTHS or (words := find_truth(known)) is None:
        return None
    notation = Notation(words=words, missing=gaps)
    digits = {"0", "1", "1.0", "0.0", ""}
    role = Role.NUMERIC if set(known) <= digits else Role.CATEGORICAL
    return Column(role, notation=notation, warnings=warn_of_gaps(name, notation.missing, texts, counts, "yes or no"))


def find_number_column(
    texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig, declared: bool = False
) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if nearly all are numbers in one notation; else None."""
    marks = stated.find_number_marks(name)
    wanted = (Notation(decimal=marks.decimal, thousands=marks.thousands),) if marks else NOTATIONS
    decided = decide_numbers(texts, counts, wanted)
    gaps = find_gaps(texts, counts, decided)
    known = counts.sum() - counts[texts.isin(gaps).to_numpy(dtype=bool)].sum()
    read = int(counts[decided.reads].sum())
    if not declared and (not read or read < TYPE_SHARE * known):
        return None
    if not declared and gaps and read < counts.sum() / 5 and decided.reads.sum() < MANY_NUMBERS:
        return None
    notation = replace(decided.notation, missing=gaps, date_format=None, words=None)
    warnings = warn_of_gaps(name, gaps, texts, counts, "numbers")
    if decided.example and decided.rival is not None:
        warnings = (*warnings, warn_of_rival(name, decided))
    reason = "" if notation.is_plain else f"its numbers are written as {describe_notation(notation)}"
    if texts[decided.reads].str.contains("%", regex=False).any():
        reason = f"{reason or 'its numbers are percentages'}; '{texts[decided.reads].iloc[0]}' counts without the sign"
    return Column(Role.NUMERIC, reason, notation, warnings, decided.rival if decided.example else None)


def find_gaps(texts: pd.Series, counts: np.ndarray, decided: NumberDecision) -> tuple[str, ...]:
    """Return the texts that stand for 'missing' in a column of numbers: words for it, or one or two that repeat."""
    unread = [(text, int(count)) for text, count, read in zip(texts, counts, decided.reads, strict=True) if not read]
    gaps = [text for text, _ in unread if fold(text) in MISSING_WORDS]
    others = [(text, count) for text, count in unread if text not in gaps]
    repeat = 0 < len(others) <= MOST_GAPS and all(count > 1 for _, count in others)
    if (
        repeat
        and decided.reads.sum() > MANY_NUMBERS
        and sum(count for _, count in others) < counts[decided.reads].sum()
    ):
        gaps += [text for text, _ in others]
    return tuple(sorted(gaps))


def find_date_column(
    texts: pd.Series, counts: np.ndarray, name: str, date_format: str | None = None, declared: bool = False
) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if nearly all are dates in one notation; else None."""
    gaps = tuple(sorted(text for text in texts if fold(text) in MISSING_WORDS or text.strip("0-/. :") == ""))
    kept = ~texts.isin(gaps).to_numpy(dtype=bool)
    if not kept.any():
        return None
    if date_format is not None:
        return Column(Role.DATE, notation=Notation(date_format=date_format, missing=gaps))
    decided = decide_dates(texts[kept].reset_index(drop=True), counts[kept], digits=declared)
    read = counts[kept][decided.reads].sum()
    if not declared and read < TYPE_SHARE * counts[kept].sum():
        return None
    if decided.contradicted:
        one, other = decided.contradicted
        told = (
            f"The dates of '{name}' are in two notations ('{one}' and '{other}') and are taken as text; write them as "
            f"YYYY-MM-DD, or give the notation that counts: schema.dates: {{{name}: '{decided.date_format}'}}."
        )
        if not declared:
            role = Role.UNUSED if len(texts) > IDENTIFIER_SHARE * counts.sum() else Role.CATEGORICAL
            return Column(role, "its dates are in two notations", warnings=(told,))
    notation = Notation(date_format=decided.date_format, missing=gaps)
    warnings = warn_of_gaps(name, gaps, texts, counts, "dates")
    if decided.rival:
        warnings = (*warnings, (
            f"The dates of '{name}', such as '{texts[kept].iloc[0]}', read as {decided.date_format} and as "
            f"{decided.rival} alike; the first is used; schema.dates: {{{name}: '{decided.rival}'}} takes the other."
        ))  # fmt: skip
    return Column(Role.DATE, notation=notation, warnings=warnings)


def find_digit_dates(texts: pd.Series, counts: np.ndarray, name: str) -> Column | None:
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
            return Column(
                Role.DATE, f"{why}; schema.numeric makes them numbers", notation,
                warn_of_gaps(name, gaps, texts, counts, "dates"),
            )  # fmt: skip
    return None


def find_gap_words(texts: pd.Series) -> tuple[str, ...]:
    """Return the distinct texts that are words for 'missing', sorted."""
    return tuple(sorted(text for text in texts if fold(text) in MISSING_WORDS))


def is_code(texts: pd.Series, counts: np.ndarray) -> bool:
    """Return whether texts are digits of one length, some with a leading zero: agencies, post codes, branches."""
    lengths = texts.str.len()
    if lengths.iloc[0] < CODE_LENGTH or lengths.nunique() > 1 or len(texts) > CODE_SHARE * counts.sum():
        return False
    return bool(texts.str.fullmatch("[0-9]+").all() and texts.str.startswith("0").any())


def _find_leading_zero(texts: pd.Series) -> str:
    return str(texts[texts.str.startswith("0")].iloc[0])


def warn_of_gaps(name: str, gaps: tuple[str, ...], texts: pd.Series, counts: np.ndarray, kind: str) -> tuple[str, ...]:
    """Return the warning that some texts of a column count as missing, none where there are none."""
    if not gaps:
        return ()
    named = ", ".join(f"'{gap}' ({int(counts[texts.eq(gap).to_numpy(dtype=bool)].sum())} cells)" for gap in gaps)
    return (
        f"In '{name}' {named} count as missing, since the other cells are {kind}; list them under "
        "schema.missing_values, or the column under schema.categorical if they are levels.",
    )


def warn_of_rival(name: str, decided: NumberDecision) -> str:
    """Return the warning that a column's numbers may be read otherwise."""
    rival = decided.rival or PLAIN
    one, other = (parse_numbers(pd.Series([decided.example]), notation)[0] for notation in (decided.notation, rival))
    key = f"schema.numbers: {{{name}: {{decimal: '{rival.decimal}', thousands: '{rival.thousands}'}}}}"
    return (
        f"The numbers of '{name}' can be read two ways: '{decided.example}' is taken as {one:g} and may be {other:g}; "
        f"{key} takes the other."
    )
