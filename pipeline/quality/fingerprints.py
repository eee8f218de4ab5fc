"""Digests of rows and of levels: enough to recognise them again, in eight bytes each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

MOST_LEVELS = 200_000
"""Levels of a column that are remembered."""

_TIME, _TARGET, _ID = "__time__", "__target__", "__id__"


@dataclass(frozen=True, eq=False)
class ColumnLevels:
    """The levels of a column: ``codes`` (n_rows,) point into ``digests`` and ``names``, -1 where a cell is missing."""

    codes: np.ndarray
    digests: np.ndarray
    names: np.ndarray


def list_levels(cells: pd.Series) -> ColumnLevels:
    """Return the distinct levels of ``str`` cells with their digests, in the order of their first row.

    >>> list_levels(pd.Series(["b", None, "a", "b"], dtype="str")).codes.tolist()
    [0, -1, 1, 0]
    """
    codes, distinct = pd.factorize(cells)
    names = np.asarray(distinct, dtype=object)
    return ColumnLevels(codes, pd.util.hash_array(names, categorize=False), names)


def digest_rows(inputs: pd.DataFrame, times: pd.Series, target: np.ndarray, ids: pd.Series | None) -> np.ndarray:
    """Return a digest (n_rows,) uint64 of each row of typed inputs with its time, its target and, if given, its id."""
    columns = {name: _as_numbers(inputs[name]) for name in inputs}
    columns |= {_TIME: _as_numbers(times), _TARGET: target}
    if ids is not None:
        columns[_ID] = _as_numbers(ids.astype("str"))
    return pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy()


def add_levels(known: Mapping[str, np.ndarray], new: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return digests of levels, sorted, of two sets of columns; at most MOST_LEVELS of a column.

    >>> add_levels({"a": np.array([3, 7])}, {"a": np.array([5, 3]), "b": np.array([1])})
    {'a': array([3, 5, 7]), 'b': array([1])}
    """
    sides = {name: [side[name] for side in (known, new) if name in side] for name in sorted({*known, *new})}
    return {name: np.unique(np.concatenate(levels))[:MOST_LEVELS] for name, levels in sides.items()}


def _as_numbers(cells: pd.Series) -> np.ndarray:
    """Return cells as numbers that are equal where the cells are: text by its levels' digests, dates as integers."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        return cells.astype("datetime64[us]").to_numpy().astype("int64")
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(dtype="float64", na_value=np.nan)
    levels = list_levels(cells)
    return np.append(levels.digests, np.uint64(0))[levels.codes]
