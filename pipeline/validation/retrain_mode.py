"""Retrain modes: whether a model is updated, refitted or kept after a batch, by paired comparisons of its own past."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from pointsman.registry.contender import Origin

HALF_LIFE = 8.0
"""Batches after which a comparison counts half: how a model is best retrained changes slowly."""
LEAST_COMPARISONS = 3
"""Comparisons before a model changes its mode: batches differ by more than their rows do."""
TOLERANCE = 0.002
"""Share of its loss that a model gives up, at most, for a cheaper mode."""


@dataclass(frozen=True)
class PairedComparison:
    """A challenger and what served, on the same rows of a batch that neither had learned.

    Fields are named as the columns of ``bouts_table``.

    line:       the model whose version served; for a former champion, the present champion
    way:        retrain mode of the challenger: KEPT (an older version of the model), UPDATE, REFIT or RECALL
    served_way: retrain mode of the version that served
    loss:       mean row loss of what served; ``difference`` is the challenger's less that, with its standard error
    seconds:    what training the challenger took; ``bytes`` is its size
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
        """Return whether the challenger beats what served by more than noise."""
        return self.difference + float(ndtri(confidence)) * self.error < 0


def choose_retrain_mode(
    comparisons: Sequence[PairedComparison], line: str, current: Origin, confidence: float
) -> Origin:
    """Return a model's retrain mode: updated with the newest rows, refitted on its window, or kept as it is.

    All comparisons of two modes make one difference of their losses, newer ones counting more. The cheaper mode is
    taken where it surely costs no more loss than TOLERANCE, the other one where it is surely better; else ``current``
    stays. An update counts as the cheaper one, since it learns the new rows alone: no decision depends on the clock.
    ``comparisons`` are those of all models, oldest first; ``confidence`` is one-sided.
    """
    own = [comparison for comparison in comparisons if comparison.line == line and comparison.way is not Origin.RECALL]
    other = Origin.REFIT if current is Origin.UPDATE else Origin.UPDATE
    verdict = _weigh(own, other, current)
    if verdict is not None:
        difference, error, loss = verdict
        allowed = TOLERANCE * abs(loss) if other is Origin.UPDATE else 0.0
        if difference + float(ndtri(confidence)) * error < allowed:
            current = other
    kept = [comparison for comparison in own if comparison.way is Origin.KEPT]
    newest = max((comparison.batch for comparison in comparisons), default=0)
    if kept and kept[-1].batch == newest and _learning_harms(kept, confidence):
        return Origin.KEPT  # for one update: a line that is kept has no older self to compete with
    return current


def _weigh(
    comparisons: Sequence[PairedComparison], other: Origin, current: Origin
) -> tuple[float, float, float] | None:
    """Return the loss of the other mode less that of the current one, its standard error, and the loss that served.

    None after too few comparisons. The error is the larger of the one within batches and the one between them.
    """
    met = [comparison for comparison in comparisons if {comparison.way, comparison.served_way} == {other, current}]
    if len(met) < LEAST_COMPARISONS:
        return None
    signs = np.array([1.0 if comparison.way is other else -1.0 for comparison in met])
    weights = 0.5 ** ((met[-1].batch - np.array([comparison.batch for comparison in met])) / HALF_LIFE)
    weights = weights / weights.sum()
    differences = signs * np.array([comparison.difference for comparison in met])
    difference = float(weights @ differences)
    within = float(np.sqrt(np.square(weights * [comparison.error for comparison in met]).sum()))
    spread = float(weights @ np.square(differences - difference)) * len(met) / (len(met) - 1)
    between = float(np.sqrt(spread * np.square(weights).sum()))
    return difference, max(within, between), float(weights @ np.array([comparison.loss for comparison in met]))


def _learning_harms(kept: Sequence[PairedComparison], confidence: float) -> bool:
    """Return whether in the two newest comparisons the version that had learned one batch less was surely better."""
    return len(kept) >= 2 and all(comparison.is_better(confidence) for comparison in kept[-2:])
