"""Metafeatures: a request in a few numbers, computed without labels. The quality of the inputs is what tells most."""

import numpy as np
import pandas as pd

from meta.flags import CellFlags, find_anomalous_rows, find_sparse_rows
from meta.reference import InputReference

METAFEATURES = (
    "log_rows",
    "missing_share",
    "missing_worst_column",
    "out_of_range_share",
    "out_of_range_worst_column",
    "unseen_share",
    "unseen_worst_column",
    "sparse_rows",
    "anomalous_rows",
    "distance",
    "distance_worst_column",
)


def compute_metafeatures(
    features: pd.DataFrame, flags: CellFlags, reference: InputReference, sparse_share: float, anomalous_cells: int
) -> dict[str, float]:
    """Return every metafeature of (n_rows, n_features) rows by name; all are finite and shares lie in [0, 1].

    ``distance`` is the mean, over numeric features, of how far a feature's mean lies from the training mean, in
    training standard deviations and at most 10.
    """
    worst = {
        name: float(cells.mean(axis=0).max()) if cells.size else 0.0
        for name, cells in (("missing", flags.missing), ("out_of_range", flags.out_of_range), ("unseen", flags.unseen))
    }
    distances = compute_distances(features, reference)
    return {
        "log_rows": float(np.log10(max(1, len(features)))),
        "missing_share": _share(flags.missing),
        "missing_worst_column": worst["missing"],
        "out_of_range_share": _share(flags.out_of_range),
        "out_of_range_worst_column": worst["out_of_range"],
        "unseen_share": _share(flags.unseen),
        "unseen_worst_column": worst["unseen"],
        "sparse_rows": _share(find_sparse_rows(flags, sparse_share)),
        "anomalous_rows": _share(find_anomalous_rows(flags, anomalous_cells)),
        "distance": float(distances.mean()) if len(distances) else 0.0,
        "distance_worst_column": float(distances.max()) if len(distances) else 0.0,
    }


def compute_distances(features: pd.DataFrame, reference: InputReference) -> np.ndarray:
    """Return, for every numeric feature with known cells, the standardised distance of its mean, at most 10."""
    distances = []
    for name, normal in reference.numeric.items():
        known = features[name].dropna() if name in features else pd.Series(dtype=float)
        if len(known):
            distances.append(min(10.0, abs(float(known.mean()) - normal.mean) / normal.deviation))
    return np.array(distances)


def _share(flagged: np.ndarray) -> float:
    return float(flagged.mean()) if flagged.size else 0.0
