"""Loss attribution: how much of the loss on a batch is explained by the drift of one column.

Each row's loss is counted with the weight its bin of the column has in the reference, as when rates are standardised to
a common population (Kitagawa 1955): the difference to the plain mean is what the column's drift explains.
"""

import numpy as np
import pandas as pd

from pointsman.pipeline.drift.reference import Reference, read_column

PRIOR_ROWS = 20.0
"""Rows of the usual loss that each bin has besides its own, so that a bin of few rows says little."""


def explain_loss(reference: Reference, inputs: pd.DataFrame, losses: np.ndarray, column: str, usual: float) -> float:
    """Return the mean of row ``losses`` (n_rows,) less what it would be with the column spread as in the reference.

    ``usual`` is the mean loss of earlier batches, and stands for bins that the batch has no row in. Above 0 the drift
    of the column made losses worse.
    """
    known = reference.columns[column]
    bins = known.bins.find(read_column(inputs, column, reference))
    counts = np.bincount(bins, minlength=len(known.counts)).astype("float64")
    sums = np.bincount(bins, weights=losses, minlength=len(known.counts))
    by_bin = (sums + PRIOR_ROWS * usual) / (counts + PRIOR_ROWS)
    return float(losses.mean() - np.array(known.counts) / reference.rows @ by_bin)
