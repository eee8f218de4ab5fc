"""Cleaning by rules: a cell that breaks a range or an allowed set is no information, so it becomes missing."""

import pandas as pd

from common.config import QualityConfig
from common.schema import canonical_level


def clean_inputs(inputs: pd.DataFrame, quality: QualityConfig) -> pd.DataFrame:
    """Return typed inputs (n_rows, n_inputs) with the cells that break a rule emptied; ``inputs`` stays as it is.

    The same rules hold for updates and for requests.
    """
    cleaned = {name: inputs[name].where(~broken) for name, broken in find_broken_cells(inputs, quality).items()}
    return inputs.assign(**cleaned)


def find_broken_cells(inputs: pd.DataFrame, quality: QualityConfig) -> dict[str, pd.Series]:
    """Return, for every column with a range or allowed rule, (n_rows,) True where a known cell breaks one."""
    broken: dict[str, pd.Series] = {}
    for range_rule in quality.ranges:
        if range_rule.column in inputs and pd.api.types.is_numeric_dtype(inputs[range_rule.column]):
            cells = inputs[range_rule.column]
            outside = pd.Series(False, index=cells.index)
            if range_rule.min is not None:
                outside |= cells < range_rule.min
            if range_rule.max is not None:
                outside |= cells > range_rule.max
            broken[range_rule.column] = broken.get(range_rule.column, False) | outside
    for allowed_rule in quality.allowed:
        if allowed_rule.column in inputs:
            cells = inputs[allowed_rule.column]
            allowed = {canonical_level(cell) for cell in allowed_rule.allowed}
            refused = {cell for cell in cells.dropna().unique() if canonical_level(cell) not in allowed}
            broken[allowed_rule.column] = broken.get(allowed_rule.column, False) | cells.isin(refused)
    return broken
