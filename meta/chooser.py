"""The chooser: a meta-model that predicts, from the metafeatures of a request, what each registered model will lose.

Extra-trees with one output a candidate (Geurts et al. 2006), single models and ensembles alike, learn from every batch
and damaged copy so far how far each candidate's loss lay from the others'. A request goes to the candidate with the
lowest predicted loss only where that beats the incumbent's by a margin, and the margin is one that paid off on past
batches, for each of which the choice was made before its labels were known; while none surely did, the incumbent
serves. Clean batches are few, so small differences between candidates are thin evidence. Nearly all trees must agree,
too: they do about requests like those that were learned, and differ about damage that no record has shown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.meta.decayed import fill_unknown, measure_level
from pointsman.meta.grades import DAMAGED_GROUP, Grade
from pointsman.meta.metafeatures import QUALITY
from pointsman.model_zoo.forest import Forest, read_trees

TREES = 100
LEAF_EXAMPLES = 3
MIN_EXAMPLES = 24
"""With fewer batches and damaged copies of them the incumbent serves."""
MARGINS = (0.0005, 0.001, 0.002, 0.005)
"""Margins that compete, in log-loss, or RMSE in standard deviations of the target."""
AGREED = 0.95
"""Share of the trees that must predict less loss than the incumbent's."""
MIN_GRADES = 5
"""Graded batches on which a margin must have left the incumbent before it counts as paid off: the rare ones among them,
after a change of regime, cost most."""
MIN_DAMAGED_GRADES = 8
"""The same for damaged input: copies share the luck of their batch, and a request may be damaged as none of them is."""


@dataclass(frozen=True, eq=False)
class Chooser:
    """Predicts the loss of each of ``candidates`` relative to the others; None for ``forest`` without examples.

    Losses are log-loss, or RMSE in standard deviations of the target; ``unit`` is one such deviation, 1 for log-loss.
    """

    candidates: tuple[str, ...]
    forest: Forest | None = None
    unit: float = 1.0

    def vote(self, metafeatures: Mapping[str, float]) -> dict[str, np.ndarray]:
        """Return by candidate the loss (n_trees,) that each tree predicts, relative to the usual one of such a request.

        {} where nothing is known.
        """
        if self.forest is None:
            return {}
        described = np.array([[metafeatures[name] for name in QUALITY]], dtype=np.float32)
        return dict(zip(self.candidates, self.forest.vote(described)[:, 0].T, strict=True))


def choose(votes: Mapping[str, np.ndarray], incumbent: str, margin: float | None, allowed: Collection[str]) -> str:
    """Return the allowed candidate with the lowest predicted loss, or the incumbent unless it loses by the margin.

    ``votes`` are what each tree predicts (n_trees,), by candidate; only candidates can be chosen for which AGREED of
    the trees predict less loss than for the incumbent. Without a margin the incumbent always serves.

    >>> votes = {"a": np.array([0.1, 0.1]), "b": np.zeros(2), "c": np.array([-0.1, -0.1])}
    >>> choose(votes, "b", 0.2, ["a", "b", "c"]), choose(votes, "b", 0.05, ["a", "b", "c"])
    ('b', 'c')
    >>> choose(votes | {"c": np.array([0.1, -0.5])}, "b", 0.05, ["a", "b", "c"])
    'b'
    """
    if margin is None or incumbent not in votes:
        return incumbent
    own = votes[incumbent]
    sure = [one for one in allowed if one in votes and np.mean(votes[one] < own) >= AGREED]
    if not sure:
        return incumbent
    best = min(sure, key=lambda candidate: votes[candidate].mean())
    return best if own.mean() - votes[best].mean() > margin else incumbent


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
    table = np.array([[one[name] for name in QUALITY] for one in described], dtype=np.float32)
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF_EXAMPLES, random_state=seed)
    forest.fit(table, apart, sample_weight=weights)
    return Chooser(tuple(candidates), read_trees(forest.estimators_), unit)


def tune_margin(grades: Sequence[Grade], mode: str, half_life: float, confidence: float) -> float | None:
    """Return the margin that would have lost least on the graded batches, newer ones counting more.

    ``grades`` are of one group of input, oldest first. None where no margin surely paid off: where it left the
    incumbent on fewer batches than MIN_GRADES (MIN_DAMAGED_GRADES), or its decayed mean loss on these, relative to the
    incumbent's, does not lie below 0 by more than noise, at one-sided ``confidence``. Batches on which it kept to the
    incumbent are no evidence.
    """
    from scipy.special import ndtri

    tried = [grade for grade in grades if mode in grade.margins]
    least = MIN_DAMAGED_GRADES if tried and tried[-1].group == DAMAGED_GROUP else MIN_GRADES
    if len(tried) < least:
        return None
    decay = 0.5 ** ((tried[-1].batch - np.array([grade.batch for grade in tried])) / half_life)
    losses = np.array([[grade.margins[mode][str(margin)] for margin in MARGINS] for grade in tried])
    best = int(np.argmin(decay @ losses))
    left = losses[:, best] != 0
    if left.sum() < least:
        return None
    known, weights = losses[left, best], decay[left] / decay[left].sum()
    mean = weights @ known
    error = np.sqrt(weights @ (known - mean) ** 2 * (weights**2).sum())
    return MARGINS[best] if mean + float(ndtri(confidence)) * error < 0 else None
