"""Evaluation of a candidate step by step: a cheap rung first, then fold after fold, newest first."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.metrics import Metric
from pointsman.common.sampling import spread_rows
from pointsman.common.task import Task
from pointsman.common.thresholds import tune_threshold
from pointsman.experiments.fit_metrics import compute_fit_metrics
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import TREATMENTS, FittedCandidate, fit_encoded
from pointsman.pipeline.training.encodings import Encodings
from pointsman.pipeline.training.problem import Fold, SearchProblem
from pointsman.pipeline.training.trials import Trial, TrialState

CHEAP_ROWS = 3_000
"""Rows, evenly spread over a fold's, that the first rung learns from; a fold with fewer than twice as many has none."""
MEASURED_ROWS = 1_000
"""Learned rows, at most, that a candidate predicts beside the later rows of the newest fold."""
CHEAP_SHARE = 1 / 3
"""Share of a family's effort (rounds, trees) at the first rung."""


@dataclass(frozen=True)
class Evaluator:
    """The folds as every trial of a search sees them."""

    problem: SearchProblem
    encodings: Encodings
    seed: int

    @property
    def has_cheap_rung(self) -> bool:
        """Whether there are so many rows that a first impression on few of them saves time."""
        return len(self.problem.newest.learn) >= 2 * CHEAP_ROWS

    def measure(self, candidate: Candidate, fold: int, cheap: bool = False) -> float:
        """Return the candidate's loss on a fold. Raises FloatingPointError where it is not finite."""
        return self.attempt(candidate, fold, cheap).loss

    def attempt(self, candidate: Candidate, fold: int, cheap: bool = False) -> "Attempt":
        """Return how the candidate does on a fold. Raises FloatingPointError where its loss is not finite."""
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
        predicted = fitted.predict(validated)
        loss = compute_fold_loss(problem.metric, truth, predicted)
        if not np.isfinite(loss):
            raise FloatingPointError(f"{problem.metric.name} is undefined on fold {fold}")
        return Attempt(problem.task, fitted, learned, target, truth, predicted, loss)


@dataclass(frozen=True, eq=False)
class Attempt:
    """A candidate that has learned a fold, with what it predicted for the later rows and its loss there."""

    task: Task
    fitted: FittedCandidate
    learned: EncodedTable
    target: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    loss: float

    def measure(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the metrics on some of the rows it learned and on the later ones.

        Where there are two classes, both are at the threshold with the best F1 on the learned ones.
        """
        drawn = spread_rows(len(self.learned), MEASURED_ROWS)
        target, known = self.target[drawn], self.fitted.predict(self.learned.take(drawn))
        binary = self.task is Task.BINARY and known.shape[1] == 2
        threshold = tune_threshold(target, known[:, 1], "f1") if binary else 0.5
        return (
            compute_fit_metrics(self.task, target, known, threshold),
            compute_fit_metrics(self.task, self.truth, self.predicted, threshold),
        )


@dataclass(frozen=True)
class Assignment:
    """A trial to take further, by at most ``most`` steps, as long as it does not fall behind the bars."""

    trial: Trial
    bars: tuple[float, ...] = ()
    most: int | None = None


def evaluate(evaluator: Evaluator, assignment: Assignment) -> Trial:
    """Return the trial after the steps it was assigned; a failure in any library is recorded and never fatal.

    One that has not seen every fold is pruned, unless it is taken further later on.
    """
    trial, bars = assignment.trial, assignment.bars
    started = time.perf_counter()
    n_folds = len(evaluator.problem.folds)
    last = n_folds + evaluator.has_cheap_rung
    end = last if assignment.most is None else min(last, len(trial.steps) + assignment.most)
    failure = ""
    try:
        while len(trial.steps) < end and not falls_behind(trial, bars):
            if evaluator.has_cheap_rung and not trial.steps:
                trial = replace(trial, steps=(evaluator.measure(trial.candidate, n_folds - 1, cheap=True),))
            else:
                # Newest fold first: it is most like the rows to come, and who falls behind there is spared the rest.
                attempt = evaluator.attempt(trial.candidate, n_folds - 1 - len(trial.fold_losses))
                if not trial.fold_losses:
                    train, test = attempt.measure()
                    trial = replace(trial, train=train, test=test)
                # A step is the mean so far, so that trials are compared on the same folds.
                losses = (*trial.fold_losses, attempt.loss)
                trial = replace(trial, fold_losses=losses, steps=(*trial.steps, float(np.mean(losses))))
    except Exception as error:  # a candidate may fail in any library; the trial records why and the search goes on
        failure = f"{type(error).__name__}: {error}"
    seconds = trial.seconds + time.perf_counter() - started
    complete = len(trial.steps) == last
    state = TrialState.FAILED if failure else TrialState.COMPLETE if complete else TrialState.PRUNED
    return replace(trial, state=state, loss=trial.steps[-1] if complete else None, failure=failure, seconds=seconds)


def falls_behind(trial: Trial, bars: Sequence[float]) -> bool:
    """Return whether a trial is worse than the bar at its newest step."""
    step = len(trial.steps) - 1
    return 0 <= step < len(bars) and trial.steps[step] > bars[step]


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


def drop_unjudged(problem: SearchProblem) -> SearchProblem:
    """Return the problem without folds on whose later rows its metric is undefined, whatever is predicted for them."""
    width = (len(problem.classes),) if problem.task.is_classification else ()

    def is_judged(fold: Fold) -> bool:
        target = fold.validate.target
        same = np.full((len(target), *width), 1 / max(1, *width, 1))
        return bool(np.isfinite(compute_fold_loss(problem.metric, target, same)))

    return replace(problem, folds=[fold for fold in problem.folds if is_judged(fold)])


def _thin(table: EncodedTable, target: np.ndarray) -> tuple[EncodedTable, np.ndarray]:
    if len(table) <= CHEAP_ROWS:
        return table, target
    kept = spread_rows(len(table), CHEAP_ROWS)
    return table.take(kept), target[kept]
