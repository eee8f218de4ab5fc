"""Learning a batch: what proving showed, then search, newcomers, promotion and training; or no learning at all."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.config import Action, Config
from pointsman.common.performance import Stopwatch
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.experiments.tables import feature_gains_table, runs_table, trials_table
from pointsman.meta.decayed import list_losses
from pointsman.meta.records import OutOfSamplePredictions
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
from pointsman.pipeline.training.budget import size_search
from pointsman.pipeline.training.capacity import log_cuts
from pointsman.pipeline.training.feature_selection import judge_features
from pointsman.pipeline.training.joining import join_families
from pointsman.pipeline.training.newcomers import (
    count_from,
    count_versions,
    enter_newcomers,
    group_outputs,
    load_cooling,
)
from pointsman.pipeline.training.portfolio import baseline_candidates, count_batches, list_portfolio, make_room
from pointsman.pipeline.training.problem import pose_problem
from pointsman.pipeline.training.refit import plan_other_refits, plan_refits, refit_all
from pointsman.pipeline.training.run_rows import run_rows
from pointsman.pipeline.training.search import hire, run_search
from pointsman.pipeline.training.trials import choose_finalists, trial_rows
from pointsman.pipeline.training.warm_start import load_known_trials
from pointsman.pipeline.validation.challengers import (
    bout_rows,
    choose_retrain_modes,
    compare_challengers,
    list_challengers,
    list_competing,
    load_compared,
    recall,
    take_turns,
)
from pointsman.pipeline.validation.comparison_rows import comparison_rows
from pointsman.pipeline.validation.evidence import PrequentialResult, rebuild_evaluation_tables
from pointsman.pipeline.validation.promotion import IDLE, decide_promotion, list_incumbents
from pointsman.pipeline.validation.records import LateOutputs, join_records
from pointsman.pipeline.validation.registration import Registration, register, save_challengers
from pointsman.pipeline.validation.tables import bouts_table, comparisons_table
from pointsman.registry.ensembles import load_weights
from pointsman.registry.generations import Event, Generation, Member, Role
from pointsman.registry.loading import drop_lost
from pointsman.registry.versions import Version

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Learned:
    """What becomes of the lines: the members of the next generation, and records with those of newcomers.

    late:     what newcomers predicted out of fold, by batch and line
    enrolled: new versions and events; None where nothing was learned
    """

    members: tuple[Member, ...]
    records: Sequence[OutOfSamplePredictions]
    late: LateOutputs
    enrolled: Registration | None


def rest(before: Generation, tested: PrequentialResult, answers: Answers, draft: Draft) -> Learned:
    """Return that everything stays; rivals go, since what they were to be compared with has not been made."""
    draft.add(responses_table, response_rows(answers.batch, postpone(answers)))
    members = tuple(member for member in before.members if member.role is not Role.CHALLENGER)
    return Learned(members, [*tested.stored, tested.record], {}, None)


def learn(
    config: Config,
    state: State,
    before: Generation,
    schema: Schema,
    window: Sequence[LabelledBatch],
    training_set: TrainingSet,
    tested: PrequentialResult,
    answers: Answers,
    watch: Stopwatch,
    draft: Draft,
    shadow: Mapping[str, np.ndarray] | None = None,
) -> Learned:
    """Search, let newcomers compete, decide who stays and let them learn the newest rows.

    ``shadow`` is what rivals predicted for served rows of the record, by version.
    """
    batch, record = training_set.rows.last_batch, tested.record
    before, lost = drop_lost(before, tested.models)
    outcomes: dict[Action, str] = {"warn": WARNED}
    with watch.stage("bouts"):
        revived = load_earlier_champions(state, before) if answers.calls_for("revive") else []
        bouts, rival_outputs = compare_challengers(tested.shelf, before, record, tested.sheet, revived, shadow)
    with watch.stage("search"):
        workers = hire(config, training_set)
        losses = list_losses(before, [*tested.stored, record])
        budget = size_search(config.search.trials, config.search.calm_share, losses, answers.calls_for("search"))
        outcomes["search"] = f"{budget} trials, all of search.trials"
        ordered = pose_problem(
            config, training_set, batch, "time_ordered"
        )  # in shuffled folds every season seems to help
        training_set, feature_gains = judge_features(state, schema, training_set, ordered)
        known = load_known_trials(state)
        config = config.model_copy(update={"search": join_families(config.search, training_set.rows, known)})
        trials = run_search(config, pose_problem(config, training_set, batch), budget, workers, known)
        room, places = make_room(
            config.promotion.max_active, config.search.finalists, len(training_set.rows), count_batches(training_set)
        )
        finalists = choose_finalists(trials, places)
    with watch.stage("newcomers"):
        crew = workers.share(training_set)
        shortened = shorten_window(state, before, answers)
        outcomes["shorten"] = describe_shortened(shortened)
        standing = [*list_portfolio(config, training_set), *shortened]
        log_cuts(
            config.training,
            config.search,
            len(training_set.rows),
            sum(map(len, window)),
            window[-1].inputs.shape[1],
            standing,
        )
        sheets = [*rebuild_evaluation_tables(config, state, schema, window), tested.sheet]
        first_number = count_versions(state) + 1
        resting = load_cooling(state, before)
        newcomers = enter_newcomers(before, crew, standing, finalists, resting, sheets, first_number)
        next_number = count_from(first_number, newcomers)
        back, recalled = recall(config, [*before.challengers, *revived], bouts, rival_outputs, next_number)
        outcomes["revive"] = describe_revival(revived, [one for one in recalled.values() if one in revived])
        newcomers += back
        late = group_outputs(newcomers)
        records = join_records(tested.stored, record, late)
    with watch.stage("promotion"):
        contenders = [*list_incumbents(before, record), *newcomers]
        baselines = {one.key for one in baseline_candidates(config.search.variants, training_set.task)}
        ways = choose_retrain_modes(config, before, [*load_compared(state), *bouts], baselines)
        gone: list[str] = []
        if answers.calls_for("retire"):
            everyone = contenders
            contenders, ways = drop_unlearned(contenders, ways, before.pinned)
            gone = [one.parent.id for one in everyone if one not in contenders and one.parent]
            outcomes["retire"] = f"retired: {', '.join(gone) or 'none, as every line learns'}"
        history = load_weights(state, before.number, IDLE)
        promotion = decide_promotion(config, before, contenders, records, standing, room, baselines, history)
        unlearned = tuple(Event(version, "retired", "it did not learn the change of the relation") for version in gone)
        broken = tuple(Event(version, "lost", reason) for version, reason in say_why(lost, tested).items())
        promotion = replace(promotion, retired=(*broken, *unlearned, *promotion.retired))
    with watch.stage("training"):
        numbers = itertools.count(count_from(first_number, newcomers))
        refit_jobs = plan_refits(config, promotion.active, tested.models, ways, records)
        trained = refit_all(crew, refit_jobs)
        enrolled = register(config, state, before, training_set, promotion, trained, records, numbers, ways, recalled)
        competing = list_competing(promotion, records, baselines)
        turn = take_turns(competing, batch)
        otherwise = refit_all(crew, plan_other_refits(training_set, refit_jobs, trained, turn))
        challengers = save_challengers(state, before, training_set, competing, otherwise, numbers)
        examined = schema, record.rows
        runs = [
            *run_rows(*examined, promotion.active, trained, enrolled.new),
            *run_rows(*examined, competing, otherwise, challengers),
        ]
        competitors = list_challengers(state, before, enrolled.members, competing, challengers)
        enrolled = enrolled.with_challengers(competitors, challengers)
    draft.add(feature_gains_table, feature_gains)
    draft.add(trials_table, trial_rows(batch, trials, finalists))
    draft.add(runs_table, runs)
    draft.add(bouts_table, bout_rows(bouts))
    draft.add(comparisons_table, comparison_rows(batch, promotion.judged))
    draft.add(responses_table, response_rows(batch, answers.record(outcomes)))
    return Learned(enrolled.members, records, late, enrolled)


def say_why(lost: Sequence[Version], tested: PrequentialResult) -> dict[str, str]:
    """Return why each of some versions cannot go on, by its id."""
    made = set(map(str, tested.sheet.features))
    unmade = {version.id: [name for name in version.inputs if name not in made] for version in lost}
    return {
        name: f"it reads {', '.join(gone)}, which is no longer made" if gone else "its artefacts could not be loaded"
        for name, gone in unmade.items()
    }
