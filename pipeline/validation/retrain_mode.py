"""The ways in which a line can go on after a batch, and which of them its own past speaks for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from pointsman.registry.contender import Origin

HALF_LIFE = 8.0
"""Batches after which a bout counts half: how a model is best kept up changes slowly."""
LEAST_BOUTS = 3
"""Bouts before a line changes its way: batches differ by more than their rows do."""
TOLERANCE = 0.002
"""Share of its loss that a line gives up, at most, for a cheaper way to go on."""


@dataclass(frozen=True)
class PairedComparison:
    """A rival and what served, on the same rows of a batch that neither had learned.

    line:       the line whose version served; for a recalled version that of the champion
    way:        how the rival came about: KEPT (an older version of the line), UPDATE, REFIT or RECALL
    served_way: how the version that served came about
    loss:       mean row loss of what served; ``difference`` that of the rival less it, with its standard error
    seconds:    what making the rival took; ``bytes`` is its size
    """

    batch: int
    line: str
    version: str
    way: Origin
    served_way: Origin
    rows: int
    loss: float
    difference: float
    error: float
    seconds: float
    served_seconds: float
    bytes: int

    def is_better(self, confidence: float) -> bool:
        """Return whether the rival beats what served beyond noise."""
        return self.difference + float(norm.ppf(confidence)) * self.error < 0


def choose_way(bouts: Sequence[PairedComparison], line: str, current: Origin, confidence: float) -> Origin:
    """Return how a line goes on: updated with the newest rows, refitted on its window, or kept as it is.

    All bouts between two ways make one difference of their losses, newer ones counting more. The cheaper way is taken
    where it is surely no worse than TOLERANCE, the other where that is surely better; else a line goes on as before.
    An update counts as cheaper, since it learns the new rows alone: decisions never depend on the clock.
    ``bouts`` are those of all lines, oldest first.
    """
    own = [bout for bout in bouts if bout.line == line and bout.way is not Origin.RECALL]
    challenger = Origin.REFIT if current is Origin.UPDATE else Origin.UPDATE
    verdict = _weigh(own, challenger, current)
    if verdict is not None:
        difference, error, loss = verdict
        allowed = TOLERANCE * abs(loss) if challenger is Origin.UPDATE else 0.0
        if difference + float(norm.ppf(confidence)) * error < allowed:
            current = challenger
    kept = [bout for bout in own if bout.way is Origin.KEPT]
    newest = max((bout.batch for bout in bouts), default=0)
    if kept and kept[-1].batch == newest and _learning_harms(kept, confidence):
        return Origin.KEPT  # for one update: a line that is kept has no older self to compete with
    return current


def _weigh(bouts: Sequence[PairedComparison], challenger: Origin, current: Origin) -> tuple[float, float, float] | None:
    """Return the challenger's loss less the current way's, its error and the loss it is part of; None where they have
    met too seldom.

    The error is the larger of what rows within batches and what differences between batches let expect.
    """
    met = [bout for bout in bouts if {bout.way, bout.served_way} == {challenger, current}]
    if len(met) < LEAST_BOUTS:
        return None
    signs = np.array([1.0 if bout.way is challenger else -1.0 for bout in met])
    weights = 0.5 ** ((met[-1].batch - np.array([bout.batch for bout in met])) / HALF_LIFE)
    weights = weights / weights.sum()
    differences = signs * np.array([bout.difference for bout in met])
    difference = float(weights @ differences)
    within = float(np.sqrt(np.square(weights * [bout.error for bout in met]).sum()))
    spread = float(weights @ np.square(differences - difference)) * len(met) / (len(met) - 1)
    between = float(np.sqrt(spread * np.square(weights).sum()))
    return difference, max(within, between), float(weights @ np.array([bout.loss for bout in met]))


def _learning_harms(kept: Sequence[PairedComparison], confidence: float) -> bool:
    """Return whether, in the two newest bouts, what had not learned the batch before was surely better."""
    return len(kept) >= 2 and all(bout.is_better(confidence) for bout in kept[-2:])
