"""What every family learns from and predicts on: one float32 array with named columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.errors import DataError

LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True)
class EncodedTable:
    """Encoded inputs.

    values:      (n_rows, n_columns) float32, C-contiguous; NaN only from variants that keep missing cells
    names:       one a column
    categorical: positions of columns that hold category codes, which are non-negative; NaN is missing or unknown

    >>> EncodedTable(np.zeros((2, 1)), ("age",))
    Traceback (most recent call last):
    pointsman.common.errors.DataError: An encoded table must be a C-contiguous float32 array, not float64; use ...
    """

    values: np.ndarray
    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        kind = self.values.dtype
        if kind != np.float32 or not self.values.flags.c_contiguous:
            raise DataError(
                f"An encoded table must be a C-contiguous float32 array, not {kind}; use EncodedTable.build."
            )
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise DataError(
                f"An encoded table of shape {self.values.shape} has {len(self.names)} column names; give one a column."
            )

    @classmethod
    def build(cls, values: np.ndarray, names: Sequence[str], categorical: Sequence[int] = ()) -> "EncodedTable":
        """Return a table of any numeric array; what float32 cannot hold becomes the LARGEST number it can.

        >>> EncodedTable.build(np.array([[1e300], [np.nan]]), ["age"]).values.ravel().tolist()
        [3.4028234663852886e+38, nan]
        """
        bounded = np.clip(values, -LARGEST, LARGEST)
        return cls(np.ascontiguousarray(bounded, dtype=np.float32), tuple(names), tuple(categorical))

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray | slice) -> "EncodedTable":
        """Return the table of some rows."""
        return replace(self, values=np.ascontiguousarray(self.values[rows]))

    def choose(self, columns: Sequence[int]) -> "EncodedTable":
        """Return the table of some columns, by position.

        >>> table = EncodedTable.build(np.array([[1, 2, 3]]), ["age", "sex", "town"], categorical=[1, 2])
        >>> table.choose([0, 2]).names, table.choose([0, 2]).categorical
        (('age', 'town'), (1,))
        """
        coded = tuple(place for place, column in enumerate(columns) if column in self.categorical)
        names = tuple(self.names[column] for column in columns)
        return EncodedTable(np.ascontiguousarray(self.values[:, list(columns)]), names, coded)
