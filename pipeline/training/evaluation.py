"""Evaluation of one candidate: a cheap rung first, then fold after fold, newest first, until it falls behind."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.metrics import Metric
from model_zoo import get_family
from model_zoo.candidate import Candidate
from model_zoo.encoded import EncodedTable
from model_zoo.model import TREATMENTS, fit_encoded
from pipeline.training.encodings import Encodings
from pipeline.training.problem import SearchProblem
from pipeline.training.threshold import tune_threshold
from pipeline.training.trials import Trial, TrialState

CHEAP_ROWS = 3_000
"""Rows, evenly spread over a fold's, that the first rung learns from; a fold with fewer than twice as many has none."""
CHEAP_SHARE = 1 / 3
"""Share of a family's effort (rounds, trees) at the first rung."""


@dataclass(frozen=True)
class Evaluator:
    """The folds as every trial of a search sees them. ``prior_loss`` is that of the prior, the mean over all folds."""

    problem: SearchProblem
    encodings: Encodings
    seed: int
    prior_loss: float = 1.0

    @property
    def has_cheap_rung(self) -> bool:
        """Whether there are so many rows that a first impression on few of them saves time."""
        return len(self.problem.newest.learn) >= 2 * CHEAP_ROWS

    def measure(self, candidate: Candidate, fold: int, cheap: bool = False) -> float:
        """Return the candidate's loss on a fold. Raises FloatingPointError where it is not finite."""
        problem, encoded = self.problem, self.encodings.get(candidate.variant, fold, candidate.window)
        learned, target, validated = encoded.learned, encoded.target, encoded.validated
        truth = problem.folds[fold].validate.target
        if cheap:
            family = get_family(candidate.family)
            own = {name: setting for name, setting in candidate.params.items() if name in TREATMENTS}
            params = {name: setting for name, setting in candidate.params.items() if name not in own}
            candidate = replace(candidate, params={**family.lighten(params, CHEAP_SHARE), **own})
            learned, target = _thin(learned, target)
            validated, truth = _thin(validated, truth)
        fitted = fit_encoded(candidate, learned, target, problem.task, len(problem.classes), self.seed, problem.threads)
        loss = compute_fold_loss(problem.metric, truth, fitted.predict(validated))
        if not np.isfinite(loss):
            raise FloatingPointError(f"{problem.metric.name} is undefined on fold {fold}")
        return loss


@dataclass(frozen=True)
class Assignment:
    """A candidate to evaluate; at each step it must not be worse than the bar, where there is one."""

    number: int
    candidate: Candidate
    bars: tuple[float, ...]


def evaluate(evaluator: Evaluator, assignment: Assignment) -> Trial:
    """Return the trial of a candidate; a failure in any library is recorded and never fatal."""
    candidate, bars = assignment.candidate, assignment.bars
    started = time.perf_counter()
    steps: list[float] = []
    losses: list[float] = []
    state, failure = TrialState.COMPLETE, ""

    def falls_behind() -> bool:
        step = len(steps) - 1
        return step < len(bars) and steps[step] > bars[step]

    try:
        newest = len(evaluator.problem.folds) - 1
        if evaluator.has_cheap_rung:
            steps.append(evaluator.measure(candidate, newest, cheap=True))
        for fold in range(newest, -1, -1):
            if steps and falls_behind():
                state = TrialState.PRUNED
                break
            losses.append(evaluator.measure(candidate, fold))
            steps.append(float(np.mean(losses)))
    except Exception as error:  # a candidate may fail in any library; the trial records why and the search goes on
        state, failure = TrialState.FAILED, f"{type(error).__name__}: {error}"
    loss = steps[-1] if state is TrialState.COMPLETE else None
    return Trial(assignment.number, candidate, state, loss, evaluator.prior_loss, tuple(losses), tuple(steps), failure,
                 time.perf_counter() - started)  # fmt: skip


def set_bars(trials: Sequence[Trial], least: int, share: float) -> tuple[float, ...]:
    """Return the loss at each step that only the better ``share`` of the trials there reached.

    A step that fewer than ``least`` trials have seen has no bar yet, nor have later ones.
    """
    bars: list[float] = []
    for step in range(max((len(trial.steps) for trial in trials), default=0)):
        seen = [trial.steps[step] for trial in trials if len(trial.steps) > step]
        if len(seen) < least:
            break
        bars.append(float(np.quantile(seen, share)))
    return tuple(bars)


def compute_fold_loss(metric: Metric, target: np.ndarray, predicted: np.ndarray) -> float:
    """Return the metric as a loss. Where it judges decisions, their threshold is tuned on the earlier half of the rows
    and the later half is judged.
    """
    threshold = 0.5
    if metric.of_decisions and predicted.ndim == 2 and predicted.shape[1] == 2:
        half = len(target) // 2
        decision = "accuracy" if metric.name == "accuracy" else "f1"
        threshold = tune_threshold(target[:half], predicted[:half, 1], decision)
        target, predicted = target[half:], predicted[half:]
    return metric.to_loss(metric.compute(target, predicted, threshold))


def _thin(table: EncodedTable, target: np.ndarray) -> tuple[EncodedTable, np.ndarray]:
    if len(table) <= CHEAP_ROWS:
        return table, target
    kept = np.linspace(0, len(table) - 1, CHEAP_ROWS).astype(int)
    return table.take(kept), target[kept]
