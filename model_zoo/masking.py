"""Random masking: a model that has met hidden cells of every column answers sensibly when cells are missing."""

import numpy as np
import pandas as pd

MOST_HIDDEN = 0.9
"""A masked row loses a share of its cells that is drawn evenly between none and this one."""


def add_masked_copies(
    features: pd.DataFrame, target: np.ndarray, generator: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return (2 * n_rows, n_features) rows and their targets: the rows as they are, then a masked copy of each.

    Rows differ in how much of them is hidden, since requests do. Every column is hidden somewhere, so that no learner
    takes missing for a number it knows (LightGBM reads it as 0 in a column that was complete).
    """
    shares = generator.uniform(0.0, MOST_HIDDEN, size=(len(features), 1))
    hidden = generator.random(features.shape) < shares
    both = pd.concat([features, features.mask(hidden)], ignore_index=True)
    return both.astype(features.dtypes.to_dict()), np.concatenate([target, target])
