"""A model in the running for the next generation, with what it predicted for rows it had not learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pointsman.model_zoo.candidate import Candidate
from pointsman.registry.versions import Version

FALLBACK_FAMILY = "prior"
"""One version of this family always stays active: it answers when nothing else can."""


class Origin(StrEnum):
    """How a version came about."""

    KEPT = "kept"
    UPDATE = "update"
    REFIT = "refit"
    SEARCH = "search"
    PORTFOLIO = "standing"  # this and the next as they have been stored since the first release
    ENSEMBLE = "blend"
    RECALL = "recall"


@dataclass(frozen=True, eq=False)
class Contender:
    """A model that competes: an active one, whose version is ``parent``, or a newcomer.

    outputs: by batch, its predictions (n_rows, n_outputs) for the rows of that batch's record
    """

    name: str
    origin: Origin
    candidate: Candidate
    parent: Version | None
    outputs: Mapping[int, np.ndarray]

    @property
    def is_recalled(self) -> bool:
        """Whether it is a recalled version, which stays as it was and learns nothing."""
        return self.origin is Origin.RECALL or (self.parent is not None and self.parent.origin == Origin.RECALL)

    @property
    def line(self) -> str:
        """The name of the model through its versions; a newcomer's own name until it is registered."""
        return self.parent.line if self.parent else self.name
