"""The hard chooser of mode 'single': which one line serves a request.

Multi-output extra-trees over metafeatures of the inputs' quality were the best hard chooser measured. It departs from
the champion of the request's alarm only where the predicted advantage exceeds a margin, and that margin is the one that
would have been best on past batches, each chosen for before its labels were known. If none would have paid off, the two
champions serve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from meta.decayed import fill_unknown, measure_level
from meta.metafeatures import METAFEATURES
from model_zoo.forest import Forest, read_trees

TREES = 60
LEAF_EXAMPLES = 3
MARGINS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Margins that compete, in standard deviations of the trees' votes."""
NEVER = float("inf")
MIN_EXAMPLES = 24
MIN_GRADES = 3


@dataclass(frozen=True)
class Margins:
    """The margins for requests without an alarm and with one."""

    clean: float = NEVER
    damaged: float = NEVER

    def of(self, alarmed: bool) -> float:
        """Return the margin for a request."""
        return self.damaged if alarmed else self.clean

    def to_json(self) -> dict[str, float | None]:
        """Return plain JSON types, which know no infinity."""
        return {name: None if margin == NEVER else margin for name, margin in vars(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, float | None]) -> "Margins":
        """Return the margins that ``to_json`` described."""
        return cls(**{name: NEVER if margin is None else margin for name, margin in stored.items()})


@dataclass(frozen=True, eq=False)
class HardChooser:
    """Predicts every line's loss relative to the others; None for ``forest`` where there was too little to learn."""

    lines: tuple[str, ...]
    forest: Forest | None
    margins: Margins

    def choose(self, metafeatures: Mapping[str, float], champion: str, margin: float) -> str:
        """Return the line to serve with: ``champion`` unless another one is better by the margin."""
        if self.forest is None or margin == NEVER or champion not in self.lines:
            return champion
        described = np.array([[metafeatures[name] for name in METAFEATURES]], dtype=np.float32)
        votes = self.forest.vote(described)[:, 0]
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
    margins: Margins,
    seed: int,
) -> HardChooser:
    """Learn from past requests: their metafeatures, the lines' losses (n_examples, n_lines) and age in batches.

    A loss that is not known (NaN) is taken to lie as far from the other lines as the line's known ones do.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    if len(described) < MIN_EXAMPLES or len(lines) < 2:
        return HardChooser(tuple(lines), None, Margins())
    apart = fill_unknown(losses - measure_level(losses))
    table = np.array([[one[name] for name in METAFEATURES] for one in described], dtype=np.float32)
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF_EXAMPLES, random_state=seed)
    forest.fit(table, apart, sample_weight=0.5 ** (age / half_life))
    return HardChooser(tuple(lines), read_trees(forest.estimators_), margins)


def tune_margin(tried: Sequence[Mapping[str, float]], age: np.ndarray, half_life: float) -> float:
    """Return the margin with the lowest decayed mean loss relative to the champions'; NEVER where none surely pays off.

    ``tried`` holds, by past batch, the relative loss that each margin (as text) would have had. It pays off where the
    mean lies below 0 by more than its standard error over at least MIN_GRADES batches.
    """
    if len(tried) < MIN_GRADES:
        return NEVER
    weights = 0.5 ** (age / half_life)
    weights = weights / weights.sum()
    losses = np.array([[one[str(margin)] for margin in MARGINS] for one in tried])
    means = weights @ losses
    errors = np.sqrt(weights @ (losses - means) ** 2 * (weights**2).sum())
    best = int(np.argmin(means))
    return MARGINS[best] if means[best] + errors[best] < 0 else NEVER
