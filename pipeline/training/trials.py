"""Trials: candidates as a search evaluated them, and which of them are good enough to enter."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pointsman.model_zoo.candidate import Candidate

LEAST_TRIALS = 10
"""With fewer complete trials of a family, nothing is said about its settings."""


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """One evaluated candidate. Losses are metrics turned so that lower is better.

    steps:    what pruning saw: the loss at the cheap first rung, then the mean over the folds so far, newest fold first
    loss:     the mean over all folds; None unless complete
    baseline: the loss of the prior on the same folds
    train:    metrics of ``experiments.fit_metrics`` on some of the rows that it learned of the newest fold; ``test`` on
              the later rows of that fold. Empty until it has come so far
    """

    number: int
    candidate: Candidate
    state: TrialState = TrialState.PRUNED
    loss: float | None = None
    baseline: float = 1.0
    fold_losses: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    train: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    seconds: float = 0.0

    @property
    def relative(self) -> float | None:
        """How far ``loss`` lies above the baseline, as a share of it: comparable between searches on other rows."""
        return None if self.loss is None else self._relate(self.loss)

    @property
    def relative_steps(self) -> list[float]:
        """The steps, as far above the baseline."""
        return [self._relate(loss) for loss in self.steps]

    def _relate(self, loss: float) -> float:
        return (loss - self.baseline) / max(abs(self.baseline), 1e-12)


def trial_rows(batch: int, trials: Sequence[Trial], finalists: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return the rows of the trials table for a search."""
    chosen = {trial.number for trial in finalists}
    return [
        {
            "batch": batch,
            "number": trial.number,
            "family": trial.candidate.family,
            "variant": trial.candidate.variant,
            "window": trial.candidate.window,
            "params": json.loads(json.dumps(dict(trial.candidate.params))),
            "state": trial.state.value,
            "loss": trial.loss,
            "baseline": trial.baseline,
            "fold_losses": list(trial.fold_losses),
            "steps": list(trial.steps),
            "train": dict(trial.train),
            "test": dict(trial.test),
            "failure": trial.failure,
            "finalist": trial.number in chosen,
            "seconds": trial.seconds,
        }
        for trial in trials
    ]


def choose_finalists(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Return the best complete trials that differ: of one family no two share the variant or the window."""
    losses = {trial.number: trial.loss for trial in trials if trial.loss is not None}
    complete = sorted((trial for trial in trials if trial.number in losses), key=lambda one: losses[one.number])
    chosen: list[Trial] = []
    for trial in complete:
        family = [other.candidate for other in chosen if other.candidate.family == trial.candidate.family]
        alike = any(
            trial.candidate.variant == other.variant and trial.candidate.window == other.window for other in family
        )
        if len(family) < 2 and not alike:
            chosen.append(trial)
    return chosen[:count]
