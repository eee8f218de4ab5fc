"""Cells as text that depends on their content alone, not on the dtype a reader happened to choose."""

from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd


def format_cells(cells: pd.Series) -> pd.Series:
    """Return cells as text of dtype ``str``, missing ones as NaN.

    Text is kept as it is, whole numbers lose '.0' (an integer column turns into floats when one cell is missing), dates
    get their time of day (pandas prints it only where some row has one).

    >>> format_cells(pd.Series([1.0, 2.5, None])).tolist()
    ['1', '2.5', nan]
    >>> format_cells(pd.Series([7, 7.0, "7.0", True, date(2013, 8, 8), None], dtype=object)).tolist()
    ['7', '7', '7.0', 'True', '2013-08-08 00:00:00', nan]
    """
    kind = cells.dtype
    if isinstance(kind, pd.StringDtype):
        return cells
    if pd.api.types.is_float_dtype(kind):
        return cells.astype("float64").astype("str").str.removesuffix(".0")
    if pd.api.types.is_integer_dtype(kind) or pd.api.types.is_bool_dtype(kind):
        return cells.astype("str")
    return cells.map(_format_cell, na_action="ignore").astype("str")


def storable(table: pd.DataFrame) -> pd.DataFrame:
    """Return ``table`` with columns of mixed cells (Excel, SQL, nested Parquet) as text, so that Parquet can hold it.

    Text, numbers, booleans and dates that fill a column of their own stay what they are.

    >>> storable(pd.DataFrame({"a": pd.Series([7, "8R", None], dtype=object), "b": [1.5, 2.0, 3.0]})).to_dict("list")
    {'a': ['7', '8R', nan], 'b': [1.5, 2.0, 3.0]}
    """
    mixed = table.columns[table.dtypes == "object"]
    return table.assign(**{name: format_cells(table[name]) for name in mixed})


def _format_cell(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float):
        return str(float(cell)).removesuffix(".0")
    if isinstance(cell, date):
        return str(pd.Timestamp(cell))
    if isinstance(cell, Decimal):
        return format(cell.normalize(), "f")
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="backslashreplace")
    return str(cell)
