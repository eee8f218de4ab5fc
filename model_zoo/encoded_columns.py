"""Encoded columns in the reader's terms: which feature they come from, in what unit, and which levels a split parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.model_zoo.compiled import LevelTable
from pointsman.model_zoo.encoder import Encoder

MOST_LEVELS = 4
"""Levels that are named; others are counted."""


@dataclass(frozen=True, eq=False)
class EncodedColumn:
    """One encoded column.

    feature: where it comes from
    name:    the feature, or one of its levels: "SEX = 1", "PREMIUM is missing"
    scale:   units of the feature in one unit of the column, and ``mean`` what its 0 stands for; 1 and 0 if it has none
    levels:  the levels of a category with the column's cell for each (n_levels,), None of a number
    """

    feature: str
    name: str
    scale: float = 1.0
    mean: float = 0.0
    levels: tuple[str, ...] = ()
    cells: np.ndarray | None = None

    @property
    def is_number(self) -> bool:
        """Whether it holds a numeric feature, scaled or not."""
        return self.cells is None and self.name == self.feature

    def describe_split(self, threshold: float) -> str:
        """Return in words what holds of rows at or below a threshold."""
        if self.cells is None:
            if self.name != self.feature:
                return f"{self.feature} is known"
            return f"{self.feature} ≤ {threshold * self.scale + self.mean:,.4g}"
        lower = [level for level, cell in zip(self.levels, self.cells, strict=True) if cell <= threshold]
        return describe_levels(self.feature, lower, self.levels)

    def describe_codes(self, codes: Sequence[int]) -> str:
        """Return in words what holds of rows whose category has one of some codes."""
        if self.cells is None:
            return f"{self.feature} is one of {len(codes)} codes"
        chosen = {int(code) for code in codes}
        inside = [level for level, cell in zip(self.levels, self.cells, strict=True) if cell in chosen]
        return describe_levels(self.feature, inside, self.levels)


def describe_levels(feature: str, inside: Sequence[str], levels: Sequence[str]) -> str:
    """Return that a feature is one of some levels, or none of the others where these are fewer.

    >>> describe_levels("SEX", ["0"], ["0", "1", "2"]), describe_levels("SEX", ["0", "1"], ["0", "1", "2"])
    ('SEX is 0', 'SEX is not 2')
    """
    outside = [level for level in levels if level not in set(inside)]
    if not inside:
        return f"{feature} is a level that is rare or new"
    shown, negation = (outside, "not ") if outside and len(outside) < len(inside) else (inside, "")
    named = ", ".join(shown[:MOST_LEVELS])
    rest = len(shown) - MOST_LEVELS
    return f"{feature} is {negation}{named}" + (f" or one of {rest} others" if rest > 0 else "")


def list_columns(encoder: Encoder) -> list[EncodedColumn]:
    """Return the columns of an encoder in their order."""
    compiled = encoder.compiled
    if compiled is None:
        return []
    columns = []
    numbers = compiled.numbers
    for place, feature in enumerate(encoder.numeric):
        unit = (float(numbers.scale[place]), float(numbers.mean[place])) if numbers else (1.0, 0.0)
        columns.append(EncodedColumn(feature, feature, *unit))
    for place in numbers.indicators if numbers else ():
        feature = encoder.numeric[place]
        columns.append(EncodedColumn(feature, f"{feature} is missing"))
    for feature, table in zip(encoder.categorical, compiled.levels, strict=True):
        columns += _list_levels(feature, table)
    return columns


def _list_levels(feature: str, table: LevelTable) -> list[EncodedColumn]:
    cells = table.table[table.rows] if len(table.rows) else table.table[:0]
    columns = []
    for place in range(table.table.shape[1]):
        own, distinct = cells[:, place], set(np.unique(table.table[:, place]).tolist())
        name = f"{feature} ({place + 1})" if table.table.shape[1] > 1 else feature
        if distinct <= {0.0, 1.0}:
            marked = [level for level, cell in zip(table.known, own, strict=True) if cell == 1]
            if len(marked) == 1:
                name = f"{feature} = {marked[0]}"
            elif table.table[0, place] == 1 or len(marked) > 1:
                name = f"{feature} = a rare level"
            elif table.table[1, place] == 1:
                name = f"{feature} is missing"
        columns.append(EncodedColumn(feature, name, levels=table.known, cells=own))
    return columns
