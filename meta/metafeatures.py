"""What a request is like: its profile, and the metafeatures in it, computed without labels."""

import numpy as np
import pandas as pd

from pointsman.meta.flags import RowKind, find_kinds, measure_quality
from pointsman.meta.profile import METAFEATURES, Profile
from pointsman.model_zoo.cell_flags import CellFlags
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.reference import InputReference

FARTHEST = 10.0


def profile_request(features: pd.DataFrame | Cells, flags: CellFlags, reference: InputReference) -> Profile:
    """Return the profile of (n_rows, n_features) rows whose cells are flagged."""
    kinds, quality = find_kinds(flags), measure_quality(flags).astype(float)
    means = [
        quality[kinds == kind].mean(axis=0) if (kinds == kind).any() else np.zeros(quality.shape[1]) for kind in RowKind
    ]
    return Profile(
        metafeatures=compute_metafeatures(features, flags, reference),
        counts=tuple(int((kinds == kind).sum()) for kind in RowKind),
        quality=tuple(tuple(float(number) for number in row) for row in means),
        shares={
            name: (missing, out_of_range, unseen)
            for name, (missing, out_of_range, unseen) in zip(flags.names, flags.shares.T.tolist(), strict=True)
        },
    )


def compute_metafeatures(
    features: pd.DataFrame | Cells, flags: CellFlags, reference: InputReference
) -> dict[str, float]:
    """Return every metafeature of (n_rows, n_features) rows by name; all are finite and shares lie in [0, 1].

    ``distance`` is the mean, over numeric features, of how far a feature's mean lies from the training mean, in
    training standard deviations and at most 10.
    """
    kinds = find_kinds(flags)
    distances = compute_distances(features, reference)
    described = {
        "log_rows": float(np.log10(max(1, len(features)))),
        "sparse_rows": _share(kinds == RowKind.SPARSE),
        "anomalous_rows": _share(kinds == RowKind.ANOMALOUS),
        "drifting_columns": len(flags.drifting) / max(1, len(flags.names)),
        "distance": float(distances.mean()) if len(distances) else 0.0,
        "distance_worst_column": float(distances.max()) if len(distances) else 0.0,
    }
    parts = (("missing", flags.missing), ("out_of_range", flags.out_of_range), ("unseen", flags.unseen))
    for (name, cells), by_column in zip(parts, flags.shares, strict=True):
        described[f"{name}_share"] = _share(cells)
        described[f"{name}_worst_column"] = float(by_column.max()) if cells.size else 0.0
    return {name: described[name] for name in METAFEATURES}


def compute_distances(features: pd.DataFrame | Cells, reference: InputReference) -> np.ndarray:
    """Return, for every numeric feature with known cells, the standardised distance of its mean, at most 10.

    A mean that is too large for a number counts as farthest.
    """
    numbers = Cells.of(features).read_numbers(reference.numeric_names)
    known = ~np.isnan(numbers)
    counts = known.sum(axis=0)
    normal = list(reference.numeric.values())
    centre, spread = (np.array([getattr(one, side) for one in normal]) for side in ("mean", "deviation"))
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.where(known, numbers, 0.0).sum(axis=0)
        means = np.divide(sums, counts, out=np.zeros(len(counts)), where=counts > 0)
        distances = np.abs(means - centre) / spread
    return np.fmin(FARTHEST, distances[counts > 0])


def _share(flagged: np.ndarray) -> float:
    return float(flagged.mean()) if flagged.size else 0.0
