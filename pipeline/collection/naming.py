"""Column names in messages: few of them, and the one that was probably meant."""

import difflib
from collections.abc import Iterable, Sequence

import pandas as pd

from pointsman.common.errors import DataError

SHOWN = 12
"""Names listed in a message; more than a dozen bury the point."""


def list_names(names: Iterable[object], shown: int = SHOWN) -> str:
    """Return names for a message, the surplus counted.

    >>> list_names(["a", "b", "c"], shown=2)
    'a, b and 1 more'
    """
    texts = [str(name) for name in names]
    surplus = f" and {len(texts) - shown} more" if len(texts) > shown else ""
    return ", ".join(texts[:shown]) + surplus


def find_nearest(name: str, names: Sequence[str]) -> str:
    """Return the name most like ``name``, ignoring upper and lower case.

    >>> find_nearest("premum", ["SEX", "PREMIUM"])
    'PREMIUM'
    """
    lowered = {other.lower(): other for other in reversed(names)}
    return lowered[difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.0)[0]]


def check_columns(table: pd.DataFrame, label: str, needed: dict[str, str]) -> None:
    """Raise DataError for the first needed column that ``table`` lacks; ``needed`` maps a configuration key to it."""
    for key, name in needed.items():
        if name in table.columns:
            continue
        if table.columns.empty:
            raise DataError(f"'{label}' has no columns, so {key} '{name}' is not among them; repair or re-export it.")
        nearest = find_nearest(name, list(table.columns))
        raise DataError(
            f"'{label}' has no column '{name}' ({key}), the nearest of its columns ({list_names(table.columns)}) is "
            f"'{nearest}'; correct {key} or the source."
        )
