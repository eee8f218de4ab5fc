"""The search: Optuna over variants x families x windows x parameters, each trial judged on time-ordered folds.

Trials are proposed in rounds of a fixed size, each evaluated by as many workers as there are: who is asked next never
depends on who was quicker, so the same problem gives the same trials however many workers there are.
"""

import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.config import SearchConfig
from common.seeding import derive_seed
from common.workers import Crew, Workers
from model_zoo import get_family
from model_zoo.candidate import Candidate
from pipeline.training.encodings import Encodings
from pipeline.training.evaluation import Assignment, Evaluator, evaluate, set_bars
from pipeline.training.problem import SearchProblem, SearchSpace, default_candidates, describe_space
from pipeline.training.proposal import describe, suggest, transfer
from pipeline.training.trials import Trial, TrialState
from registry.contender import FALLBACK_FAMILY

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

ROUND = 10
"""Trials, at most, that are proposed before any of them is known: a small budget is spent in two rounds, so that the
first can teach the second. Fewer leave workers idle: of a round on two of them, one trial of extra trees takes longer
than all the others together."""
LEAST_ROUND = 4
LEAST_SEEN = 4
"""Trials at a step before it has a bar."""
KEPT_SHARE = 0.33
"""Share of the trials at a step that go on to the next."""
FIRST = 6
"""Candidates of earlier searches that are tried again before anything new."""
STARTUP = 5
"""Trials at random before the estimator is asked; those of earlier searches count."""


def search(
    problem: SearchProblem,
    config: SearchConfig,
    trials: int,
    known: Sequence[Trial] = (),
    workers: Workers | None = None,
) -> list[Trial]:
    """Evaluate up to ``trials`` candidates and return every trial, the failed ones with their reason.

    ``known`` are trials of earlier searches: the best of them are tried first, or every family's defaults where there
    are none, and all inform the Tree-structured Parzen Estimator (Bergstra et al. 2011) that proposes the others. The
    same problem gives the same trials unless ``config.seconds`` or an interruption ends the search early.
    """
    space = describe_space(problem, config)
    if not space.pipelines:
        log.warning("search.families and search.variants leave nothing to search for; the prior alone is fitted")
        return []
    seed = derive_seed(problem.seed, "search", problem.batch)
    study = _open_study(space, known, seed)
    done: dict[str, Trial] = {}
    proposed, size = 0, min(ROUND, max(LEAST_ROUND, -(-trials // 2)))
    with _share(problem, seed, workers or Workers()) as crew, _Progress(trials) as progress:
        try:
            while proposed < trials and not progress.is_late(config.seconds):
                asked = [study.ask() for _ in range(min(size, trials - proposed))]
                candidates = [suggest(one, space) for one in asked]
                assignments = _put_long_first(_assign(candidates, done, proposed), [*known, *done.values()])
                evaluated = sorted(crew.map(evaluate, assignments), key=lambda trial: trial.number)
                done |= {trial.candidate.key: trial for trial in evaluated}
                for one, candidate in zip(asked, candidates, strict=True):
                    _tell(study, one, done[candidate.key])
                proposed += len(asked)
                progress.show(proposed, done.values())
        except KeyboardInterrupt:
            log.warning("the search was interrupted; the update goes on with the %d trials it has", len(done))
    _report_failures(done.values())
    return list(done.values())


def _open_study(space: SearchSpace, known: Sequence[Trial], seed: int) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, constant_liar=True)
    study = optuna.create_study(sampler=sampler)
    for trial in known:
        transferred = transfer(trial.candidate, trial.relative, space) if trial.relative is not None else None
        if transferred is not None:
            study.add_trial(transferred)
    for candidate in choose_first(known, space):
        study.enqueue_trial(describe(candidate))
    return study


def choose_first(known: Sequence[Trial], space: SearchSpace) -> list[Candidate]:
    """Return what is tried first: the best known candidates, one a pipeline and window, or every family's defaults."""
    best: dict[tuple[str, str, int | None], Candidate] = {}
    for trial in sorted((one for one in known if one.relative is not None), key=lambda one: one.relative or 0.0):
        candidate = trial.candidate
        if transfer(candidate, 0.0, space) is not None:
            best.setdefault((candidate.family, candidate.variant, candidate.window), candidate)
    return list(best.values())[:FIRST] or default_candidates(space)


def _assign(candidates: Sequence[Candidate], done: Mapping[str, Trial], number: int) -> list[Assignment]:
    """Return the candidates that were not evaluated before, with the bars that those before them have set."""
    bars = set_bars(list(done.values()), LEAST_SEEN, KEPT_SHARE)
    new = {candidate.key: position for position, candidate in reversed(list(enumerate(candidates)))
           if candidate.key not in done}  # fmt: skip
    return [Assignment(number + position, candidates[position], bars) for position in sorted(new.values())]


def _put_long_first(assignments: Sequence[Assignment], timed: Sequence[Trial]) -> list[Assignment]:
    """Return assignments by how long trials of their family took, the longest first: no worker is left with one last.

    A family that was never timed comes before all others.
    """
    seconds: dict[str, list[float]] = {}
    for trial in timed:
        seconds.setdefault(trial.candidate.family, []).append(trial.seconds)
    means = {family: float(np.mean(known)) for family, known in seconds.items()}
    return sorted(assignments, key=lambda one: -means.get(one.candidate.family, np.inf))


def _tell(study: "optuna.Study", asked: "optuna.Trial", trial: Trial) -> None:
    """Let the study know how a trial went, by losses relative to the prior's."""
    import optuna

    if trial.state is TrialState.FAILED:
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return
    for step, loss in enumerate(trial.relative_steps):
        asked.report(loss, step)
    if trial.state is TrialState.PRUNED:
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(asked, trial.relative)


def _report_failures(trials: Iterable[Trial]) -> None:
    for trial in trials:
        if trial.state is TrialState.FAILED:
            pipeline = f"{trial.candidate.family}/{trial.candidate.variant}"
            log.warning("trial %d (%s) failed: %s", trial.number, pipeline, trial.failure)


@contextmanager
def _share(problem: SearchProblem, seed: int, workers: Workers) -> Iterator[Crew[Evaluator]]:
    """Give workers the folds, and those in several processes a folder in which each finds what others encoded."""
    with tempfile.TemporaryDirectory(prefix="switchyard-search-") as folder:
        alone = workers.count == 1 and workers.scheduler is None
        encodings = Encodings(problem.folds, problem.task, seed, folder=None if alone else Path(folder))
        evaluator = Evaluator(problem, encodings, seed)
        prior = Candidate(FALLBACK_FAMILY, get_family(FALLBACK_FAMILY).variants[0])
        of_prior = evaluate(evaluator, Assignment(-1, prior, ()))
        yield workers.share(evaluator if of_prior.loss is None else replace(evaluator, prior_loss=of_prior.loss))


class _Progress:
    """A bar on stderr, where that is a terminal, with the best loss and the remaining time."""

    def __init__(self, trials: int) -> None:
        from tqdm import tqdm

        self.started = time.perf_counter()
        self.bar = tqdm(total=trials, desc="search", unit="trial", disable=None, leave=False)

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def is_late(self, seconds: float | None) -> bool:
        """Return whether the search has lasted as long as it may, in seconds."""
        late = seconds is not None and time.perf_counter() - self.started > seconds
        if late:
            log.info("the search stopped after search.seconds=%s with %d trials", seconds, self.bar.n)
        return late

    def show(self, proposed: int, trials: Iterable[Trial]) -> None:
        """Move the bar to what was proposed so far."""
        losses = [trial.loss for trial in trials if trial.loss is not None]
        if losses:
            self.bar.set_postfix_str(f"best loss {min(losses):.5g}", refresh=False)
        self.bar.update(proposed - self.bar.n)
