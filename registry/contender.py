"""A model in the running for the next generation: fitted without the holdout, judged on it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from registry.versions import Version

if TYPE_CHECKING:
    from model_zoo.model import Model

FALLBACK_FAMILY = "prior"
"""One version of this family always stays active: it answers when nothing else can."""


class Origin(StrEnum):
    """How a model came about."""

    KEPT = "kept"
    UPDATE = "update"
    REFIT = "refit"
    SEARCH = "search"


@dataclass(frozen=True, eq=False)
class Contender:
    """A model and its row losses (n_holdout,) on the holdout, which it has not learned from.

    ``parent`` is the registered version it continues (or, when kept, is); None for what the search found. ``updates``
    counts continuations since the model was last fitted from scratch.
    """

    name: str
    origin: Origin
    model: "Model"
    parent: Version | None
    predicted: np.ndarray
    losses: np.ndarray
    updates: int
    fit_seconds: float

    @property
    def line(self) -> str:
        """The line it belongs to; a newcomer founds its own, named after itself."""
        return self.parent.line if self.parent else self.name

    @property
    def loss(self) -> float:
        """Mean loss on the holdout."""
        return float(self.losses.mean())
