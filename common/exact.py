"""Whole numbers beyond 2**53, such as ids of 18 digits: float64, which pandas takes beside missing cells, rounds them.

Columns of smaller ones stay float64, so that what is stored of ordinary tables does not change.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

LARGEST = 2**53
"""Up to this size a float64 holds every whole number."""


def is_beyond(cells: pd.Series) -> bool:
    """Return whether a column of numbers holds one that float64 may round."""
    return bool(((cells >= LARGEST) | (cells <= -LARGEST)).any())


def type_cells(cells: pd.Series) -> pd.Series:
    """Return a column of Python's objects with the type that pandas infers, unless that would round whole numbers.

    These become a nullable type, or stay objects beside fractions.

    >>> type_cells(pd.Series([900719925474100568, None], dtype=object)).tolist()
    [900719925474100568, <NA>]
    >>> type_cells(pd.Series([7, None], dtype=object)).tolist()
    [7.0, nan]
    """
    typed = cells.infer_objects()
    if typed.dtype != "float64" or not is_beyond(typed):
        return typed
    known = cells[cells.notna()].tolist()
    if not any(isinstance(cell, int | np.integer) and abs(int(cell)) >= LARGEST for cell in known):
        return typed
    if not all(float(cell).is_integer() for cell in known):
        return cells
    whole = [pd.NA if missing else int(cell) for cell, missing in zip(cells, cells.isna(), strict=True)]
    for dtype, smallest, largest in (("Int64", -(2**63), 2**63 - 1), ("UInt64", 0, 2**64 - 1)):
        if all(smallest <= int(cell) <= largest for cell in known):
            return pd.Series(whole, index=cells.index, name=cells.name, dtype=dtype)
    return pd.Series(whole, index=cells.index, name=cells.name, dtype=object).where(cells.notna(), None)


def concat_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables one below the other; a column that is float64 in one of them rounds no whole number of another."""
    joined = pd.concat(tables, ignore_index=True)
    for name in joined.columns:
        parts = [table[name] for table in tables if name in table]
        whole = [part for part in parts if pd.api.types.is_integer_dtype(part.dtype)]
        if pd.api.types.is_float_dtype(joined[name].dtype) and any(map(is_beyond, whole)):
            nothing = pd.Series([None], dtype=object)
            cells = [table[name].astype(object) if name in table else nothing.repeat(len(table)) for table in tables]
            joined[name] = type_cells(pd.concat(cells, ignore_index=True))
    return joined
