"""Learning a batch: what proving showed, then search, newcomers, promotion and training; or no learning at all."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from common.config import Action, Config, Validation
from common.database import Draft, read_rows
from common.metrics import get_metric
from common.performance import Stopwatch
from common.records import LabelledBatch
from common.schema import Schema
from common.state import State
from common.workers import Workers, count_cores
from experiments.tables import feature_gains_table, runs_table, trials_table
from meta.decayed import compute_part_losses
from meta.past import stack_records
from meta.records import Record
from meta.store import PLAN_LINE
from meta.tables import estimates_table
from model_zoo.candidate import Candidate
from pipeline.analysis.drift.tables import responses_table
from pipeline.collection.tables import batches
from pipeline.drift import DriftFound, has_relation_changed
from pipeline.enrolment import (
    IDLE,
    Enrolled,
    count_from,
    count_versions,
    decide_promotion,
    enrol,
    enter_newcomers,
    give,
    group_outputs,
    list_incumbents,
    load_resting,
    plan_lessons,
    plan_other_lessons,
    save_rivals,
)
from pipeline.features import judge_features
from pipeline.preparation.splits import make_splits
from pipeline.proving import (
    LateOutputs,
    Proof,
    drop_lost,
    join_records,
    rebuild_sheets,
)
from pipeline.response import (
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
from pipeline.runs import run_rows
from pipeline.tournament import (
    bout_rows,
    choose_ways,
    hold_bouts,
    list_competing,
    list_rivals,
    load_bouts,
    recall,
    take_turns,
)
from pipeline.training.budget import size_search
from pipeline.training.capacity import limit_searched, tell_cuts
from pipeline.training.contenders import Ground, breaks_gap
from pipeline.training.evaluation import drop_unjudged
from pipeline.training.joining import join_families
from pipeline.training.problem import Fold, SearchProblem
from pipeline.training.retraining import configured_policy, trains
from pipeline.training.roster import baseline_candidates, make_room, standing_candidates
from pipeline.training.search import search
from pipeline.training.trials import Trial, choose_finalists, trial_rows
from pipeline.training.warm_start import load_known_trials
from pipeline.validation.comparison_rows import comparison_rows
from pipeline.validation.tables import bouts_table, comparisons_table
from registry.ensembles import load_weights
from registry.generations import Event, Generation, Member, Role
from registry.versions import Version

log = logging.getLogger(__name__)

LOSS_MEASURES = ("log_loss", "rmse")
"""What estimates call the loss of a classification and of a regression."""

SHUFFLED = (
    "training.validation=kfold learns from rows after those it judges on, though '%s' tells their order: "
    "what the search finds may look better than it is"
)

ROWS_TO_SHARE = 5_000
"""With fewer rows, starting more processes takes longer than they save."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What becomes of the lines: the members of the next generation, and records with those of newcomers.

    late:     what newcomers predicted out of fold, by batch and line
    enrolled: new versions and events; None where nothing was learned
    """

    members: tuple[Member, ...]
    records: Sequence[Record]
    late: LateOutputs
    enrolled: Enrolled | None


def trains_now(
    config: Config, state: State, before: Generation, found: DriftFound, estimates: Sequence[Mapping[str, Any]]
) -> bool:
    """Return whether the configured policy wants the newest batch learned; the first one always is."""
    if before.champion is None:
        return True
    learned = before.last_learned
    query = sa.select(batches.c.number).where(batches.c.status == "accepted", batches.c.number > learned)
    waiting = [row["number"] for row in read_rows(state.engine, query.order_by(batches.c.number))]
    first = (
        sa.select(estimates_table)
        .where(estimates_table.c.batch == waiting[0], estimates_table.c.request == "")
        if waiting else None
    )  # fmt: skip
    after_training = read_rows(state.engine, first) if first is not None else estimates
    return trains(
        configured_policy(config.response),
        since_training=len(waiting) + 1,
        drifted=bool(found.alarms) or not found.is_judged or has_relation_changed(state, learned),
        estimated_loss=_find_estimate(estimates),
        loss_after_training=_find_estimate(after_training),
    )


def _find_estimate(estimates: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the estimated loss of the plan on a batch."""
    found = [one["estimated"] for one in estimates if one["answerer"] == PLAN_LINE and one["request"] == ""
             and one["measure"] in LOSS_MEASURES]  # fmt: skip
    return float(found[0]) if found else None


def rest(before: Generation, proof: Proof, answers: Answers, draft: Draft) -> Learned:
    """Return that everything stays; rivals go, since what they were to be compared with has not been made."""
    draft.add(responses_table, response_rows(answers.batch, postpone(answers)))
    members = tuple(member for member in before.members if member.role is not Role.RIVAL)
    return Learned(members, [*proof.stored, proof.record], {}, None)


def learn(
    config: Config, state: State, before: Generation, schema: Schema, window: Sequence[LabelledBatch], ground: Ground,
    proof: Proof, answers: Answers, watch: Stopwatch, draft: Draft, shadow: Mapping[str, np.ndarray] | None = None,
) -> Learned:  # fmt: skip
    """Search, let newcomers compete, decide who stays and let them learn the newest rows.

    ``shadow`` is what rivals predicted for served rows of the record, by version.
    """
    batch, record = ground.rows.last_batch, proof.record
    before, lost = drop_lost(before, proof.models)
    outcomes: dict[Action, str] = {"warn": WARNED}
    with watch.stage("bouts"):
        revived = load_earlier_champions(state, before) if answers.calls_for("revive") else []
        bouts, rival_outputs = hold_bouts(proof.shelf, before, record, proof.sheet, revived, shadow)
    with watch.stage("search"):
        workers = hire(config, ground)
        losses = list_losses(before, [*proof.stored, record])
        budget = size_search(config.search.trials, config.search.calm_share, losses, answers.calls_for("search"))
        outcomes["search"] = f"{budget} trials, all of search.trials"
        ordered = pose_problem(config, ground, batch, "time_ordered")  # in shuffled folds every season seems to help
        ground, feature_gains = judge_features(state, schema, ground, ordered)
        known = load_known_trials(state)
        config = config.model_copy(update={"search": join_families(config.search, ground.rows, known)})
        trials = run_search(config, pose_problem(config, ground, batch), budget, workers, known)
        room, places = make_room(config.promotion.max_active, config.search.finalists, len(ground.rows),
                                 count_batches(ground))  # fmt: skip
        finalists = choose_finalists(trials, places)
    with watch.stage("newcomers"):
        crew = workers.share(ground)
        shortened = shorten_window(state, before, answers)
        outcomes["shorten"] = describe_shortened(shortened)
        standing = [*list_standing(config, ground), *shortened]
        tell_cuts(config.training, config.search, len(ground.rows), sum(map(len, window)), window[-1].inputs.shape[1],
                  standing)  # fmt: skip
        if breaks_gap(ground, proof.sheet):
            log.warning(
                "training.gap=%s leaves nothing of batch %d to learn from before its newer rows, so models are judged "
                "on these without it; gaps are kept from the next batch on", ground.gap, batch,
            )  # fmt: skip
        sheets = [*rebuild_sheets(config, state, schema, window), proof.sheet]
        first_number = count_versions(state) + 1
        resting = load_resting(state, before)
        newcomers = enter_newcomers(before, crew, standing, finalists, resting, sheets, first_number)
        next_number = count_from(first_number, newcomers)
        back, recalled = recall(config, [*before.rivals, *revived], bouts, rival_outputs, next_number)
        outcomes["revive"] = describe_revival(revived, [one for one in recalled.values() if one in revived])
        newcomers += back
        late = group_outputs(newcomers)
        records = join_records(proof.stored, record, late)
    with watch.stage("promotion"):
        contenders = [*list_incumbents(before, record), *newcomers]
        baselines = {one.key for one in baseline_candidates(config.search.variants, ground.task)}
        ways = choose_ways(config, before, [*load_bouts(state), *bouts], baselines)
        gone: list[str] = []
        if answers.calls_for("retire"):
            everyone = contenders
            contenders, ways = drop_unlearned(contenders, ways, before.pinned)
            gone = [one.parent.id for one in everyone if one not in contenders and one.parent]
            outcomes["retire"] = f"retired: {', '.join(gone) or 'none, as every line learns'}"
        history = load_weights(state, before.number, IDLE)
        promotion = decide_promotion(config, before, contenders, records, standing, room, baselines, history)
        unlearned = tuple(Event(version, "retired", "it did not learn the change of the relation") for version in gone)
        broken = tuple(Event(version, "lost", reason) for version, reason in say_why(lost, proof).items())
        promotion = replace(promotion, retired=(*broken, *unlearned, *promotion.retired))
    with watch.stage("training"):
        numbers = itertools.count(count_from(first_number, newcomers))
        lessons = plan_lessons(config, promotion, proof.models, ways, records)
        trained = give(crew, lessons)
        enrolled = enrol(config, state, before, ground, promotion, trained, records, numbers, ways, recalled)
        competing = list_competing(promotion, records, baselines)
        turn = take_turns(competing, batch)
        otherwise = give(crew, plan_other_lessons(ground, lessons, trained, turn))
        rivals = save_rivals(state, before, ground, competing, otherwise, numbers)
        examined = schema, record.rows
        runs = [*run_rows(*examined, promotion.active, trained, enrolled.new),
                *run_rows(*examined, competing, otherwise, rivals)]  # fmt: skip
        competitors = list_rivals(state, before, enrolled.members, competing, rivals)
        enrolled = enrolled.with_rivals(competitors, rivals)
    draft.add(feature_gains_table, feature_gains)
    draft.add(trials_table, trial_rows(batch, trials, finalists))
    draft.add(runs_table, runs)
    draft.add(bouts_table, bout_rows(bouts))
    draft.add(comparisons_table, comparison_rows(batch, promotion.judged))
    draft.add(responses_table, response_rows(batch, answers.record(outcomes)))
    return Learned(enrolled.members, records, late, enrolled)


def say_why(lost: Sequence[Version], proof: Proof) -> dict[str, str]:
    """Return why each of some versions cannot go on, by its id."""
    made = set(map(str, proof.sheet.features))
    unmade = {version.id: [name for name in version.inputs if name not in made] for version in lost}
    return {
        name: f"it reads {', '.join(gone)}, which is no longer made" if gone else "its artefacts could not be loaded"
        for name, gone in unmade.items()
    }


def pose_problem(config: Config, ground: Ground, number: int, validation: Validation | None = None) -> SearchProblem:
    """Return what the search works on: folds of the newest rows, of the configured type unless another is asked for."""
    rows = ground.rows.newest(limit_searched(config.search, len(ground.rows)))
    block = len(rows.last(1))
    validation = validation or config.training.validation
    splits = make_splits(validation, rows.times, config.training.folds, ground.gap, block, ground.seed)
    folds = [Fold(rows.take(split.learn), rows.take(split.validate)) for split in splits]
    metric = get_metric(config.metric, ground.task)
    return SearchProblem(folds, ground.task, ground.classes, metric, number, ground.seed, ground.threads)


def hire(config: Config, ground: Ground) -> Workers:
    """Return who searches and fits: by default every core, unless there are too few rows to be worth the start."""
    count = config.workers.count or (count_cores() if len(ground.rows) >= ROWS_TO_SHARE else 1)
    return Workers(count, config.workers.scheduler)


def list_standing(config: Config, ground: Ground) -> list[Candidate]:
    """Return the candidates that always stand, as far as the batches to learn from tell them apart."""
    search, batches = config.search, count_batches(ground)
    return standing_candidates(search.families, search.variants, ground.task, batches, len(ground.rows))


def count_batches(ground: Ground) -> int:
    """Return how many batches there are to learn from."""
    return len(np.unique(ground.rows.batches))


def list_losses(before: Generation, records: Sequence[Record]) -> list[float]:
    """Return the champion's mean loss on every batch it has a record of, oldest first."""
    if before.champion is None:
        return [np.nan]
    line = before.champion.line
    known = [record for record in records if line in record.predicted]
    parts = compute_part_losses(stack_records(known, [line])) if known else None
    return parts.losses[parts.whole][:, 0].tolist() if parts else [np.nan]


def run_search(
    config: Config, problem: SearchProblem, trials: int, workers: Workers, known: Sequence[Trial]
) -> list[Trial]:
    """Search, starting from the ``known`` trials that earlier searches found."""
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
    return search(judged, config.search, trials, known, workers)
