"""The search: Optuna over variants x families x parameters, each trial judged on time-ordered folds."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from common.config import SearchConfig
from common.metrics import Metric
from common.seeding import derive_seed
from common.task import Task
from model_zoo import get_family
from model_zoo.candidate import Candidate
from model_zoo.encoded import EncodedTable
from model_zoo.encoder import Encoder, fit_encoder, has_many_levels
from model_zoo.model import fit_model
from model_zoo.variants import get_variant
from pipeline.training.rows import TrainingRows
from registry.contender import FALLBACK_FAMILY

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

BALANCES = (0.0, 0.5, 1.0)
"""Class weights a trial may use: none, by the square root of the inverse class share, or fully balanced."""


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """One evaluated candidate. ``loss`` is the mean over the folds (lower is better), None unless complete."""

    number: int
    candidate: Candidate
    state: TrialState
    loss: float | None
    fold_losses: tuple[float, ...]
    failure: str
    seconds: float


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and the later rows to validate on."""

    learn: TrainingRows
    validate: TrainingRows


@dataclass
class FoldEncodings:
    """Each variant is fitted once a fold and shared by every trial that uses it."""

    folds: Sequence[Fold]
    task: Task
    seed: int
    _kept: dict[tuple[str, int], tuple[Encoder, EncodedTable, EncodedTable]] = field(default_factory=dict)

    def get(self, variant: str, number: int) -> tuple[Encoder, EncodedTable, EncodedTable]:
        """Return the encoder of a fold, the rows it was fitted on and the fold's later rows, encoded."""
        if (variant, number) not in self._kept:
            fold = self.folds[number]
            encoder, learned = fit_encoder(variant, fold.learn.features, fold.learn.target, self.task, self.seed)
            self._kept[variant, number] = encoder, learned, encoder.encode(fold.validate.features)
        return self._kept[variant, number]


@dataclass(frozen=True)
class SearchProblem:
    """What a search works on. ``batch`` seeds it, so that every update searches anew and a repeated one the same."""

    folds: Sequence[Fold]
    task: Task
    classes: tuple[str, ...]
    metric: Metric
    batch: int
    seed: int
    threads: int


def search(problem: SearchProblem, config: SearchConfig, warm: Sequence[Candidate] = ()) -> list[Trial]:
    """Evaluate up to ``config.trials`` candidates and return every trial, the failed ones with their reason.

    ``warm`` candidates are tried first; then the Tree-structured Parzen Estimator (Bergstra et al. 2011) proposes,
    and a trial worse than the median of the others at the same fold is pruned. The same problem gives the same trials
    unless ``config.seconds`` ends the search early.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pipelines = list_pipelines(problem, config)
    if not pipelines:
        log.warning("search.families and search.variants leave nothing to search for; the prior alone is fitted")
        return []
    seed = derive_seed(problem.seed, "search", problem.batch)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(5, config.trials // 3)),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    for candidate in warm:
        if f"{candidate.family}/{candidate.variant}" in pipelines:
            study.enqueue_trial(_as_optuna_params(candidate), skip_if_exists=True)
    objective = _Objective(problem, pipelines, seed)
    started = time.perf_counter()
    for _ in _progress(config.trials, study):
        if config.seconds is not None and time.perf_counter() - started > config.seconds:
            log.info("the search stopped after search.seconds=%s with %d trials", config.seconds, len(study.trials))
            break
        objective.run(study)
    return objective.trials


def list_pipelines(problem: SearchProblem, config: SearchConfig) -> list[str]:
    """Return the 'family/variant' pairs to search: those that families can use and that differ on these rows.

    The prior has nothing to search for; it becomes a contender by itself.
    """
    features = problem.folds[-1].learn.features
    variants = [
        name for name in config.variants if not get_variant(name).needs_many_levels or has_many_levels(features)
    ]
    families = [get_family(name) for name in config.families if name != FALLBACK_FAMILY]
    return [
        f"{family.name}/{variant}"
        for family in families
        if problem.task in family.tasks
        for variant in variants
        if variant in family.variants
    ]


def default_candidates(pipelines: Sequence[str], task: Task) -> list[Candidate]:
    """Return the default parameters of every family, each in the first variant that is searched for it."""
    first: dict[str, str] = {}
    for pipeline in pipelines:
        family, _, variant = pipeline.partition("/")
        first.setdefault(family, variant)
    return [Candidate(family, variant, get_family(family).default_params(task)) for family, variant in first.items()]


class _Objective:
    """Runs trials one after the other and keeps what they found."""

    def __init__(self, problem: SearchProblem, pipelines: Sequence[str], seed: int) -> None:
        self.problem = problem
        self.pipelines = pipelines
        self.encodings = FoldEncodings(problem.folds, problem.task, seed)
        self.seed = seed
        self.trials: list[Trial] = []

    def run(self, study: "optuna.Study") -> None:
        """Ask for a candidate, evaluate it, and tell the study and the list of trials how it went."""
        import optuna

        asked = study.ask()
        started = time.perf_counter()
        candidate = self._suggest(asked)
        losses: list[float] = []
        state, failure = TrialState.COMPLETE, ""
        try:
            for number in range(len(self.problem.folds)):
                predicted = self._evaluate(candidate, number)
                losses.append(self._loss(number, predicted))
                asked.report(losses[-1], number)
                if number + 1 < len(self.problem.folds) and asked.should_prune():
                    state = TrialState.PRUNED
                    break
        except Exception as error:  # a candidate may fail in any library; the trial records why and the search goes on
            state, failure = TrialState.FAILED, f"{type(error).__name__}: {error}"
            log.warning("trial %d (%s/%s) failed: %s", asked.number, candidate.family, candidate.variant, failure)
        loss = float(np.mean(losses)) if state is TrialState.COMPLETE else None
        told = {TrialState.PRUNED: optuna.trial.TrialState.PRUNED, TrialState.FAILED: optuna.trial.TrialState.FAIL}
        study.tell(asked, loss, state=told.get(state))
        seconds = time.perf_counter() - started
        self.trials.append(Trial(asked.number, candidate, state, loss, tuple(losses), failure, seconds))

    def _suggest(self, trial: "optuna.Trial") -> Candidate:
        name, _, variant = trial.suggest_categorical("pipeline", self.pipelines).partition("/")
        family = get_family(name)
        rows = self.problem.folds[-1].learn
        params: Mapping[str, Any] = {
            **family.default_params(self.problem.task),
            **family.suggest(trial, self.problem.task, len(rows), rows.features.shape[1]),
        }
        if family.uses_weights and self.problem.task.is_classification:
            params = {**params, "balance": trial.suggest_categorical(f"{name}.balance", BALANCES)}
        return Candidate(name, variant, params)

    def _evaluate(self, candidate: Candidate, number: int) -> np.ndarray:
        problem = self.problem
        encoder, learned, validated = self.encodings.get(candidate.variant, number)
        learn = problem.folds[number].learn
        model = fit_model(
            candidate, learn.features, learn.target, problem.task, problem.classes, self.seed, problem.threads,
            encoded=(encoder, learned),
        )  # fmt: skip
        return model.predict_encoded(validated)

    def _loss(self, number: int, predicted: np.ndarray) -> float:
        metric = self.problem.metric
        loss = metric.to_loss(metric.compute(self.problem.folds[number].validate.target, predicted, 0.5))
        if not np.isfinite(loss):
            raise FloatingPointError(f"{metric.name} is undefined on fold {number}")
        return loss


def _as_optuna_params(candidate: Candidate) -> dict[str, Any]:
    named = {f"{candidate.family}.{name}": setting for name, setting in candidate.params.items()}
    return {"pipeline": f"{candidate.family}/{candidate.variant}", f"{candidate.family}.balance": 0.0, **named}


def _progress(trials: int, study: "optuna.Study") -> Any:
    """Yield once a trial, with a progress bar on stderr where that is a terminal."""
    from tqdm import tqdm

    bar = tqdm(range(trials), desc="search", unit="trial", disable=None, leave=False)
    for number in bar:
        yield number
        done = [trial.value for trial in study.get_trials(deepcopy=False) if trial.value is not None]
        if done:
            bar.set_postfix_str(f"best loss {min(done):.5g}")


def trial_rows(batch: int, trials: Sequence[Trial], finalists: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return the rows of the trials table for a search."""
    chosen = {trial.number for trial in finalists}
    return [
        {
            "batch": batch,
            "number": trial.number,
            "family": trial.candidate.family,
            "variant": trial.candidate.variant,
            "params": json.loads(json.dumps(dict(trial.candidate.params))),
            "state": trial.state.value,
            "loss": trial.loss,
            "fold_losses": list(trial.fold_losses),
            "failure": trial.failure,
            "finalist": trial.number in chosen,
            "seconds": trial.seconds,
        }
        for trial in trials
    ]


def choose_finalists(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Return the best complete trials, at most one a family and variant and two a family: good and different."""
    losses = {trial.number: trial.loss for trial in trials if trial.loss is not None}
    complete = sorted((trial for trial in trials if trial.number in losses), key=lambda one: losses[one.number])
    chosen: list[Trial] = []
    for trial in complete:
        same_family = [other for other in chosen if other.candidate.family == trial.candidate.family]
        if len(same_family) < 2 and trial.candidate.variant not in {o.candidate.variant for o in same_family}:
            chosen.append(trial)
    return chosen[:count]
