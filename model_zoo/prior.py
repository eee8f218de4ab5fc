"""The prior: class shares or the mean, whatever the inputs. The bar that every other model must clear."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointsman.model_zoo.estimator import Estimator, Sample
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.search import Params, Space


@dataclass(frozen=True)
class NoParams:
    """There is nothing to set."""


class Prior(Family):
    """Predicts the baseline. It ignores the inputs, so any variant will do and any damage to them leaves it alone."""

    name = "prior"
    settings = NoParams
    variants = ("native", "onehot", "target", "spelling")
    handles_missing = True
    can_update = True

    def draw(self, space: Space) -> Params:
        """Return nothing: there is nothing to search."""
        return {}

    def learn(self, sample: Sample, settings: NoParams, *, seed: int, threads: int) -> None:
        """Learn nothing beyond the baseline, which every estimator keeps."""

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return the baseline."""
        return estimator.baseline.predict(len(values))

    def dump_learned(self, learned: Any) -> dict[str, bytes]:
        """Return no files; the header holds the baseline."""
        return {}

    def load_learned(self, parts: Mapping[str, bytes]) -> None:
        """Return None, as ``learn`` does."""
