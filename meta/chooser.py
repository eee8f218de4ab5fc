"""The chooser: a meta-model that predicts, from the metafeatures of a request, what each registered model will lose.

Extra-trees with one output a candidate (Geurts et al. 2006), single models and ensembles alike, learn from every batch
and damaged copy so far how far each candidate's loss lay from the others'. A request goes to the candidate with the
lowest predicted loss only where that beats the incumbent's by a margin: clean batches are few, so small differences
between candidates are thin evidence, and the incumbent is the safeguard.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from meta.decayed import fill_unknown, measure_level
from meta.metafeatures import METAFEATURES
from model_zoo.forest import Forest, read_trees

TREES = 100
LEAF_EXAMPLES = 3
MIN_EXAMPLES = 24
"""With fewer batches and damaged copies of them the incumbent serves."""


@dataclass(frozen=True, eq=False)
class Chooser:
    """Predicts the loss of each of ``candidates`` relative to the others; None for ``forest`` without examples.

    Losses are log-loss, or RMSE in standard deviations of the target, of which ``unit`` is one; 1 for log-loss.
    """

    candidates: tuple[str, ...]
    forest: Forest | None = None
    unit: float = 1.0

    def predict(self, metafeatures: Mapping[str, float]) -> dict[str, float]:
        """Return by candidate its predicted loss, relative to the usual one of such a request; {} where unknown."""
        if self.forest is None:
            return {}
        described = np.array([[metafeatures[name] for name in METAFEATURES]], dtype=np.float32)
        return dict(zip(self.candidates, self.forest.predict(described)[0].tolist(), strict=True))


def choose(predicted: Mapping[str, float], incumbent: str, margin: float, allowed: Collection[str]) -> str:
    """Return the allowed candidate with the lowest predicted loss, or the incumbent unless it loses by the margin.

    >>> choose({"a": 0.1, "b": 0.0, "c": -0.1}, "b", 0.2, ["a", "b", "c"])
    'b'
    >>> choose({"a": 0.1, "b": 0.0, "c": -0.1}, "b", 0.05, ["a", "b", "c"])
    'c'
    """
    known = [candidate for candidate in allowed if candidate in predicted]
    if incumbent not in predicted or not known:
        return incumbent
    best = min(known, key=lambda candidate: predicted[candidate])
    return best if predicted[incumbent] - predicted[best] > margin else incumbent


def fit_chooser(
    candidates: Sequence[str],
    described: Sequence[Mapping[str, float]],
    losses: np.ndarray,
    weights: np.ndarray,
    unit: float,
    seed: int,
) -> Chooser:
    """Learn from past requests: their metafeatures, the candidates' losses (n_examples, n_candidates), their weights.

    A loss that is not known (NaN) is taken to lie as far from the others as the candidate's known ones do.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    if len(described) < MIN_EXAMPLES or len(candidates) < 2:
        return Chooser(tuple(candidates), None, unit)
    apart = fill_unknown(losses - measure_level(losses))
    table = np.array([[one[name] for name in METAFEATURES] for one in described], dtype=np.float32)
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF_EXAMPLES, random_state=seed)
    forest.fit(table, apart, sample_weight=weights)
    return Chooser(tuple(candidates), read_trees(forest.estimators_), unit)
