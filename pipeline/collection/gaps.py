"""Texts of a column that stand for 'missing' although the schema does not list them."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pointsman.common.cells.words import MISSING_WORDS, fold
from pointsman.common.config import SchemaConfig

MOST_GAPS = 2
"""Repeated texts of a column that may stand for 'missing' although no program writes them so."""
MANY_NUMBERS = 20
"""With at least this many distinct numbers (or dates) a column is one of them, whatever else is in it."""


def find_gap_words(texts: pd.Series) -> tuple[str, ...]:
    """Return the distinct texts that are words for 'missing', sorted."""
    return tuple(sorted(text for text in texts if fold(text) in MISSING_WORDS))


def find_repeated(texts: pd.Series, counts: np.ndarray, reads: np.ndarray) -> list[str]:
    """Return the one or two texts that repeat among many numbers or dates and are all that is unread; else none."""
    unread = ~reads
    if not 0 < unread.sum() <= MOST_GAPS or counts[unread].min() < 2 or reads.sum() <= MANY_NUMBERS:
        return []
    return texts[unread].tolist() if counts[unread].sum() < counts[reads].sum() else []


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


def advise_missing(missing_values: Sequence[str], more: Sequence[str]) -> str:
    """Return the setting that takes more texts as missing: the whole list, since stating it replaces the present one.

    >>> advise_missing(["", "NA"], ["?"])
    'schema.missing_values: ["", "NA", "?"]'
    """
    return f"schema.missing_values: {json.dumps([*missing_values, *more], ensure_ascii=False)}"


def describe_lost(texts: pd.Series, counts: np.ndarray, reads: np.ndarray, kind: str) -> str:
    """Return in words how many known cells, given as distinct texts (n_texts,), are not of their column's ``kind``.

    >>> describe_lost(pd.Series(["7", "8R"]), np.array([9, 1]), np.array([True, False]), "numbers")
    "1 of 10 cells are no numbers, such as '8R', and count as missing"
    """
    if reads.all():
        return ""
    lost = int(counts[~reads].sum())
    return f"{lost} of {counts.sum()} cells are no {kind}, such as '{texts[~reads].iloc[0]}', and count as missing"
