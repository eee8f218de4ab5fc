"""The chooser: a meta-model that predicts, from the metafeatures of a request, what each registered model will lose.

Extra-trees with one output a candidate (Geurts et al. 2006), single models and ensembles alike, learn from every batch
and damaged copy so far how far each candidate's loss lay from the others'. A request goes to the candidate with the
lowest predicted loss only where that beats the incumbent's by a margin, and the margin is one that paid off on past
batches, for each of which the choice was made before its labels were known; while none surely did, the incumbent
serves. Clean batches are few, so small differences between candidates are thin evidence. Nearly all trees must agree,
too: they do about requests like those that were learned, and differ about damage that no record has shown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from pointsman.meta.profile import QUALITY
from pointsman.model_zoo.forest import Forest

AGREED = 0.95
"""Share of the trees that must predict less loss than the incumbent's."""


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
