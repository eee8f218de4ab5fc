"""Is a column one of numbers, and how are they written?"""

import numpy as np
import pandas as pd

from pointsman.common.adaptation import describe_notation
from pointsman.common.cells.notation import PLAIN, Notation
from pointsman.common.cells.numbers import NOTATIONS, NumberDecision, count_places, decide_numbers, parse_numbers
from pointsman.common.config import SchemaConfig
from pointsman.common.reading import TYPE_SHARE
from pointsman.pipeline.collection.column import Column, ColumnRole
from pointsman.pipeline.collection.gaps import MANY_NUMBERS, describe_lost, find_gap_words, find_repeated, warn_of_gaps

LEAST_SHARE = 0.2
"""Where gaps are many, a column of few distinct numbers counts as one of numbers from this share of its cells on."""


def find_number_column(
    texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig, declared: bool = False
) -> Column | None:
    """Return the column that distinct texts (n_texts,) make if nearly all are numbers in one notation; else None."""
    decided, blamed = decide_by_marks(texts, counts, name, stated)
    gaps = find_gaps(texts, counts, decided)
    if not declared and not has_enough_numbers(texts, counts, decided, gaps):
        return None
    read = texts[decided.reads]
    signed = read.str.contains("[%％]", regex=True)
    notation = Notation(
        decided.notation.decimal,
        decided.notation.thousands,
        missing=gaps,
        places=count_places(read, decided.notation),
        percent=bool(len(read) and signed.all()),
        stated=stated.find_number_marks(name) is not None and not blamed,
    )
    warnings = [*blamed, *warn_of_gaps(name, gaps, texts, counts, "numbers", stated)]
    # One notation holds for a column: where only some cells have the sign, 5 and 5% would be read alike.
    if signed.any() and not signed.all():
        warnings.append(warn_of_percents(name, read[signed].iloc[0], read[~signed].iloc[0]))
    if not declared and has_leading_zeros(read):
        warnings.append(
            f"The cells of '{name}' are taken as numbers though some begin with 0, such as "
            f"'{find_leading_zero(read)}'; list it under schema.categorical if they are codes."
        )
    rival = decided.rival if decided.example else None
    if rival is not None:
        warnings.append(warn_of_rival(name, decided))
    # Words that stand for missing cells are told of above, so they are no lost numbers.
    kept = ~texts.isin(gaps).to_numpy(dtype=bool)
    reasons = (
        "" if notation.is_plain else f"its numbers are written as {describe_notation(notation)}",
        f"'{read[signed].iloc[0]}' counts without the sign" if signed.any() else "",
        describe_lost(texts[kept], counts[kept], decided.reads[kept], "numbers"),
    )
    marked = bool(read.str.contains(notation.decimal, regex=False).any())
    return Column(ColumnRole.NUMERIC, "; ".join(filter(None, reasons)), notation, tuple(warnings), rival, marked)


def decide_by_marks(
    texts: pd.Series, counts: np.ndarray, name: str, stated: SchemaConfig
) -> tuple[NumberDecision, tuple[str, ...]]:
    """Return how the numbers of a column are written, by the stated marks if any, and a warning if these are wrong.

    Marks for all columns are easily stated with one column in mind. So where they do not read a column, and other
    marks read more of it, the column is read as it is written.
    """
    marks = stated.find_number_marks(name)
    if not marks:
        return decide_numbers(texts, counts, NOTATIONS), ()
    wanted = Notation(decimal=marks.decimal, thousands=marks.thousands)
    decided = decide_numbers(texts, counts, (wanted,))
    if counts[decided.reads].sum() >= TYPE_SHARE * counts.sum():
        return decided, ()
    freely = decide_numbers(texts, counts)
    if counts[freely.reads].sum() <= counts[decided.reads].sum():
        return decided, ()
    return freely, (warn_of_marks(name, wanted, texts[freely.reads & ~decided.reads].iloc[0], freely.notation),)


def has_enough_numbers(texts: pd.Series, counts: np.ndarray, decided: NumberDecision, gaps: tuple[str, ...]) -> bool:
    """Return whether nearly all cells that are not gaps are numbers, and gaps are not most of the column."""
    known = counts.sum() - counts[texts.isin(gaps).to_numpy(dtype=bool)].sum()
    read = int(counts[decided.reads].sum())
    if not read or read < TYPE_SHARE * known:
        return False
    # Where most cells are gaps, a few numbers are no evidence: they may be a code among words.
    return not gaps or read >= LEAST_SHARE * counts.sum() or decided.reads.sum() >= MANY_NUMBERS


def find_gaps(texts: pd.Series, counts: np.ndarray, decided: NumberDecision) -> tuple[str, ...]:
    """Return the texts that stand for 'missing' in a column of numbers: words for it, or one or two that repeat."""
    gaps = find_gap_words(texts[~decided.reads])
    others = ~texts.isin(gaps).to_numpy(dtype=bool)
    return tuple(sorted([*gaps, *find_repeated(texts[others], counts[others], decided.reads[others])]))


def has_leading_zeros(texts: pd.Series) -> bool:
    return bool(texts.str.fullmatch("[0-9]+").all() and texts.str.fullmatch("0[0-9]+").any())


def find_leading_zero(texts: pd.Series) -> str:
    return str(texts[texts.str.startswith("0")].iloc[0])


def warn_of_marks(name: str, stated: Notation, example: str, found: Notation) -> str:
    """Return the warning that the marks which are stated are not those of a column."""
    own = f"{{{name}: {{decimal: '{found.decimal}', thousands: '{found.thousands}'}}}}"
    return (
        f"schema.numbers states {describe_notation(stated)}, and '{name}' is written otherwise, such as "
        f"'{example}'; it is read as it is written; schema.numbers: {own} beside the marks of all columns says so."
    )


def warn_of_percents(name: str, one: str, other: str) -> str:
    """Return the warning that some cells of a column have a percent sign and others have none."""
    return (
        f"Some cells of '{name}' have a percent sign, such as '{one}', and others have none, such as '{other}'; "
        "all count as they stand, so write them one way."
    )


def warn_of_rival(name: str, decided: NumberDecision) -> str:
    """Return the warning that a column's numbers can also be read in another way."""
    rival = decided.rival or PLAIN
    one, other = (parse_numbers(pd.Series([decided.example]), notation)[0] for notation in (decided.notation, rival))
    key = f"schema.numbers: {{{name}: {{decimal: '{rival.decimal}', thousands: '{rival.thousands}'}}}}"
    return (
        f"The numbers of '{name}' can be read two ways: '{decided.example}' is taken as {one:g} and may be {other:g}; "
        f"{key} takes the other."
    )
