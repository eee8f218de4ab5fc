"""Learning what inputs normally look like, from the rows that models are trained on."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pointsman.model_zoo.reference import InputReference, LevelReference, NumericReference

TAIL = 0.001
"""Share of the training cells cut off at each end before the range is measured."""
SLACK = 0.5
"""A number may lie outside that range by this share of its width before it is called out of range."""


def fit_input_reference(features: pd.DataFrame, batches: np.ndarray | None = None) -> InputReference:
    """Learn what is normal from (n_rows, n_features) training rows and, where given, the batch (n_rows,) of each."""
    numeric, categorical = {}, {}
    for name in features:
        cells = features[name]
        missing = float(cells.isna().mean())
        if pd.api.types.is_numeric_dtype(cells):
            numeric[str(name)] = _fit_numeric(cells.dropna().to_numpy(), missing)
        else:
            levels = _fit_levels(cells.value_counts(), missing)
            begun = 0.0 if batches is None else measure_begun(cells, batches)
            categorical[str(name)] = replace(levels, new_share=max(levels.new_share, begun))
    return InputReference(numeric, categorical)


def measure_begun(cells: pd.Series, batches: np.ndarray) -> float:
    """Return the share of filled cells, in all batches but the first, whose level no earlier batch had.

    >>> measure_begun(pd.Series(["jan", "jan", "feb", None, "jan", "mar"]), np.array([1, 1, 2, 2, 3, 3]))
    0.6666666666666666
    """
    filled = cells.notna().to_numpy()
    later = filled & (batches > (batches.min() if len(batches) else 0))
    if not later.any():
        return 0.0
    numbered = pd.Series(batches[filled], index=cells.index[filled])
    first = numbered.groupby(cells[filled].to_numpy()).transform("min").to_numpy()
    return float((first == numbered.to_numpy())[later[filled]].mean())


def _fit_levels(counts: pd.Series, missing: float) -> LevelReference:
    """Return what is normal of levels that were counted in the filled cells."""
    single = float((counts == 1).sum() / counts.sum()) if len(counts) else 1.0
    return LevelReference(frozenset(counts.index), missing, single)


def _fit_numeric(known: np.ndarray, missing: float) -> NumericReference:
    if not len(known):
        return NumericReference(-np.inf, np.inf, 0.0, 1.0, missing)
    low, high = np.quantile(known, [TAIL, 1 - TAIL])
    # A column of one number has no width to take a share of.
    slack = SLACK * (high - low) or max(1.0, abs(float(low)))
    deviation = float(known.std())
    return NumericReference(
        float(low - slack), float(high + slack), float(known.mean()), deviation if deviation > 0 else 1.0, missing
    )
