"""The hard chooser of mode 'single': which one line serves a request.

Multi-output extra-trees over metafeatures of the inputs' quality were the best hard chooser measured. It departs from
the champion of the request's alarm only where the predicted advantage exceeds a margin, and that margin is the one that
would have been best on past batches, each chosen for before its labels were known. If none would have paid off, the two
champions serve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meta.metafeatures import METAFEATURES

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor

TREES = 60
LEAF_EXAMPLES = 3
MARGINS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Margins that compete, in standard deviations of the trees' votes."""
NEVER = float("inf")
MIN_EXAMPLES = 24


@dataclass(frozen=True, eq=False)
class HardChooser:
    """Predicts every line's loss relative to the others; None for ``forest`` where there was too little to learn."""

    lines: tuple[str, ...]
    forest: "ExtraTreesRegressor | None"
    margin: float

    def choose(self, metafeatures: Mapping[str, float], champion: str, margin: float | None = None) -> str:
        """Return the line to serve with: ``champion`` unless another one is better by the margin."""
        margin = self.margin if margin is None else margin
        if self.forest is None or margin == NEVER or champion not in self.lines:
            return champion
        described = np.array([[metafeatures[name] for name in METAFEATURES]], dtype=np.float32)
        votes = np.array([tree.predict(described).reshape(len(self.lines)) for tree in self.forest.estimators_])
        advantage = votes[:, [self.lines.index(champion)]] - votes
        sure = advantage.mean(axis=0) - margin * advantage.std(axis=0)
        best = int(np.argmax(sure))
        return self.lines[best] if sure[best] > 0 else champion


def fit_hard_chooser(
    lines: Sequence[str],
    described: Sequence[Mapping[str, float]],
    losses: np.ndarray,
    age: np.ndarray,
    half_life: float,
    margin: float,
    seed: int,
) -> HardChooser:
    """Learn from past requests: their metafeatures, the lines' losses (n_examples, n_lines) and age in batches.

    A loss that is not known (NaN) counts as the median of the known ones.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    if len(described) < MIN_EXAMPLES or len(lines) < 2:
        return HardChooser(tuple(lines), None, NEVER)
    level = np.nanmedian(losses, axis=1, keepdims=True)
    apart = np.nan_to_num(losses - level)
    table = np.array([[one[name] for name in METAFEATURES] for one in described], dtype=np.float32)
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF_EXAMPLES, random_state=seed)
    forest.fit(table, apart, sample_weight=0.5 ** (age / half_life))
    return HardChooser(tuple(lines), forest, margin)


def tune_margin(tried: Sequence[Mapping[str, float]], age: np.ndarray, half_life: float) -> float:
    """Return the margin with the lowest decayed mean loss relative to never departing; NEVER where none is better.

    ``tried`` holds, by past batch, the loss relative to the champions' that each margin (as text) would have had.
    """
    if not tried:
        return NEVER
    weights = 0.5 ** (age / half_life)
    means = {margin: float(np.average([one[str(margin)] for one in tried], weights=weights)) for margin in MARGINS}
    best = min(MARGINS, key=lambda margin: means[margin])
    return best if means[best] < 0 else NEVER
