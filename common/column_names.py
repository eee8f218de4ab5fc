"""Column names as files hold them: tidied, told apart, and without the nameless columns that hold nothing."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from common.errors import DataError

NAMELESS = "Unnamed: "
"""How pandas begins the name that it gives to a column without one."""


def check_names(path: Path, names: Sequence[object]) -> None:
    """Raise DataError where a column name is there twice; blanks around names and nameless columns do not count."""
    stripped = pd.Series(list(names), dtype=object).dropna().map(lambda name: str(name).strip())
    twice = sorted(stripped[stripped.duplicated() & stripped.ne("")])
    if twice:
        raise DataError(f"The file '{path}' has the column name '{twice[0]}' more than once; rename one of them.")


def tidy_names(table: pd.DataFrame) -> list[str]:
    """Return the names of columns as text without blanks around them."""
    return [str(name).strip() for name in table.columns]


def find_hollow(table: pd.DataFrame) -> list[str]:
    """Return the nameless columns (whose names are tidy) that hold nothing."""
    nameless = [name for name in table.columns if name.startswith(NAMELESS)]
    return [name for name in nameless if (table[name].isna() | table[name].eq("")).all()]


def list_shown(names: Sequence[object], most: int = 6) -> str:
    """Return names for a message, in quotes, the surplus counted.

    >>> list_shown(["a", "b"]), list_shown(["a", "b", "c"], most=1)
    ("'a' and 'b'", "'a' and 2 more")
    """
    shown = [f"'{name}'" for name in names[:most]]
    if len(names) > most:
        return ", ".join(shown) + f" and {len(names) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
