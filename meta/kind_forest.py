"""Chooser C: a forest that predicts every arm's loss from how damaged rows of a kind are, and the request around them.

One example is the rows of one kind in one part of a record: their mean quality, and the mean loss of each arm less the
median of the arms that have a full record. A request is asked about in the same way, once for each kind of its rows. It
reads no predictions, so that lines without weight need not be run. A mean over many rows is a steadier target than
single rows: on damage that no record holds, a forest over rows had up to three times the regret.
"""

import numpy as np

from meta.decayed import fill_unknown, measure_level, soften
from meta.past import Past
from model_zoo.forest import Forest, read_trees

TREES = 60
LEAF_EXAMPLES = 3
MIN_ROWS = 30
"""Fewer rows of a kind in a part make no example."""
WORST = 2.0
"""Departures are held within this loss, so that a few absurd ones do not make up a leaf."""


def fit_kind_forest(past: Past, arms: np.ndarray, half_life: float, seed: int) -> Forest | None:
    """Return a forest from mean quality (n_qualities,) to each arm's departure; None without example or choice.

    ``arms`` is (n_arms, n_lines): each a mixture of the past's lines. Examples count by their age and by the root of
    their rows.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    quality, losses, age, rows = summarise_kinds(past, arms)
    if not len(rows) or len(arms) < 2:
        return None
    departures = np.clip(fill_unknown(losses - measure_level(losses)), -WORST, WORST)
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF_EXAMPLES, max_features=0.5, random_state=seed)
    forest.fit(quality.astype(np.float32), departures, sample_weight=0.5 ** (age / half_life) * np.sqrt(rows))
    return read_trees(forest.estimators_)


def summarise_kinds(past: Past, arms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return, for every (batch, part, kind) with enough rows, mean quality, losses of the arms, age and rows.

    Losses (n_examples, n_arms) are log-loss, or RMSE in standard deviations of the target; NaN for an arm most of whose
    weight is on lines without a record.
    """
    keys = np.stack([past.batch, past.part, past.kinds], axis=1)
    _, first, inverse, rows = np.unique(keys, axis=0, return_index=True, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()

    def average(column: np.ndarray) -> np.ndarray:
        return np.bincount(inverse, weights=column) / rows

    losses = np.column_stack([average(past.compute_losses(past.mix(arm))) for arm in arms])
    if not past.task.is_classification:
        losses = np.sqrt(losses)
    quality = np.column_stack([average(column) for column in past.quality.T])
    known = past.known[first].astype(float) @ arms.T
    losses = np.where(known > 0.5, losses, np.nan)
    enough = rows >= MIN_ROWS
    return quality[enough], losses[enough], past.age[first][enough], rows[enough]


def weigh_arms(forest: Forest, quality: np.ndarray, temperature: float) -> np.ndarray:
    """Return the weights (n_kinds, n_arms) of the arms for rows of a mean quality (n_kinds, n_qualities)."""
    return soften(forest.predict(quality.astype(np.float32)), temperature)
