"""Samples without chance: rows evenly spread over a table, so that every part of its time is in them."""

from typing import Any

import numpy as np
import pandas as pd


def spread_rows(available: int, most: int) -> np.ndarray:
    """Return the positions of at most ``most`` rows, evenly spread over ``available`` ones.

    >>> spread_rows(10, 4).tolist(), spread_rows(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.linspace(0, available - 1, min(most, available)).astype(int)


class SpreadSample:
    """Rows evenly spread over a table that comes in parts, whose end is not known: every n-th one.

    Up to twice ``most`` all rows are kept; beyond that n doubles, and every other kept row is dropped.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.every = 1
        self._kept: list[tuple[np.ndarray, tuple[Any, ...]]] = []

    def add(self, first: int, *columns: np.ndarray | pd.DataFrame) -> None:
        """Keep some rows of a part: ``columns`` (n_rows, ...) each, ``first`` the position of its first row."""
        places = np.arange(-first % self.every, len(columns[0]) if self.most else 0, self.every)
        self._kept.append((first + places, tuple(_take(one, places) for one in columns)))
        while sum(len(positions) for positions, _ in self._kept) > 2 * self.most:
            self.every *= 2
            self._kept = [self._thin(*part) for part in self._kept]

    def collect(self) -> tuple[Any, ...]:
        """Return what was kept of every column, in the order of the parts; nothing where none was added."""
        parts = [columns for _, columns in self._kept]
        return tuple(
            pd.concat(list(one), ignore_index=True) if isinstance(one[0], pd.DataFrame) else np.concatenate(one)
            for one in zip(*parts, strict=True)
        )

    def _thin(self, positions: np.ndarray, columns: tuple[Any, ...]) -> tuple[np.ndarray, tuple[Any, ...]]:
        stays = np.flatnonzero(positions % self.every == 0)
        return positions[stays], tuple(_take(one, stays) for one in columns)


def _take(column: Any, places: np.ndarray) -> Any:
    return column.iloc[places] if isinstance(column, pd.DataFrame) else column[places]
