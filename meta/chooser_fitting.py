"""What the chooser learns: a forest of the losses on past requests, and the margin that paid off on graded batches."""

from collections.abc import Mapping, Sequence

import numpy as np

from pointsman.meta.chooser import Chooser
from pointsman.meta.decayed import fill_unknown, measure_level
from pointsman.meta.grades import DAMAGED_GROUP, Grade
from pointsman.meta.profile import QUALITY
from pointsman.model_zoo.forest import read_trees

TREES = 100
LEAF_EXAMPLES = 3
MIN_EXAMPLES = 24
"""With fewer batches and damaged copies of them the incumbent serves."""
MARGINS = (0.0005, 0.001, 0.002, 0.005)
"""Margins that compete, in log-loss, or RMSE in standard deviations of the target."""
MIN_GRADES = 5
"""Graded batches on which a margin must have left the incumbent before it counts as paid off: the rare ones among them,
after a change of regime, cost most."""
MIN_DAMAGED_GRADES = 8
"""The same for damaged input: copies share the luck of their batch, and a request may be damaged as none of them is."""


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
