"""Who is champion, by records: only a contender that is surely better replaces the champion.

Two models whose losses differ by less than noise would otherwise keep replacing each other, and every change costs
those who serve, read reports or explain answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.common.comparison import Comparison, compare_losses
from pointsman.common.text import count
from pointsman.meta.past import PredictionHistory
from pointsman.meta.plan import name_loss
from pointsman.registry.contender import Contender

MIN_SPREAD = 3
"""Batches with records of both models before the differences between batches count as an error."""


@dataclass(frozen=True)
class Judged:
    """A comparison of a contender with the incumbent."""

    contender: str
    incumbent: str
    comparison: Comparison


@dataclass(frozen=True)
class Judge:
    """Chooses champions by the records of contenders, in the order of ``past.lines``.

    excluded: by model, why it may not serve; half_life: in batches; confidence: one-sided, of a difference
    """

    contenders: Sequence[Contender]
    past: PredictionHistory
    excluded: Mapping[str, str]
    half_life: float
    confidence: float

    def choose(self, losses: np.ndarray, rows: np.ndarray, line: str | None) -> tuple[Contender, str]:
        """Return the champion by decayed losses (n_lines,) on some rows of the past (n_rows,) bool, and why it is.

        ``line`` is the champion so far, which may no longer be among the contenders.
        """
        away = np.array([np.inf if one.line in self.excluded else 0.0 for one in self.contenders])
        best = int(np.argmin(losses + away))
        counted = rows if rows.any() else np.ones(len(self.past), dtype=bool)
        batches = len(np.unique(self.past.batch[counted & self.past.known[:, best]]))
        labelled = count(batches, "labelled batch", "labelled batches")
        # Decayed losses of numbers are RMSE in standard deviations of the target; people read it in its own unit.
        shown, measure = losses * np.sqrt(self.past.scale), name_loss(self.past.task.is_classification)
        reason = f"lowest decayed {measure} on {labelled} in its record, {shown[best]:.4g}"
        if losses[best] > losses.min():
            reason += " among those within promotion.budget"
        held = next((position for position, one in enumerate(self.contenders) if one.line == line), best)
        incumbent = self.contenders[held]
        if held == best:
            return incumbent, reason
        if incumbent.line in self.excluded:
            return self.contenders[best], f"{reason}; {incumbent.name} may not serve: {self.excluded[incumbent.line]}"
        lead = shown[held] - shown[best]
        # Of these two alone: with every contender the rows would be held three times.
        pair = self.past.only([self.past.lines[best], self.past.lines[held]]).take(rows)
        if not is_surely_better(pair, 0, 1, self.half_life, self.confidence):
            contender = self.contenders[best].name
            told = f"a tie: the {lead:.4g} less {measure} of {contender} is within noise, so {incumbent.name} stays"
            return incumbent, told
        return self.contenders[best], f"{reason}, {lead:.4g} below that of {incumbent.name}, which is beyond noise"


def is_surely_better(
    past: PredictionHistory, contender: int, incumbent: int, half_life: float, confidence: float
) -> bool:
    """Return whether a contender's row losses are lower than the incumbent's by more than noise.

    Both are positions of lines. Their paired differences are averaged by batch, newer batches counting more; noise is
    the larger of what rows within batches and what differences between batches let expect.
    """
    from scipy.special import ndtri

    both = past.take(past.known[:, contender] & past.known[:, incumbent])
    batches = np.unique(both.batch)
    if not len(batches):
        return False
    pairs = [both.losses[both.batch == batch] for batch in batches]
    compared = [compare_losses(losses[:, contender], losses[:, incumbent], confidence) for losses in pairs]
    weights = 0.5 ** ((batches.max() - batches) / half_life)
    differences = np.array([one.difference for one in compared])
    difference = float(np.average(differences, weights=weights))
    within = np.array([one.error for one in compared])
    between = np.abs(differences - difference) if len(batches) >= MIN_SPREAD else np.zeros(len(batches))
    # Batches differ by more than their rows do: whichever noise is larger decides what lies beyond it.
    error = max(float(np.sqrt(np.sum((weights * noise) ** 2)) / weights.sum()) for noise in (within, between))
    return difference + float(ndtri(confidence)) * error < 0


def compare_newest(
    contenders: Sequence[Contender], past: PredictionHistory, incumbent: Contender, confidence: float
) -> tuple[Judged, ...]:
    """Return the comparison of every contender with the incumbent on the newest rows that both predicted.

    These are the rows of the newest batch and served rows whose labels came with it.
    """
    newest = past.take(past.clean & (past.batch == past.batch.max()))
    losses = newest.losses * past.scale
    base = list(contenders).index(incumbent)
    judged = []
    for position, one in enumerate(contenders):
        both = newest.known[:, position] & newest.known[:, base]
        if one is not incumbent and both.any():
            compared = compare_losses(losses[both, position], losses[both, base], confidence)
            judged.append(Judged(one.name, incumbent.name, compared))
    return tuple(judged)
