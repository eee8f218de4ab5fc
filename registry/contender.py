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
    STANDING = "standing"
    ENSEMBLE = "blend"  # as it has been stored since the first release
    RECALL = "recall"


@dataclass(frozen=True, eq=False)
class Contender:
    """A line that exists (``parent`` is its version) or that is to be founded.

    outputs: by batch, its predictions (n_rows, n_outputs) for the rows of that batch's record
    """

    name: str
    origin: Origin
    candidate: Candidate
    parent: Version | None
    outputs: Mapping[int, np.ndarray]

    @property
    def is_recalled(self) -> bool:
        """Whether it is a version of before that is back as it was: it does not learn."""
        return self.origin is Origin.RECALL or (self.parent is not None and self.parent.origin == Origin.RECALL)

    @property
    def line(self) -> str:
        """The line it belongs to; a newcomer is called by its name until it is registered."""
        return self.parent.line if self.parent else self.name
