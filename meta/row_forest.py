"""Chooser C: a forest that predicts, from the quality of a row and of its request, how each arm's loss departs.

It reads no predictions, so that lines without weight need not be run, and it is asked once for each kind of row.
"""

from typing import TYPE_CHECKING

import numpy as np

from meta.decayed import soften
from meta.greedy import draw_rows, find_flagged
from meta.past import Past, mix_outputs

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor

TREES = 20
LEAF_ROWS = 100
ROWS = 12_000
WORST = 5.0
"""Departures are held within this many units of loss, so that a few absurd rows do not make up a leaf."""


def fit_row_forest(
    past: Past, arms: np.ndarray, mixed: np.ndarray, generator: np.random.Generator, seed: int
) -> "ExtraTreesRegressor":
    """Return a forest from row quality to each arm's loss less that of the mixed blend.

    arms:  (n_arms, n_lines), each a mixture of the past's lines: the lines themselves, then blends
    mixed: (n_lines,), the blend that departures are measured from
    """
    from sklearn.ensemble import ExtraTreesRegressor

    known = past.take(past.clean | find_flagged(past))
    drawn = known.take(draw_rows(known, ROWS, generator, balanced=True))
    losses = np.column_stack([drawn.compute_losses(drawn.mix(arm)) for arm in arms])
    base = drawn.compute_losses(mix_outputs(drawn.outputs, mixed))
    departures = np.clip(losses - base[:, None], -WORST, WORST)
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF_ROWS, max_features=0.5, random_state=seed)
    return forest.fit(drawn.quality, departures)


def weigh_arms(forest: "ExtraTreesRegressor", quality: np.ndarray, temperature: float) -> np.ndarray:
    """Return the weights (n_kinds, n_arms) of the arms for rows of a mean quality (n_kinds, n_qualities)."""
    departures = forest.predict(quality.astype(np.float32)).reshape(len(quality), -1)
    return soften(departures, temperature)
