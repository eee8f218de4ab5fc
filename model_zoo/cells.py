"""A feature table as arrays: what encoders, guards and flags read, made once for all of them.

Ten models that read the same rows would look up the same texts ten times in a DataFrame; here each column of text is a
few distinct levels and a code a row, so that a model looks up levels and not rows. A single row needs no pandas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class Levels:
    """A column of text: ``codes`` (n_rows,) are positions in ``known``, its distinct levels; -1 is a missing cell."""

    codes: np.ndarray
    known: Sequence[str]

    def take(self, rows: np.ndarray | slice) -> "Levels":
        """Return the column of some rows."""
        return Levels(self.codes[rows], self.known)

    def hide(self, cells: np.ndarray) -> "Levels":
        """Return the column with some of its cells (n_rows,) bool made missing."""
        return Levels(np.where(cells, -1, self.codes), self.known)

    @classmethod
    def join(cls, parts: "Sequence[Levels]") -> "Levels":
        """Return columns one after another.

        >>> column = Levels.join([Levels(np.array([0, -1]), ["x"]), Levels(np.array([1, 0]), ["x", "y"])])
        >>> column.codes.tolist(), list(column.known)
        ([0, -1, 1, 0], ['x', 'y'])
        """
        places: dict[str, int] = {}
        codes = []
        for part in parts:
            # The last place is that of code -1: a missing cell stays missing.
            moved = np.array([*(places.setdefault(level, len(places)) for level in part.known), -1])
            codes.append(moved[part.codes])
        return cls(np.concatenate(codes), list(places))


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows of features: ``numbers`` (n_rows, n_numeric) float64 by the names in ``numeric``, and columns of levels."""

    numeric: tuple[str, ...]
    numbers: np.ndarray
    levels: Mapping[str, Levels]

    @classmethod
    def of(cls, features: "pd.DataFrame | Cells") -> "Cells":
        """Return a feature table (n_rows, n_features) as cells; cells are returned themselves.

        >>> cells = Cells.of(pd.DataFrame({"age": [3.0, None], "town": pd.Series(["x", None], dtype="str")}))
        >>> cells.numbers.tolist(), cells.levels["town"].codes.tolist(), list(cells.levels["town"].known)
        ([[3.0], [nan]], [0, -1], ['x'])
        """
        if isinstance(features, Cells):
            return features
        numeric = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
        levels = {str(name): read_levels(features[name]) for name in features if name not in numeric}
        numbers = features[numeric].to_numpy(dtype=np.float64, na_value=np.nan)
        return cls(tuple(map(str, numeric)), numbers, levels)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: np.ndarray | slice) -> "Cells":
        """Return some of the rows."""
        levels = {name: column.take(rows) for name, column in self.levels.items()}
        return Cells(self.numeric, self.numbers[rows], levels)

    def read_numbers(self, names: tuple[str, ...]) -> np.ndarray:
        """Return numeric columns (n_rows, n_names); an absent one is missing in every row."""
        if names == self.numeric:
            return self.numbers
        places = _find_places(self.numeric, names)
        if places[0] is None:
            return self.numbers[:, places[1]]
        found = np.full((len(self), len(names)), np.nan)
        found[:, places[0]] = self.numbers[:, places[1]]
        return found

    def read_levels(self, name: str) -> Levels:
        """Return a column of levels; an absent one is missing in every row, and numbers are levels by their text."""
        if name in self.levels:
            return self.levels[name]
        if name in self.numeric:
            return read_levels(pd.Series(self.numbers[:, self.numeric.index(name)]))
        return Levels(np.full(len(self), -1), ())


def read_levels(column: pd.Series) -> Levels:
    """Return a column (n_rows,) as levels, in the order in which they are first met."""
    codes, known = pd.factorize(column.astype("str"))
    return Levels(codes, known.tolist())


@lru_cache(maxsize=1024)
def _find_places(known: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[np.ndarray | None, np.ndarray]:
    """Return where in the wanted columns known ones go (None: everywhere), and where each of them is."""
    at = {name: place for place, name in enumerate(known)}
    found = [place for place, name in enumerate(wanted) if name in at]
    places = np.array([at[wanted[place]] for place in found], dtype=np.intp)
    return (None if len(found) == len(wanted) else np.array(found, dtype=np.intp)), places
