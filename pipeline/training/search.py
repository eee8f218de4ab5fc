"""The search: Optuna over variants x families x windows x parameters, each trial judged on time-ordered folds.

Trials are proposed in rounds of a fixed size, each evaluated by as many workers as there are: who is asked next never
depends on who was quicker, so the same problem gives the same trials however many workers there are.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pointsman.common.config import Config, SearchConfig
from pointsman.common.performance import Stopwatch
from pointsman.common.seeding import derive_seed
from pointsman.common.time_limit import INTERRUPTED, TimeLimit
from pointsman.common.workers import Crew, InterruptedAgain, Workers, count_cores
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.pipeline.training.encodings import Encodings
from pointsman.pipeline.training.evaluation import (
    Assignment,
    Evaluator,
    drop_unjudged,
    evaluate,
    falls_behind,
    set_bars,
)
from pointsman.pipeline.training.joining import JOINING
from pointsman.pipeline.training.problem import SearchProblem, SearchSpace, default_candidates, describe_space
from pointsman.pipeline.training.proposal import describe, suggest, transfer
from pointsman.pipeline.training.trials import Trial, TrialState
from pointsman.registry.contender import FALLBACK_FAMILY

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

ROUND = 10
"""Trials, at most, that are proposed before any of them is known: a small budget is spent in two rounds, so that the
first can teach the second. With fewer, workers often wait for one slow trial."""
LEAST_ROUND = 4
LEAST_SEEN = 4
"""Trials at a step before it has a bar."""
KEPT_SHARE = 0.5
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
    tell: Callable[[int, int], None] | None = None,
    limit: TimeLimit | None = None,
) -> list[Trial]:
    """Evaluate up to ``trials`` candidates and return every trial, the failed ones with their reason.

    ``known`` are trials of earlier searches: the best of them are tried first, or every family's defaults where there
    are none, and all inform the Tree-structured Parzen Estimator (Bergstra et al. 2011) that proposes the others. The
    same problem gives the same trials unless the ``limit`` of time, or Ctrl-C, which it records, ends the search.
    ``tell`` is called with how many trials are done, and how many there are to be.
    """
    space = describe_space(problem, config)
    if not space.pipelines:
        log.warning(
            "search.families and search.variants leave nothing to search for; the plain models alone are fitted"
        )
        return []
    limit = limit or TimeLimit()
    allow = limit.open("search")
    if allow and not allow(0, trials):
        return []
    seed = derive_seed(problem.seed, "search", problem.batch)
    study = _open_study(space, known, seed)
    # Rounds have a fixed size, however many workers there are: what is proposed depends on finished rounds alone.
    done: dict[str, Trial] = {}
    proposed, size = 0, min(ROUND, max(LEAST_ROUND, -(-trials // 2)))
    crew = (workers or Workers()).share(Evaluator(problem, Encodings(problem.folds, problem.task, seed), seed))
    try:
        # The study hears losses relative to the prior's, the scale that trials of earlier batches share.
        baseline = _judge_prior(crew.shared)
        while proposed < trials and (allow is None or allow(proposed, trials)):
            asked = [study.ask() for _ in range(min(size, trials - proposed))]
            candidates = [suggest(one, space) for one in asked]
            new = _list_new(candidates, done, proposed, baseline)
            done |= _evaluate(crew, new, done)
            # Two proposals may be one candidate: it is evaluated once, and the study hears of both.
            for one, candidate in zip(asked, candidates, strict=True):
                _tell(study, one, done[candidate.key])
            proposed += len(asked)
            if tell:
                tell(proposed, trials)
    except InterruptedAgain:
        raise
    except KeyboardInterrupt:
        limit.cut("search", proposed, trials, INTERRUPTED)
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
    """Return what is tried first: the best known candidates, one a pipeline and window, or every family's defaults.

    The defaults of a family that joins by itself are tried beside known candidates, until one of its own is known.
    """
    best: dict[tuple[str, str, int | None], Candidate] = {}
    for trial in sorted((one for one in known if one.relative is not None), key=lambda one: one.relative or 0.0):
        candidate = trial.candidate
        if transfer(candidate, 0.0, space) is not None:
            best.setdefault((candidate.family, candidate.variant, candidate.window), candidate)
    defaults = default_candidates(space)
    tried = {trial.candidate.family for trial in known}
    joined = [candidate for candidate in defaults if candidate.family == JOINING and JOINING not in tried]
    return [*list(best.values())[:FIRST], *joined] if best else defaults


def _list_new(candidates: Sequence[Candidate], done: Mapping[str, Trial], number: int, baseline: float) -> list[Trial]:
    """Return a trial of each candidate that was not evaluated before, numbered from ``number`` on."""
    new: dict[str, Trial] = {}
    for position, candidate in enumerate(candidates):
        if candidate.key not in done:
            new.setdefault(candidate.key, Trial(number + position, candidate, baseline=baseline))
    return list(new.values())


def _evaluate(crew: Crew[Evaluator], new: Sequence[Trial], done: Mapping[str, Trial]) -> dict[str, Trial]:
    """Return the trials of a round by their candidate's key.

    Each takes the first step, so that they can be told apart before any of them gets expensive; who keeps up goes on.
    The one whose first step took longest starts first, so that the others need not wait for it at the end.
    """
    begun = {trial.number: trial for trial in crew.map(evaluate, [Assignment(trial, most=1) for trial in new])}
    bars = set_bars([*done.values(), *begun.values()], LEAST_SEEN, KEPT_SHARE)
    going = [one for one in begun.values() if one.state is TrialState.PRUNED and not falls_behind(one, bars)]
    going.sort(key=lambda trial: -trial.seconds)
    begun |= {trial.number: trial for trial in crew.map(evaluate, [Assignment(trial, bars) for trial in going])}
    return {trial.candidate.key: trial for trial in begun.values()}


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


def _judge_prior(evaluator: Evaluator) -> float:
    """Return the prior's mean loss over all folds; 1 where the metric leaves it undefined."""
    prior = Candidate(FALLBACK_FAMILY, get_family(FALLBACK_FAMILY).variants[0])
    loss = evaluate(evaluator, Assignment(Trial(-1, prior))).loss
    return 1.0 if loss is None else loss


SHUFFLED = (
    "training.validation=kfold learns from rows after those it judges on, though '%s' tells their order: "
    "what the search finds may look better than it is"
)


def hire(config: Config) -> Workers:
    """Return the workers that search and fit: by default one a core."""
    return Workers(config.workers.count or count_cores(), config.workers.scheduler)


def run_search(
    config: Config, problem: SearchProblem, trials: int, workers: Workers, known: Sequence[Trial], watch: Stopwatch
) -> list[Trial]:
    """Search, starting from the ``known`` trials that earlier searches found, as long as the ``watch`` allows."""
    if not problem.folds:
        log.warning("too few rows for the folds of a search; no search until more batches arrive")
        return []
    if config.training.validation == "kfold" and not config.schema_.is_timeless:
        log.warning(SHUFFLED, config.schema_.time)
    judged = drop_unjudged(problem)
    if not judged.folds:
        name = problem.metric.name
        log.warning("no search: labels are too much alike for metric=%s, which metric=auto is not stopped by", name)
        return []
    return search(judged, config.search, trials, known, workers, watch.count, watch.limit)
