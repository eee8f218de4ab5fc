"""The guard: impossible cells become missing, so that a model's answer rests on the other cells."""

import numpy as np
import pandas as pd

from pointsman.model_zoo.cell_flags import find_anomalous
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.column_verdicts import ColumnVerdict
from pointsman.model_zoo.reference import InputReference


def guard_cells(cells: Cells, reference: InputReference, verdict: ColumnVerdict | None = None) -> Cells:
    """Return the rows with numbers out of range and unseen levels made missing.

    A feature that drifts as a whole is left as it is, since a model must see that; ``verdict`` is what was decided on
    whole columns where these rows are a part of a request. Cells are returned themselves where nothing is to be hidden.
    """
    touched = find_anomalous(cells, reference, verdict)
    if not touched:
        return cells
    outside = np.zeros(cells.numbers.shape, dtype=bool)
    for place, name in enumerate(cells.numeric):
        if name in touched:
            outside[:, place] = touched[name]
    levels = {name: column.hide(touched[name]) if name in touched else column for name, column in cells.levels.items()}
    return Cells(cells.numeric, np.where(outside, np.nan, cells.numbers), levels)


def guard(features: pd.DataFrame, reference: InputReference) -> pd.DataFrame:
    """Return a feature table (n_rows, n_features) with the same cells made missing; the given one is not changed."""
    touched = find_anomalous(Cells.of(features), reference)
    if not touched:
        return features
    return features.assign(**{name: features[name].mask(cells) for name, cells in touched.items()})
