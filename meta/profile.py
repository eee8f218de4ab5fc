"""The profile of a request: all that selection knows of it. Small, without labels, and kept with every decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pointsman.meta.flags import QUALITIES

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
    "drifting_columns",
    "distance",
    "distance_worst_column",
)

QUALITY = METAFEATURES[1:9]
"""Those of them that say how complete and plausible the inputs are, which is what tells candidates apart. How long a
request is, and how far its means lie from the training's, told little and misled choices for small requests."""


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
