"""The profile of a request: all that selection knows of it. Small, without labels, and kept with every decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pointsman.meta.flags import QUALITIES, RowKind, find_kinds, measure_quality
from pointsman.meta.metafeatures import METAFEATURES, compute_metafeatures
from pointsman.model_zoo.cell_flags import CellFlags
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.reference import InputReference


@dataclass(frozen=True)
class Profile:
    """A request, or a part of a record.

    counts:  how many rows are of each RowKind
    quality: the mean row quality of each RowKind, (3, n_qualities); zeros for a kind without rows
    shares:  by column, the shares of cells that are unexpectedly missing, out of range and of an unseen level
    """

    metafeatures: Mapping[str, float]
    counts: tuple[int, ...]
    quality: tuple[tuple[float, ...], ...]
    shares: Mapping[str, tuple[float, float, float]]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "metafeatures": dict(self.metafeatures),
            "counts": self.counts,
            "quality": self.quality,
            "shares": dict(self.shares),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Profile":
        """Return the profile that ``to_json`` described; a number that was left out is 0."""
        nothing = (0.0,) * len(QUALITIES)
        return cls(
            metafeatures={name: stored["metafeatures"].get(name, 0.0) for name in METAFEATURES},
            counts=tuple(stored["counts"]),
            quality=tuple(tuple(row) or nothing for row in stored["quality"]),
            shares={name: tuple(shares) for name, shares in stored["shares"].items()},
        )


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
