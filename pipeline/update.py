"""The update: the next batch through every stage, made visible by one commit at the end."""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import Draft, read_rows
from common.errors import BatchRejected, NoNewData
from common.metrics import get_metric
from common.performance import Stopwatch, performance_table
from common.records import Judgement, LabelledBatch, RawBatch
from common.schema import Schema, read_inputs
from common.seeding import derive_seed
from common.state import State, lock_updates, open_state
from common.workers import Workers, count_cores
from experiments.tables import feature_gains_table, trials_table
from meta.decayed import compute_part_losses
from meta.grades import CLEAN_GROUP, DAMAGED_GROUP, Grade
from meta.grading import answer_record
from meta.hard_choice import Margins, tune_margin
from meta.past import stack_records
from meta.records import Record
from meta.selector import Selector, fit_selector
from meta.store import PLAN_LINE, grade_rows, load_grades, load_records, record_rows_row, save_selector
from meta.tables import estimates_table, grades_table, record_rows_table, records_table, regrets_table
from meta.trust import judge_grades
from model_zoo.candidate import Candidate
from model_zoo.reference import fit_input_reference
from pipeline.analysis.drift.distance import ColumnDrift, compute_drift
from pipeline.analysis.drift.reference import Reference, fit_reference
from pipeline.analysis.quality.judge import extend_classes, judge
from pipeline.analysis.quality.tables import retaken_table
from pipeline.analysis.tables import (
    drift_rows,
    drift_table,
    profile_rows,
    profiles_table,
    quality_rows,
    quality_table,
    quarantine_rows,
    quarantine_table,
)
from pipeline.collection.batching import take_again, take_batch, take_file
from pipeline.collection.metaparameters import compute_metaparameters
from pipeline.collection.ordering import PartReader
from pipeline.collection.roles import describe_roles, infer_schema
from pipeline.collection.tables import batches
from pipeline.enrolment import (
    TUNING_BATCHES,
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
    tune,
)
from pipeline.estimates import grade_estimates, learn_estimators
from pipeline.features import judge_features
from pipeline.ledger import settle_requests
from pipeline.preparation.clean_store import load_clean_batch, save_clean_batch
from pipeline.preparation.cleaning import clean_inputs
from pipeline.preparation.features import engineer_features, find_seasons
from pipeline.preparation.splits import time_ordered_folds
from pipeline.proving import (
    answer_sheet,
    grade_plan,
    join_records,
    list_records,
    make_sheet,
    rebuild_sheets,
    score_batch,
    score_newcomers,
)
from pipeline.quality_past import draft_fingerprint, draft_rules, load_quality_past
from pipeline.release import find_released_batch, load_released
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
from pipeline.training.contenders import Ground
from pipeline.training.problem import Fold, SearchProblem
from pipeline.training.roster import standing_candidates
from pipeline.training.rows import join_rows
from pipeline.training.search import search
from pipeline.training.trials import Trial, choose_finalists, trial_rows
from pipeline.training.warm_start import load_known_trials
from pipeline.validation.comparison_rows import comparison_rows
from pipeline.validation.prequential import score_rows
from pipeline.validation.tables import bouts_table, comparisons_table, scores_table
from registry.contender import FALLBACK_FAMILY
from registry.generations import Generation, draft_generation, load_generation
from registry.versions import ModelShelf, Version

log = logging.getLogger(__name__)

ROWS_TO_SHARE = 5_000
"""With fewer rows, starting more processes takes longer than they save."""


def update(config: Config, batches_wanted: int | None = 1, file: Path | None = None) -> bool:
    """Take the next batches, ``batches_wanted`` of them or, if None, all there are; return whether one was accepted.

    Raises NoNewData where there was none to take, BatchRejected (after storing the batch and its verdict) where the
    only one was hopeless. Every batch is committed by itself: what went before an error stays.
    """
    taken = accepted = 0
    reader = PartReader(config.schema_)
    with open_state(config) as state, lock_updates(state.folder):
        while batches_wanted is None or taken < batches_wanted:
            try:
                update_once(config, state, reader, file)
                accepted += 1
            except BatchRejected as rejection:
                if batches_wanted == 1:
                    raise
                log.warning("%s", rejection)
            except NoNewData as end:
                if not taken:
                    raise
                log.info("%s", end)
                break
            taken += 1
    return accepted > 0


def update_once(config: Config, state: State, reader: PartReader, file: Path | None = None) -> Generation:
    """Take one batch through every stage and commit; return the new generation."""
    watch, draft = Stopwatch(), Draft()
    before = load_generation(state)
    with watch.stage("collection"):
        raw = collect(config, state, before, reader, file)
        schema = decide_schema(config, before, raw)
        raw_file = state.files.save_table(raw.frame)
        if file is not None:
            check_new(state, file, raw_file)
    with watch.stage("analysis"):
        judgement = analyse(config, state, raw, schema)
        drift = measure_drift(state, before, judgement.batch)
    draft_analysis(draft, state, raw, judgement, drift)
    by_hand = file is not None or raw.retakes is not None
    draft_batch(draft, state, raw, raw_file, judgement, schema, by_hand)
    if judgement.rejected:
        rejected = before.succeed(cause="rejected", batch=raw.number, cursor=raw.cursor)
        commit(config, state, draft, watch, rejected, raw)
        raise BatchRejected(f"Batch {raw.number} was rejected and kept aside: {judgement.rejected}")
    with watch.stage("preparation"):
        window = gather_window(config, state, schema, judgement.batch)
        ground = prepare(config, schema, window, load_released(config, state, schema, window), raw.number)
    with watch.stage("prequential"):
        shelf = ModelShelf(state.files)
        models = {version.line: shelf.load(version) for version in before.versions}
        sheet = make_sheet(config, state, before, schema, window)
        record = answer_sheet(before, models, sheet)
        scores = score_batch(before, models, record, ground)
        grades, plan_outputs = grade_plan(state, before, record)
        estimates = grade_estimates(state, before, record, plan_outputs)
        regrets, settled_estimates = settle_requests(config, state, schema, judgement.batch)
        stored = load_records(state, schema)
        bouts, rival_outputs = hold_bouts(shelf, before, record, sheet)
    with watch.stage("search"):
        workers = hire(config, ground)
        budget = size_search(config.search.trials, config.search.calm_share,
                             [list_losses(before, [*stored, record]), list_distances(state, drift)])  # fmt: skip
        ground, feature_gains = judge_features(state, schema, ground, pose_problem(config, ground, raw.number))
        trials = run_search(config, state, pose_problem(config, ground, raw.number), budget, workers)
        finalists = choose_finalists(trials, config.search.finalists)
    with watch.stage("newcomers"):
        crew = workers.share(ground)
        standing = list_standing(config, ground)
        sheets = [*rebuild_sheets(config, state, schema, window), sheet]
        first_number = count_versions(state) + 1
        resting = load_resting(state, before)
        newcomers = enter_newcomers(before, crew, standing, finalists, resting, sheets, first_number)
        back, recalled = recall(config, before, bouts, rival_outputs, count_from(first_number, newcomers))
        newcomers += back
        late = group_outputs(newcomers)
        records = join_records(stored, record, late)
    with watch.stage("promotion"):
        contenders = [*list_incumbents(before, record), *newcomers]
        promotion = decide_promotion(config, before, contenders, records, standing)
    with watch.stage("training"):
        numbers = itertools.count(count_from(first_number, newcomers))
        ways = choose_ways(config, before, [*load_bouts(state), *bouts])
        lessons = plan_lessons(config, promotion, models, ways, records)
        trained = give(crew, lessons)
        enrolled = enrol(config, state, before, ground, promotion, trained, records, numbers, ways, recalled)
        competing = list_competing(promotion, records)
        turn = take_turns(competing, raw.number)
        otherwise = give(crew, plan_other_lessons(ground, lessons, trained, turn))
        rivals = save_rivals(state, before, ground, competing, otherwise, numbers)
        competitors = list_rivals(state, before, enrolled.members, competing, rivals)
        enrolled = enrolled.with_rivals(competitors, rivals)
        generation = before.succeed(
            cause="update", batch=raw.number, cursor=raw.cursor, schema=schema, members=enrolled.members
        )
    with watch.stage("selection"):
        # A part of a season that is new is no error: such features are never flagged.
        reference = fit_input_reference(ground.rows.features.drop(columns=list(ground.rows.seasons)))
        selector = learn_selector(config, generation, records, [*load_grades(state), *grades], plan_outputs)
        estimators = learn_estimators(config, generation, selector, records, plan_outputs)
    with watch.stage("associations"):
        draft_rules(draft, config, schema, window, raw.number)
    draft.add(feature_gains_table, feature_gains)
    draft.add(trials_table, trial_rows(raw.number, trials, finalists))
    newest_scores = [*scores, *score_newcomers(generation, before, record, late)]
    draft.add(scores_table, score_rows(raw.number, newest_scores))
    draft.add(bouts_table, bout_rows(bouts))
    draft.add(comparisons_table, comparison_rows(raw.number, promotion.judged))
    draft.add(record_rows_table, [record_rows_row(state.files, sheet.rows, sheet.first_row)])
    draft.add(records_table, list_records(state, generation, before, record, records, late, plan_outputs))
    draft.add(grades_table, grade_rows(grades))
    draft.add(regrets_table, regrets)
    draft.add(estimates_table, [*estimates, *settled_estimates])
    generation = replace(
        generation,
        selector=save_selector(state, selector, reference, estimators),
        reference=state.files.save(describe_window(schema, window).to_json(), ".json"),
    )
    commit(config, state, draft, watch, generation, raw, enrolled)
    log.info("batch %d learned: champion %s", raw.number, generation.champion.id if generation.champion else "none")
    return generation


def collect(config: Config, state: State, before: Generation, reader: PartReader, file: Path | None) -> RawBatch:
    """Take the one file the user names, a rejected batch that was released, or cut the next batch of the source."""
    number = read_rows(state.engine, sa.select(sa.func.max(batches.c.number).label("last")))[0]["last"]
    number = (number or 0) + 1
    if file is not None:
        return take_file(config, file, before.cursor, number)
    if released := find_released_batch(state):
        rejected, rejected_file = released
        time_format = before.schema.time_format if before.schema else None
        frame = state.files.load_table(rejected_file)
        return take_again(config, frame, time_format, before.cursor, number, rejected)

    def stored_rows() -> Iterator[pd.DataFrame]:
        query = sa.select(batches.c.file).where(sa.not_(batches.c.by_hand)).order_by(batches.c.number)
        for stored in read_rows(state.engine, query):
            yield state.files.load_table(stored["file"])

    return take_batch(config, before.cursor, number, stored_rows, reader)


def check_new(state: State, file: Path, raw_file: str) -> None:
    """Raise NoNewData where the rows of a file given by hand are a batch already: a batch is stored exactly once."""
    query = sa.select(batches.c.number).where(batches.c.file == raw_file)
    known = read_rows(state.engine, query)
    if known:
        raise NoNewData(f"There is no new data in '{file}': its rows are batch {known[0]['number']} already.")


def decide_schema(config: Config, before: Generation, raw: RawBatch) -> Schema:
    """Infer the schema from the first batch; later ones only add classes to it."""
    if before.schema is None:
        schema = infer_schema(raw.frame, config, raw.origin)
        log.info("%s", describe_roles(schema))
        return schema
    return extend_classes(raw, before.schema)


def analyse(config: Config, state: State, raw: RawBatch, schema: Schema) -> Judgement:
    """Type the cells, clean them by the rules and judge the batch by the past; one that was released stays."""
    inputs = read_inputs(raw.frame, schema)
    cleaned = clean_inputs(inputs, config.quality, schema)
    return judge(raw, inputs, cleaned, schema, config, load_quality_past(state), lifted=raw.retakes is not None)


def measure_drift(state: State, before: Generation, batch: LabelledBatch) -> tuple[ColumnDrift, ...]:
    """Measure how far the batch lies from what the active versions were trained on."""
    if before.reference is None or not len(batch):
        return ()
    return compute_drift(Reference.from_json(state.files.load(before.reference)), batch.inputs)


def draft_analysis(
    draft: Draft, state: State, raw: RawBatch, judgement: Judgement, drift: Sequence[ColumnDrift]
) -> None:
    """Lay the analysis of a batch into the draft; one that is rejected leaves no mark on what is usual."""
    if judgement.fingerprint and not judgement.rejected:
        draft_fingerprint(draft, state, raw.number, judgement.fingerprint)
    if raw.retakes:
        draft.add(retaken_table, [{"batch": raw.number, "rejected": raw.retakes}])
    draft.add(quality_table, quality_rows(raw.number, judgement.checks))
    draft.add(profiles_table, profile_rows(raw.number, judgement.profile))
    draft.add(quarantine_table, quarantine_rows(raw.number, judgement.quarantined))
    draft.add(drift_table, drift_rows(raw.number, drift))


def draft_batch(
    draft: Draft, state: State, raw: RawBatch, raw_file: str, judgement: Judgement, schema: Schema,
    by_hand: bool,
) -> None:  # fmt: skip
    """Lay the batch itself into the draft; a clean batch is stored beside the raw one."""
    times = raw.times.dropna()
    accepted = not judgement.rejected
    described = {
        "number": raw.number,
        "origin": raw.origin,
        "by_hand": by_hand,
        "file": raw_file,
        "clean_file": save_clean_batch(state.files, judgement.batch, schema) if accepted else None,
        "rows": len(raw),
        "columns": raw.frame.shape[1],
        "start": times.min().to_pydatetime() if len(times) else None,
        "end": times.max().to_pydatetime() if len(times) else None,
        "status": "accepted" if accepted else "rejected",
        "reason": judgement.rejected,
        "late_rows": raw.late_rows,
        "quarantined": len(judgement.quarantined),
        "metaparameters": compute_metaparameters(raw, schema),
    }
    draft.add(batches, [described])
    log.info("batch %d: %d rows of %s, %d quarantined", raw.number, len(raw), raw.origin, described["quarantined"])


def gather_window(config: Config, state: State, schema: Schema, batch: LabelledBatch) -> list[LabelledBatch]:
    """Return the newest stored batches and this one, oldest first: as many as the window and its rows allow."""
    query = (
        sa.select(batches.c.number, batches.c.clean_file)
        .where(batches.c.status == "accepted")
        .order_by(batches.c.number.desc())
        .limit(config.training.window_batches - 1)
    )
    window, room = [batch], config.training.max_rows - len(batch)
    for stored in read_rows(state.engine, query) if config.training.window_batches > 1 else []:
        if room <= 0:
            break
        window.append(load_clean_batch(state.files, stored["clean_file"], stored["number"], schema))
        room -= len(window[-1])
    return window[::-1]


def describe_window(schema: Schema, window: Sequence[LabelledBatch]) -> Reference:
    """Return the drift reference: how the inputs of the window are spread."""
    types = dict.fromkeys(schema.categorical, "str")
    return fit_reference(pd.concat([one.inputs for one in window], ignore_index=True).astype(types), schema)


def prepare(
    config: Config, schema: Schema, window: Sequence[LabelledBatch], released: Sequence[LabelledBatch], number: int
) -> Ground:
    """Return the newest rows of the window with their features: what models are fitted on.

    Rows released from quarantine come before the others of their batch, so that the last rows of a batch stay those
    that its record covers.
    """
    in_order = sorted([*released, *window], key=lambda one: one.number)
    parts = [(one.number, engineer_features(one.inputs, schema, config.features), one.target, one.times)
             for one in in_order]  # fmt: skip
    rows = join_rows(parts, config.training.max_rows, find_seasons(schema, config.features))
    seed = derive_seed(config.seed, "update", number)
    return Ground(rows, schema.task, schema.classes, seed, config.training.threads, config.training.gap)


def pose_problem(config: Config, ground: Ground, number: int) -> SearchProblem:
    """Return what the search works on: folds in time order of the newest rows, none looking further than a batch."""
    rows = ground.rows.newest(config.search.max_rows)
    block = len(rows.last(1))
    splits = time_ordered_folds(rows.times, config.training.folds, config.training.gap, block)
    folds = [Fold(rows.take(split.learn), rows.take(split.validate)) for split in splits]
    metric = get_metric(config.metric, ground.task)
    return SearchProblem(folds, ground.task, ground.classes, metric, number, ground.seed, ground.threads)


def hire(config: Config, ground: Ground) -> Workers:
    """Return who searches and fits: by default every core, unless there are too few rows to be worth the start."""
    count = config.workers.count or (count_cores() if len(ground.rows) >= ROWS_TO_SHARE else 1)
    return Workers(count, config.workers.scheduler)


def list_standing(config: Config, ground: Ground) -> list[Candidate]:
    """Return the candidates that always stand, as far as the batches to learn from tell them apart."""
    batches = len(np.unique(ground.rows.batches))
    return standing_candidates(config.search.families, config.search.variants, ground.task, batches)


def list_losses(before: Generation, records: Sequence[Record]) -> list[float]:
    """Return the champion's mean loss on every batch it has a record of, oldest first."""
    if before.champion is None:
        return [np.nan]
    line = before.champion.line
    known = [record for record in records if line in record.predicted]
    parts = compute_part_losses(stack_records(known, [line])) if known else None
    return parts.losses[parts.clean][:, 0].tolist() if parts else [np.nan]


def list_distances(state: State, drift: Sequence[ColumnDrift]) -> list[float]:
    """Return the mean drift of the columns in every stored batch and in the newest, oldest first."""
    query = sa.select(sa.func.avg(drift_table.c.distance).label("mean")).group_by(drift_table.c.batch)
    stored = [row["mean"] for row in read_rows(state.engine, query.order_by(drift_table.c.batch))]
    return [*stored, float(np.mean([column.distance for column in drift])) if drift else np.nan]


def run_search(config: Config, state: State, problem: SearchProblem, trials: int, workers: Workers) -> list[Trial]:
    """Search, starting from what earlier searches found."""
    if not problem.folds:
        log.warning("too few rows for time-ordered folds; no search until more batches arrive")
        return []
    return search(problem, config.search, trials, load_known_trials(state), workers)


def learn_selector(
    config: Config,
    generation: Generation,
    records: Sequence[Record],
    grades: Sequence[Grade],
    plan_outputs: np.ndarray | None,
) -> Selector:
    """Fit the selector on everything that is known about the active lines and tune its threshold."""
    assert generation.schema is not None
    settings, task = config.selection, generation.schema.task
    lines = [version.line for version in generation.versions]
    shares = {version.id: version.line for version in generation.versions}
    blends = {
        blend.line: np.array([dict(_by_line(blend, shares)).get(line, 0.0) for line in lines])
        for blend in generation.blends
    }
    trust = judge_grades(grades, settings.half_life, settings.confidence, root=not task.is_classification)
    margins = Margins(*[tune_group(grades, group, settings.half_life) for group in (CLEAN_GROUP, DAMAGED_GROUP)])
    guarded = [one.line for one in generation.versions if one.guarded or one.family == FALLBACK_FAMILY]
    selector = fit_selector(records, lines, blends, settings, config.seed, trust, margins, guarded)
    answered = [record for record in records[-TUNING_BATCHES:] if PLAN_LINE in record.predicted]
    outputs = [record.predicted[PLAN_LINE] for record in answered]
    if plan_outputs is not None:
        answered, outputs = [*answered, records[-1]], [*outputs, plan_outputs]
    if not answered:
        answered, outputs = [records[-1]], [answer_record(selector, records[-1])]
    target = np.concatenate([record.rows.target[record.rows.clean] for record in answered])
    clean = [known[record.rows.clean] for record, known in zip(answered, outputs, strict=True)]
    return replace(selector, threshold=tune(config, task, target, np.concatenate(clean)))


def tune_group(grades: Sequence[Grade], group: str, half_life: float) -> float:
    """Return the margin of the hard chooser that paid off on a group of input."""
    graded = [grade for grade in grades if grade.group == group]
    newest = max((grade.batch for grade in graded), default=0)
    return tune_margin([one.margins for one in graded], np.array([newest - one.batch for one in graded]), half_life)


def _by_line(blend: Version, lines: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for version, share in blend.params["weights"].items():
        yield lines[version], share


def commit(
    config: Config,
    state: State,
    draft: Draft,
    watch: Stopwatch,
    generation: Generation,
    raw: RawBatch,
    enrolled: Enrolled | None = None,
) -> None:
    """Make the whole update visible at once."""
    new, events = (list(enrolled.new), enrolled.events) if enrolled else ([], ())
    draft_generation(draft, generation, config.seed, new, events)
    draft.add(performance_table, watch.rows("update", f"batch {raw.number}", len(raw)))
    draft.commit(state.engine)
