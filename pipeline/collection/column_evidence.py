"""What a column is and how its cells are written, on the evidence of all its cells in the first batch."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import pandas as pd

from common.adaptation import count_texts, describe_notation
from common.cells.dates import DIGITS, FIRST_MOMENT, LAST_MOMENT, decide_dates, find_far, parse_dates
from common.cells.notation import PLAIN, Notation
from common.cells.numbers import NOTATIONS, NumberDecision, count_places, decide_numbers, parse_numbers
from common.cells.words import MISSING_WORDS, find_truth, fold
from common.column_names import NAMELESS
from common.config import SchemaConfig
from common.errors import DataError
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

NEAR_SHARE = 0.5
"""From this share of numbers or dates on, a column of text is told of."""

MOST_UNITS = 1_000
CODE_LENGTH = 3
CODE_SHARE = 0.5
"""Digits of one length, some with leading zeros, are codes and no numbers where at most this share is distinct."""


UNIT = re.compile(r"[-+0-9.,' ]*[0-9]\s*([^\W\d_]{1,12}[.²³]?)")
"""A number with a unit behind it."""


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
    ``rival`` is a notation that reads its cells as well, and otherwise; ``marked`` are numbers of which some have a
    decimal mark.
    """

    role: Role
    reason: str = ""
    notation: Notation = PLAIN
    warnings: tuple[str, ...] = ()
    rival: Notation | None = field(default=None, compare=False)
    marked: bool = field(default=False, compare=False)


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
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        alike = find_truth_column(texts, counts, name, stated) or find_digit_dates(texts, counts, name, stated)
        return alike or Column(Role.NUMERIC, notation=Notation(places=count_places(texts, PLAIN)))
    if name.startswith(NAMELESS) and texts.str.fullmatch("[0-9]+").all() and len(texts) == len(cells):
        why = f"The column without a name ({name}) is left out: it numbers the rows; schema.numeric keeps it."
        return Column(Role.UNUSED, "numbers the rows", warnings=(why,))
    if (truth := find_truth_column(texts, counts, name, stated)) is not None:
        return truth
    if is_code(texts, counts):
        return Column(Role.CATEGORICAL, "its cells are codes with leading zeros, such as "
                      f"'{_find_leading_zero(texts)}'; schema.numeric reads them as numbers")  # fmt: skip
    if (digits := find_digit_dates(texts, counts, name, stated)) is not None:
        return digits
    if (numbers := find_number_column(texts, counts, name, stated)) is not None:
        return numbers
    if (dates := find_date_column(texts, counts, name, stated)) is not None:
        return dates
    with_unit = warn_of_units(texts, name) or warn_of_near_misses(texts, counts, name)
    if counts.sum() >= MIN_IDENTIFIER_CELLS and len(texts) > IDENTIFIER_SHARE * counts.sum():
        return Column(
            Role.UNUSED,
            "looks like an identifier",
            warnings=with_unit or (
                f"The column '{name}' is left out: nearly every cell of it is another text, such as '{texts.iloc[0]}'; "
                "list it under schema.categorical to keep it, with its notation under schema.dates if these are dates, "
                "or under schema.drop to say so.",
            ),
        )  # fmt: skip
    return Column(Role.CATEGORICAL, warnings=with_unit)


def decide_declared(cells: pd.Series, name: str, role: Role, stated: SchemaConfig) -> Column:
    """Return how the cells of a column are written whose role is declared."""
    texts, counts = count_texts(cells, stated.missing_values)
    if not len(texts) or role is Role.UNUSED or pd.api.types.is_datetime64_any_dtype(cells):
        return Column(role)
    if role is Role.NUMERIC:
        return check_declared(find_number_column(texts, counts, name, stated, declared=True), texts, counts, name, role)
    if role is Role.DATE:
        return check_declared(find_date_column(texts, counts, name, stated, declared=True), texts, counts, name, role)
    truth = find_truth_column(texts, counts, name, stated)
    return Column(role) if truth is None else replace(truth, role=role, reason="")


def check_declared(column: Column | None, texts: pd.Series, counts: np.ndarray, name: str, role: Role) -> Column:
    """Return a declared column, with a warning if many cells are none of that; DataError if all are."""
    column = column or Column(role)
    notation = column.notation
    known = ~texts.isin(notation.missing).to_numpy(dtype=bool)
    read = (
        ~np.isnan(parse_numbers(texts, notation)) if role is Role.NUMERIC
        else parse_dates(texts, notation.date_format).notna().to_numpy()
    )  # fmt: skip
    unread = known & ~read
    if not unread.any() or counts[unread].sum() <= (1 - TYPE_SHARE) * counts[known].sum():
        return column
    example, key = texts[unread].iloc[0], f"schema.{role.value}"
    fix = "state its marks under schema.numbers" if role is Role.NUMERIC else (
        f"state its notation, as in schema.dates: {{{name}: '%d.%m.%Y'}}"
    )  # fmt: skip
    if not (read & known).any():
        raise DataError(
            f"{key} names '{name}', no cell of which can be read so, such as '{example}'; {fix}, or correct {key}."
        )
    told = (
        f"{int(counts[unread].sum())} of {int(counts[known].sum())} cells of '{name}' cannot be read as {key} says, "
        f"such as '{example}', and count as missing; {fix}, or correct {key}."
    )
    return replace(column, warnings=(*column.warnings, told))


def advise_missing(missing_values: Sequence[str], more: Sequence[str]) -> str:
    """Return the key with the whole list that takes some more texts as missing, since stating it replaces the list.

    >>> advise_missing(["", "NA"], ["?"])
    'schema.missing_values: ["", "NA", "?"]'
    """
    return f"schema.missing_values: {json.dumps([*missing_values, *more], ensure_ascii=False)}"


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


def warn_of_units(texts: pd.Series, name: str) -> tuple[str, ...]:
    """Return the warning that texts are numbers with one unit, none where they are not."""
    units = {found[1] if (found := UNIT.fullmatch(text)) else None for text in texts.head(MOST_UNITS)}
    if len(units) != 1 or None in units or len(texts) < MIN_DIGIT_DATES:
        return ()
    return (
        f"The cells of '{name}' look like numbers with the unit '{units.pop()}', such as '{texts.iloc[0]}', and are "
        "read as texts; write the numbers alone to have them learned as numbers, or list it under schema.drop.",
    )


def find_truth_column(texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if they are yes and no in some words; else None."""
    gaps = find_gap_words(texts) if len(texts) <= MOST_TRUTHS else ()
    known = [text for _, text in sorted(zip(-counts, texts, strict=True)) if text not in gaps][: MOST_TRUTHS + 1]
    if not known or len(known) > MOST_TRUTHS or (words := find_truth(known)) is None:
        return None
    notation = Notation(words=words, missing=gaps)
    digits = {"0", "1", "1.0", "0.0", ""}
    role = Role.NUMERIC if set(known) <= digits else Role.CATEGORICAL
    return Column(
        role, notation=notation, warnings=warn_of_gaps(name, notation.missing, texts, counts, "yes or no", stated)
    )


def find_number_column(
    texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig, declared: bool = False
) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if nearly all are numbers in one notation; else None."""
    marks = stated.find_number_marks(name)
    wanted = (Notation(decimal=marks.decimal, thousands=marks.thousands),) if marks else NOTATIONS
    decided = decide_numbers(texts, counts, wanted)
    blamed: tuple[str, ...] = ()
    if marks and counts[decided.reads].sum() < TYPE_SHARE * counts.sum():
        freely = decide_numbers(texts, counts)
        if counts[freely.reads].sum() > counts[decided.reads].sum():
            blamed = (warn_of_marks(name, wanted[0], texts[freely.reads & ~decided.reads].iloc[0], freely.notation),)
            decided = freely
    gaps = find_gaps(texts, counts, decided)
    known = counts.sum() - counts[texts.isin(gaps).to_numpy(dtype=bool)].sum()
    read = int(counts[decided.reads].sum())
    if not declared and (not read or read < TYPE_SHARE * known):
        return None
    if not declared and gaps and read < counts.sum() / 5 and decided.reads.sum() < MANY_NUMBERS:
        return None
    read_texts = texts[decided.reads]
    percents = read_texts.str.contains("[%％]", regex=True)
    notation = Notation(
        decided.notation.decimal, decided.notation.thousands, missing=gaps,
        places=count_places(read_texts, decided.notation), percent=bool(percents.all() and len(percents)),
    )  # fmt: skip
    warnings = (*blamed, *warn_of_gaps(name, gaps, texts, counts, "numbers", stated))
    if percents.any() and not percents.all():
        warnings = (*warnings, (
            f"Some cells of '{name}' have a percent sign, such as '{read_texts[percents].iloc[0]}', and others have "
            f"none, such as '{read_texts[~percents].iloc[0]}'; all count as they stand, so write them one way."
        ))  # fmt: skip
    if not declared and _has_leading_zeros(read_texts):
        warnings = (*warnings, (
            f"The cells of '{name}' are taken as numbers though some begin with 0, such as "
            f"'{_find_leading_zero(read_texts)}'; list it under schema.categorical if they are codes."
        ))  # fmt: skip
    if decided.example and decided.rival is not None:
        warnings = (*warnings, warn_of_rival(name, decided))
    reason = "" if notation.is_plain else f"its numbers are written as {describe_notation(notation)}"
    if percents.any():
        reason = f"{reason or 'its numbers are percentages'}; '{read_texts[percents].iloc[0]}' counts without the sign"
    marked = read_texts.str.contains(notation.decimal, regex=False).any()
    return Column(Role.NUMERIC, reason, notation, warnings, decided.rival if decided.example else None, bool(marked))


def find_gaps(texts: pd.Series, counts: np.ndarray, decided: NumberDecision) -> tuple[str, ...]:
    """Return the texts that stand for 'missing' in a column of numbers: words for it, or one or two that repeat."""
    gaps = [text for text in texts[~decided.reads] if fold(text) in MISSING_WORDS]
    others = ~texts.isin(gaps).to_numpy(dtype=bool)
    return tuple(sorted([*gaps, *find_repeated(texts[others], counts[others], decided.reads[others])]))


def find_repeated(texts: pd.Series, counts: np.ndarray, reads: np.ndarray) -> list[str]:
    """Return the one or two texts that repeat among many numbers or dates, which alone are not read; none otherwise."""
    unread = ~reads
    if not 0 < unread.sum() <= MOST_GAPS or counts[unread].min() < 2 or reads.sum() <= MANY_NUMBERS:
        return []
    return texts[unread].tolist() if counts[unread].sum() < counts[reads].sum() else []


def find_date_column(
    texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig, declared: bool = False
) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if nearly all are dates in one notation; else None."""
    gaps = tuple(sorted(text for text in texts if fold(text) in MISSING_WORDS or text.strip("0-/. :") == ""))
    kept = ~texts.isin(gaps).to_numpy(dtype=bool)
    if not kept.any():
        return None
    if (date_format := stated.date_formats.get(name)) is not None:
        return Column(Role.DATE, notation=Notation(date_format=date_format, missing=gaps))
    decided = decide_dates(texts[kept].reset_index(drop=True), counts[kept], digits=declared)
    days = texts[kept].reset_index(drop=True)
    repeated = find_repeated(days, counts[kept], decided.reads)
    if repeated:
        gaps, kept = tuple(sorted((*gaps, *repeated))), kept & ~texts.isin(repeated).to_numpy(dtype=bool)
        decided = decide_dates(texts[kept].reset_index(drop=True), counts[kept], digits=declared)
    read = counts[kept][decided.reads].sum()
    if not declared and read < TYPE_SHARE * counts[kept].sum():
        return None
    dates = parse_dates(texts[kept][decided.reads], decided.date_format)
    if not declared and 2 * find_far(dates).sum() > len(dates):
        return None  # codes such as 1305-11 are no dates of the year 1305
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
    warnings = warn_of_gaps(name, gaps, texts, counts, "dates", stated)
    if decided.rival:
        warnings = (*warnings, (
            f"The dates of '{name}', such as '{texts[kept].iloc[0]}', read as {decided.date_format} and as "
            f"{decided.rival} alike; the first is used; schema.dates: {{{name}: '{decided.rival}'}} takes the other."
        ))  # fmt: skip
    return Column(Role.DATE, notation=notation, warnings=warnings)


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
            return Column(Role.DATE, why, notation, (told, *warn_of_gaps(name, gaps, texts, counts, "dates", stated)))
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


def _has_leading_zeros(texts: pd.Series) -> bool:
    return bool(texts.str.fullmatch("[0-9]+").all() and texts.str.fullmatch("0[0-9]+").any())


def warn_of_marks(name: str, stated: Notation, example: str, found: Notation) -> str:
    """Return the warning that the marks which are stated are not those of a column."""
    own = f"{{{name}: {{decimal: '{found.decimal}', thousands: '{found.thousands}'}}}}"
    return (
        f"schema.numbers states {describe_notation(stated)}, and '{name}' is written otherwise, such as "
        f"'{example}'; it is read as it is written; schema.numbers: {own} beside the marks of all columns says so."
    )


def _find_leading_zero(texts: pd.Series) -> str:
    return str(texts[texts.str.startswith("0")].iloc[0])


def warn_of_gaps(
    name: str, gaps: tuple[str, ...], texts: pd.Series, counts: np.ndarray, kind: str, stated: SchemaConfig
) -> tuple[str, ...]:
    """Return the warning that some texts of a column count as missing, none where there are none."""
    if not gaps:
        return ()
    named = ", ".join(f"'{gap}' ({int(counts[texts.eq(gap).to_numpy(dtype=bool)].sum())} cells)" for gap in gaps)
    return (
        f"In '{name}' {named} count as missing, since the other cells are {kind}; "
        f"{advise_missing(stated.missing_values, gaps)} says so for all columns, schema.categorical keeps them as "
        "levels.",
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
