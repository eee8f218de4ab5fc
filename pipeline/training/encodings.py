"""Encodings of the folds: each (variant, fold, window) is made once and kept as long as there is room."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from pointsman.common.kept import Kept
from pointsman.common.task import Task
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.encoder import fit_encoder
from pointsman.pipeline.preparation.training_set import TrainingRows
from pointsman.pipeline.training.problem import Fold

MAX_BYTES = 512 * 2**20


@dataclass(frozen=True, eq=False)
class EncodedFold:
    """The rows of a fold as a family reads them."""

    learned: EncodedTable
    target: np.ndarray
    validated: EncodedTable

    @property
    def nbytes(self) -> int:
        """Bytes of the two tables."""
        return self.learned.values.nbytes + self.validated.values.nbytes


def fit_in_memory(folds: Collection[EncodedFold]) -> bool:
    """Return whether encoded folds take at most MAX_BYTES."""
    return sum(fold.nbytes for fold in folds) <= MAX_BYTES


@dataclass(frozen=True)
class Encodings:
    """The folds of a search as its families read them."""

    folds: Sequence[Fold]
    task: Task
    seed: int
    _kept: Kept[EncodedFold] = field(default_factory=lambda: Kept(fit_in_memory), repr=False, compare=False)

    def get(self, variant: str, fold: int, window: int | None) -> EncodedFold:
        """Return a fold encoded by a variant that was fitted on the newest ``window`` batches it learns from."""
        return self._kept.get((variant, fold, window), lambda: self._encode(variant, fold, window))

    def rows(self, fold: int, window: int | None) -> TrainingRows:
        """Return the rows that a candidate with this window learns from in a fold."""
        return self.folds[fold].learn.last(window)

    def _encode(self, variant: str, fold: int, window: int | None) -> EncodedFold:
        rows = self.rows(fold, window)
        encoder, learned = fit_encoder(variant, rows.covered, rows.target, self.task, self.seed)
        return EncodedFold(learned, rows.target, encoder.encode(self.folds[fold].validate.features))
