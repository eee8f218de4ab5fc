"""The guard: cells that hold what cannot be become missing, so that a model's answer rests on the other cells."""

import pandas as pd

from model_zoo.cell_flags import flag_cells
from model_zoo.reference import InputReference


def guard(features: pd.DataFrame, reference: InputReference) -> pd.DataFrame:
    """Return the features (n_rows, n_features) with numbers out of range and unseen levels made missing.

    A feature that is out of range as a whole is left as it is: that is drift, which a model must see. The table passed
    in is not changed, and is returned itself where there is nothing to hide.
    """
    flags = flag_cells(features, reference)
    hidden = flags.anomalous
    touched = {name: hidden[:, position] for position, name in enumerate(flags.names) if hidden[:, position].any()}
    if not touched:
        return features
    return features.assign(**{name: features[name].mask(cells) for name, cells in touched.items()})
