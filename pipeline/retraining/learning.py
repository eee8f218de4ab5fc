"""Learning a batch: search, let newcomers get a record, decide who stays, and let those learn the newest rows."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.config import Action
from pointsman.common.storage.rows import make_row
from pointsman.common.workers import Crew
from pointsman.experiments.tables import runs_table
from pointsman.meta.decayed import list_losses
from pointsman.meta.ensembles import DAMAGED, TYPICAL
from pointsman.meta.past import stack_records
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.drift.tables import responses_table
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.retraining.drift_response import (
    WARNED,
    Answers,
    describe_revival,
    describe_shortened,
    drop_unlearned,
    load_earlier_champions,
    postpone,
    response_rows,
    shorten_window,
)
from pointsman.pipeline.training.capacity import log_cuts
from pointsman.pipeline.training.data import TrainingData
from pointsman.pipeline.training.newcomers import (
    count_from,
    count_versions,
    enter_newcomers,
    group_outputs,
    list_entries,
    load_cooling,
)
from pointsman.pipeline.training.out_of_fold import breaks_gap
from pointsman.pipeline.training.portfolio import baseline_candidates, list_portfolio
from pointsman.pipeline.training.refit import plan_other_refits, plan_refits, put_first, refit_all
from pointsman.pipeline.training.run_rows import run_rows
from pointsman.pipeline.training.search_candidates import SearchResult, search_candidates
from pointsman.pipeline.validation.challengers import (
    choose_retrain_modes,
    compare_challengers,
    list_challengers,
    list_competing,
    load_compared,
    recall,
    take_turns,
)
from pointsman.pipeline.validation.comparison_rows import comparison_rows
from pointsman.pipeline.validation.evidence import Evaluated, PrequentialResult, rebuild_evaluation_tables
from pointsman.pipeline.validation.promotion import IDLE, decide_promotion, list_incumbents
from pointsman.pipeline.validation.records import LateOutputs, join_records
from pointsman.pipeline.validation.registration import Decision, Registration, explain_lost, register, save_challengers
from pointsman.pipeline.validation.retrain_mode import PairedComparison
from pointsman.pipeline.validation.tables import bouts_table, comparisons_table
from pointsman.registry.contender import Contender
from pointsman.registry.ensembles import load_weights
from pointsman.registry.generations import Event, Generation, Member, Role
from pointsman.registry.loading import drop_lost
from pointsman.registry.update_run import UpdateRun
from pointsman.registry.versions import Version

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Learned:
    """What becomes of the models: the members of the next generation, and records with those of newcomers.

    late:       what newcomers predicted out of fold, by batch and model
    registered: new versions and events; None where nothing was learned
    """

    members: tuple[Member, ...]
    records: Sequence[OutOfSamplePredictions]
    late: LateOutputs
    registered: Registration | None


@dataclass(frozen=True, eq=False)
class Challenge:
    """How challengers did on the newest batch, beside what served.

    revived: champions of earlier regimes that drift called back to compete
    outputs: what each challenger predicted, by version
    """

    revived: Sequence[Version]
    compared: Sequence[PairedComparison]
    outputs: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Contenders that are not active yet, with their records.

    crew:      workers that hold the training set
    portfolio: candidates that always compete; ``shortened`` are those of them with a short window, for drift
    recalled:  by the name of a recalled contender, the version it was
    late:      what newcomers predicted out of fold, by batch and model
    number:    the first version number that none of them has taken
    """

    contenders: Sequence[Contender]
    crew: Crew[TrainingSet]
    portfolio: Sequence[Candidate]
    shortened: Sequence[Candidate]
    recalled: Mapping[str, Version]
    late: LateOutputs
    number: int


def keep_all(run: UpdateRun, evaluated: Evaluated, answers: Answers) -> Learned:
    """Return that all members stay but challengers, whose counterparts were not trained."""
    run.draft.add(responses_table, response_rows(answers.batch, postpone(answers)))
    members = tuple(member for member in run.before.members if member.role is not Role.CHALLENGER)
    return Learned(members, [*evaluated.result.stored, evaluated.result.record], {}, None)


def learn(
    run: UpdateRun,
    data: TrainingData,
    evaluated: Evaluated,
    answers: Answers,
    shadow: Mapping[str, np.ndarray] | None = None,
) -> Learned:
    """Search, let newcomers compete, decide who stays and let them learn the newest rows.

    ``shadow`` is what challengers predicted for served rows of the record, by version.
    """
    tested, watch = evaluated.result, run.watch
    before, lost = drop_lost(run.before, tested.models)
    run = replace(run, before=before)
    with watch.stage("bouts"):
        challenge = hold_challenge(run, tested, answers, shadow)
    with watch.stage("search"):
        losses = list_losses(before, [*tested.stored, tested.record])
        run, found = search_candidates(run, data.training_set, losses, answers.calls_for("search"))
    with watch.stage("newcomers"):
        newcomers = enter_all(run, data, tested, found, challenge, answers)
    with watch.stage("promotion"):
        decided, unlearned = decide(run, tested, found, challenge, newcomers, answers)
        decided = decided.with_retired([*explain_lost(lost, map(str, tested.table.features)), *unlearned])
    with watch.stage("training"):
        registered = refit_and_register(run, tested, found.training_set, newcomers, decided)
    run.draft.add(bouts_table, [make_row(one) for one in challenge.compared])
    run.draft.add(comparisons_table, comparison_rows(run.number, decided.promotion.judged))
    outcomes = describe_outcomes(found, challenge, newcomers, unlearned)
    run.draft.add(responses_table, response_rows(run.number, answers.record(outcomes)))
    return Learned(registered.members, decided.records, newcomers.late, registered)


def hold_challenge(
    run: UpdateRun, tested: PrequentialResult, answers: Answers, shadow: Mapping[str, np.ndarray] | None
) -> Challenge:
    """Compare what served with its challengers, and with champions of earlier regimes where drift calls them back."""
    revived = load_earlier_champions(run.state, run.before) if answers.calls_for("revive") else []
    return Challenge(revived, *compare_challengers(run.before, tested, revived, shadow))


def enter_all(
    run: UpdateRun,
    data: TrainingData,
    tested: PrequentialResult,
    found: SearchResult,
    challenge: Challenge,
    answers: Answers,
) -> Newcomers:
    """Let the portfolio, the finalists of the search and former champions get a record of the newest batches."""
    config, state, before, training_set = run.config, run.state, run.before, found.training_set
    crew = found.workers.share(training_set, run.watch.count)
    shortened = shorten_window(state, before, answers)
    portfolio = [*list_portfolio(config, training_set), *shortened]
    log_cuts(config, len(training_set.rows), data.window, portfolio)
    if breaks_gap(training_set, tested.table):
        log.warning(
            "training.gap=%s leaves nothing of batch %d to learn from before its newer rows, so models are judged "
            "on these without it; gaps are kept from the next batch on",
            training_set.gap,
            run.number,
        )
    tables = [*rebuild_evaluation_tables(run, data), tested.table]
    # Newcomers are named by the numbers they would have as versions, so recalled models count on from theirs.
    first = count_versions(state) + 1
    entries = list_entries(before, portfolio, found.finalists, load_cooling(state, before), tables, first)
    # Of a new stream the baselines, which come first, are tried in any case: somebody has to serve.
    least = 0 if before.versions else len(baseline_candidates(config.search.variants, training_set.task))
    allow = run.watch.limit.open("newcomers", least, crew.workers.count)
    entered = enter_newcomers(crew, entries, allow, before.versions)
    back, recalled = recall(
        config,
        [*before.challengers, *challenge.revived],
        challenge.compared,
        challenge.outputs,
        count_from(first, entered),
    )
    contenders = [*entered, *back]
    late, number = group_outputs(contenders), count_from(first, contenders)
    return Newcomers(contenders, crew, portfolio, shortened, recalled, late, number)


def decide(
    run: UpdateRun,
    tested: PrequentialResult,
    found: SearchResult,
    challenge: Challenge,
    newcomers: Newcomers,
    answers: Answers,
) -> tuple[Decision, list[Event]]:
    """Return who stays active, by records, each with its retrain mode, and who retires for not learning a change."""
    config, state, before = run.config, run.state, run.before
    records = join_records(tested.stored, tested.record, newcomers.late)
    contenders = [*list_incumbents(before, tested.record), *newcomers.contenders]
    baselines = {one.key for one in baseline_candidates(config.search.variants, found.training_set.task)}
    modes = choose_retrain_modes(config, before, [*load_compared(state), *challenge.compared], baselines)
    gone: list[str] = []
    if answers.calls_for("retire"):
        everyone = contenders
        contenders, modes = drop_unlearned(contenders, modes, before.pinned)
        gone = [one.parent.id for one in everyone if one not in contenders and one.parent]
    history = load_weights(state, before.number, IDLE)
    promotion = decide_promotion(run, contenders, records, newcomers.portfolio, found.room, baselines, history)
    unlearned = [Event(version, "retired", "it did not learn the change of the relation") for version in gone]
    past = stack_records(records, [contender.line for contender in promotion.active])
    competing = list_competing(promotion, past, baselines)
    decided = Decision(promotion, modes, newcomers.recalled, records, past, baselines, competing)
    return decided, unlearned


def refit_and_register(
    run: UpdateRun, tested: PrequentialResult, training_set: TrainingSet, newcomers: Newcomers, decided: Decision
) -> Registration:
    """Let everyone who stays learn the newest rows, a few of them in their other mode as well; register them all."""
    active = decided.promotion.active
    numbers = itertools.count(newcomers.number)
    jobs = plan_refits(run.config, active, tested.models, decided.modes, decided.past)
    limit, at_a_time = run.watch.limit, newcomers.crew.workers.count
    first = find_first(run.before, decided)
    if allow := limit.open("refits", sum(job.contender.line in first for job in jobs), at_a_time):
        jobs = put_first(jobs, first)
    fitted = refit_all(newcomers.crew, jobs, allow)
    registered = register(run, training_set, decided, fitted, numbers)
    competing = decided.competing
    others = plan_other_refits(training_set, jobs, fitted, take_turns(competing, run.number))
    otherwise = refit_all(newcomers.crew, others, limit.open("challengers", 0, at_a_time))
    made = save_challengers(run.state, run.before, training_set, competing, otherwise, numbers)
    rows = tested.record.rows
    runs = run_rows(run.schema, rows, active, fitted, registered.new)
    run.draft.add(runs_table, [*runs, *run_rows(run.schema, rows, competing, otherwise, made)])
    return registered.with_challengers(
        list_challengers(run.state, run.before, registered.members, competing, made), made
    )


def find_first(before: Generation, decided: Decision) -> set[str]:
    """Return the models that learn however little time there is: champions, whoever serves, and baselines."""
    promotion, named = decided.promotion, {*before.aliases.values()}

    def serves(one: Version) -> bool:
        return one.id in named or one.line == before.pinned or one.variant in (TYPICAL, DAMAGED)

    mixed = [before.list_members(ensemble) for ensemble in before.ensembles if serves(ensemble)]
    members = {line for by_kind in mixed for weights in by_kind for line in weights}
    singles = {version.line for version in before.versions if serves(version)}
    plain = {one.line for one in promotion.active if one.candidate.key in decided.baselines}
    return {promotion.champion.line, promotion.robust_champion.line} | members | singles | plain


def describe_outcomes(
    found: SearchResult, challenge: Challenge, newcomers: Newcomers, unlearned: Sequence[Event]
) -> dict[Action, str]:
    """Return what came of every action that drift can call for, in words."""
    revived = [one for one in newcomers.recalled.values() if one in challenge.revived]
    retired = ", ".join(one.version for one in unlearned) or "none, as every line learns"
    return {
        "warn": WARNED,
        "search": f"{found.trials_wanted} trials, all of search.trials"
        if found.trials_done == found.trials_wanted
        else f"{found.trials_done} of {found.trials_wanted} trials",
        "shorten": describe_shortened(newcomers.shortened),
        "revive": describe_revival(challenge.revived, revived),
        "retire": f"retired: {retired}",
    }
