"""Column names as files hold them: tidied, told apart, and without the nameless columns that hold nothing."""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pandas as pd

from pointsman.common.errors import DataError

NAMELESS = "Unnamed: "
"""How pandas begins the name that it gives to a column without one."""
ALIKE = 0.7
"""How like (difflib's ratio) two names must be for one to be the other's new name."""


def check_names(path: Path, names: Sequence[object]) -> None:
    """Raise DataError where a column name occurs twice; blanks around names and nameless columns do not count."""
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


def find_renamed(absent: str, strangers: Iterable[str]) -> str | None:
    """Return the unknown column that an absent one probably became; None where none is like it.

    >>> find_renamed("PREMIUM", ["Premium_EUR", "SEX"]), find_renamed("age", ["region"])
    ('Premium_EUR', None)
    """
    plain = {name: _make_plain(name) for name in strangers}
    own = _make_plain(absent)
    same = next((name for name, other in plain.items() if other == own), None)
    near = difflib.get_close_matches(own, list(plain.values()), n=1, cutoff=ALIKE)
    return same or next((name for name, other in plain.items() if near and other == near[0]), None)


def describe_renamed(absent: str, strangers: Collection[str]) -> str:
    """Return what became of an absent column, in brackets and with a blank before; '' where nothing is like it.

    >>> describe_renamed("PREMIUM", ["Premium_EUR"]), describe_renamed("sum insured", ["Sum_Insured"])
    (" (renamed to 'Premium_EUR'?)", " (it has 'Sum_Insured', which differs in case, blanks or underscores alone)")
    """
    renamed = find_renamed(absent, strangers)
    if renamed is None:
        return ""
    if _make_plain(renamed) == _make_plain(absent):
        return f" (it has '{renamed}', which differs in case, blanks or underscores alone)"
    return f" (renamed to '{renamed}'?)"


def _make_plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "", name).casefold()


def list_shown(names: Sequence[object], most: int = 6) -> str:
    """Return names for a message, in quotes, the surplus counted.

    >>> list_shown(["a", "b"]), list_shown(["a", "b", "c"], most=1)
    ("'a' and 'b'", "'a' and 2 more")
    """
    shown = [f"'{name}'" for name in names[:most]]
    if len(names) > most:
        return ", ".join(shown) + f" and {len(names) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
