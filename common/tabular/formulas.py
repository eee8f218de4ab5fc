"""Cells that a spreadsheet would run: if wanted, a text that begins as a formula does gets an apostrophe before it.

Only CSV needs it: Excel files say of each cell that it is a text.
"""

import re
from pathlib import Path

import pandas as pd

from pointsman.common.formats import find_format

FORMULA = r"[=+\-@\t\r]"
"""What a formula begins with, after OWASP's page on CSV injection."""
NUMBER = r"[+-]?(?:\d[\d., ]*|[.,]\d+)(?:[eE][+-]?\d+)?%?"
_RUNS = re.compile(rf"(?!{NUMBER}$){FORMULA}")


def escape_formulas(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a table as it is written to ``path``: texts and column names that a spreadsheet would run are escaped.

    >>> escape_formulas(pd.DataFrame({"=A1": ["-1,5", "=cmd()", "-x", "a=b", None]}), Path("x.csv")).to_dict("list")
    {"'=A1": ['-1,5', "'=cmd()", "'-x", 'a=b', nan]}
    """
    if not find_format(path).startswith(".csv"):
        return table
    escaped = table.rename(columns=lambda name: _escape(name))
    for place, kind in enumerate(table.dtypes):
        if kind == "object" or isinstance(kind, pd.StringDtype | pd.CategoricalDtype):
            cells = table.iloc[:, place]
            runs = cells.map(_is_run).fillna(False).astype(bool)
            if runs.any():
                escaped.isetitem(place, cells.astype(object).where(~runs, "'" + cells.astype(str)).array)
    return escaped


def _is_run(cell: object) -> bool:
    return isinstance(cell, str) and _RUNS.match(cell) is not None


def _escape(name: object) -> object:
    return f"'{name}" if _is_run(name) else name
