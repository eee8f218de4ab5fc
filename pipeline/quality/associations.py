"""Association rules: what goes with what in a table, as items, and how well a batch keeps to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.storage.rows import make_row, read_record
from pointsman.pipeline.quality.thresholds import PastShare


@dataclass(frozen=True)
class Item:
    """A column's cell is ``level``, or a number from ``low`` to below ``high``; given none of these, it is missing."""

    column: str
    level: str | None = None
    low: float | None = None
    high: float | None = None

    def holds(self, inputs: pd.DataFrame) -> np.ndarray:
        """Return (n_rows,) whether the item holds; in a column that is absent none does."""
        cells = inputs.get(self.column)
        if cells is None:
            return np.zeros(len(inputs), dtype=bool)
        if self.level is not None:
            return (cells == self.level).to_numpy(dtype=bool, na_value=False)
        if self.low is None and self.high is None:
            return cells.isna().to_numpy()
        numbers = cells.to_numpy(dtype="float64")
        above = np.isfinite(numbers) if self.low is None else numbers >= self.low
        return above if self.high is None else above & (numbers < self.high)

    def __str__(self) -> str:
        """Return the item in words.

        >>> print(Item("make", "TOYOTA"), Item("seats", high=4.0), Item("seats", low=4.0), Item("tons"), sep="; ")
        'make' is 'TOYOTA'; 'seats' is below 4; 'seats' is 4 or more; 'tons' is missing
        """
        if self.level is not None:
            return f"'{self.column}' is '{self.level}'"
        if self.low is None and self.high is None:
            return f"'{self.column}' is missing"
        if self.low is None:
            return f"'{self.column}' is below {self.high:g}"
        return f"'{self.column}' is {self.low:g} or more" + ("" if self.high is None else f" and below {self.high:g}")


@dataclass(frozen=True)
class AssociationRule:
    """Where all ``antecedents`` hold, so do all ``consequents``: in a share ``confidence`` of the rows.

    ``support`` is the share of all rows in which both hold, ``lift`` how many times as often the consequents hold
    there as in all rows. ``past`` has the rows with the antecedents, and the confidence, of each batch
    of the reference.
    """

    antecedents: tuple[Item, ...]
    consequents: tuple[Item, ...]
    support: float
    confidence: float
    lift: float
    past: tuple[PastShare, ...] = ()

    def __str__(self) -> str:
        return f"{' and '.join(map(str, self.antecedents))}, then {' and '.join(map(str, self.consequents))}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return make_row(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "AssociationRule":
        """Return the rule that ``to_json`` described."""
        return read_record(cls, stored)


class ItemTable:
    """Which items hold in which rows of (n_rows, n_inputs) inputs, each looked at once."""

    def __init__(self, inputs: pd.DataFrame) -> None:
        self._inputs = inputs
        self._known: dict[Item, np.ndarray] = {}

    def holds(self, items: Sequence[Item]) -> np.ndarray:
        """Return (n_rows,) whether all ``items`` hold."""
        for item in items:
            if item not in self._known:
                self._known[item] = item.holds(self._inputs)
        return np.logical_and.reduce([self._known[item] for item in items])

    def measure(self, rule: AssociationRule) -> tuple[np.ndarray, np.ndarray]:
        """Return (n_rows,) where a rule applies, and where it applies and is broken."""
        applies = self.holds(rule.antecedents)
        return applies, applies & ~self.holds(rule.consequents)
