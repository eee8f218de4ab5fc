"""The update: the next batch through every stage, made visible by one commit at the end."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

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
from experiments.tables import trials_table
from meta.examples import LabelledRows, MetaExample, build_examples
from meta.reference import InputReference, fit_input_reference
from meta.selector import CLEAN, Selector, compute_records, fit_selector, grade_selector
from meta.store import load_examples, load_grades, load_selector, save_selector
from meta.tables import grades_table, meta_examples_table
from model_zoo.model import Model
from pipeline.analysis.drift import ColumnDrift, compute_drift
from pipeline.analysis.judge import extend_classes, judge
from pipeline.analysis.reference import Reference, fit_reference
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
from pipeline.collection.batching import take_batch, take_file
from pipeline.collection.metaparameters import compute_metaparameters
from pipeline.collection.ordering import PartReader
from pipeline.collection.roles import describe_roles, infer_schema
from pipeline.collection.tables import batches
from pipeline.preparation.clean_store import load_clean_batch, save_clean_batch
from pipeline.preparation.cleaning import clean_inputs
from pipeline.preparation.features import engineer_features
from pipeline.preparation.splits import split_holdout, time_ordered_folds
from pipeline.training.contenders import Arena, enter_fallback, enter_trial, finish, keep_member, refresh_member
from pipeline.training.rows import TrainingRows, join_rows
from pipeline.training.search import (
    Fold,
    SearchProblem,
    Trial,
    choose_finalists,
    default_candidates,
    list_pipelines,
    search,
    trial_rows,
)
from pipeline.training.warm_start import load_warm_candidates
from pipeline.validation.comparison_rows import comparison_rows
from pipeline.validation.prequential import score_predictions, score_prequentially, score_rows
from pipeline.validation.promotion import Promotion, promote
from pipeline.validation.tables import comparisons_table, scores_table
from registry.contender import Contender, Origin
from registry.generations import Event, Generation, Member, Role, draft_generation, load_generation
from registry.versions import Version, load_model, name_version, save_model

log = logging.getLogger(__name__)


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
        judgement = analyse(config, raw, schema)
        drift = measure_drift(state, before, judgement.batch)
    draft_analysis(draft, raw, judgement, drift)
    draft_batch(draft, state, raw, raw_file, judgement, schema, by_hand=file is not None)
    if judgement.rejected:
        rejected = before.succeed(cause="rejected", batch=raw.number, cursor=raw.cursor)
        commit(config, state, draft, watch, rejected, raw)
        raise BatchRejected(f"Batch {raw.number} was rejected and kept aside: {judgement.rejected}")
    with watch.stage("preparation"):
        window = gather_window(config, state, schema, judgement.batch)
        rows = make_training_rows(config, schema, window)
        arena, problem = prepare(config, schema, rows, raw.number)
    with watch.stage("prequential"):
        models = {version.id: load_model(state.files, version) for version in before.versions}
        newest = rows.newest()
        scores = score_prequentially(models, newest.features, newest.target, schema.task, schema.classes)
    with watch.stage("search"):
        trials = run_search(config, state, problem)
        finalists = choose_finalists(trials, config.search.finalists)
    with watch.stage("refresh"):
        kept = [keep_member(arena, version, models[version.id]) for version in before.versions]
        refreshed = [refresh_member(arena, version, models[version.id]) for version in before.versions]
        newcomers = [enter_trial(arena, trial, problem.validated_target) for trial in finalists]
        newcomers += enter_fallback(arena, before.versions)
    with watch.stage("promotion"):
        history = load_examples(state)
        promotion = decide_promotion(config, before, kept, refreshed, newcomers, history)
        generation, versions, events = register(state, before, raw, schema, arena, promotion)
    with watch.stage("selection"):
        reference = fit_input_reference(rows.features)
        examples = build_meta_examples(config, arena, promotion, generation, reference, raw.number)
        grade = grade_selector(load_selector(state, before), raw.number, examples) if before.selector else None
        grades = [*load_grades(state), *([grade] if grade else [])]
        selector = learn_selector(config, [*history, *examples], grades, generation)
    draft.add(trials_table, trial_rows(raw.number, trials, finalists))
    holdout = [
        score_predictions(version.id, "holdout", schema.task, arena.holdout.target, one.predicted, version.threshold)
        for one, version in zip(promotion.active, generation.versions, strict=True)
    ]
    draft.add(scores_table, score_rows(raw.number, [*scores, *holdout]))
    draft.add(comparisons_table, comparison_rows(raw.number, promotion.judged))
    draft.add(meta_examples_table, [example.to_row() for example in examples])
    draft.add(grades_table, [vars(grade)] if grade else [])
    generation = replace(
        generation,
        selector=save_selector(state, selector, reference),
        reference=state.files.save(describe_window(schema, window).to_json(), ".json"),
    )
    commit(config, state, draft, watch, generation, raw, versions, events)
    log.info("batch %d learned: champion %s", raw.number, generation.champion.id if generation.champion else "none")
    return generation


def collect(config: Config, state: State, before: Generation, reader: PartReader, file: Path | None) -> RawBatch:
    """Cut the next batch of the source, or take the one file the user names."""
    number = read_rows(state.engine, sa.select(sa.func.max(batches.c.number).label("last")))[0]["last"]
    number = (number or 0) + 1
    if file is not None:
        return take_file(config, file, before.cursor, number)

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


def analyse(config: Config, raw: RawBatch, schema: Schema) -> Judgement:
    """Type the cells, clean them by the rules and judge the batch."""
    inputs = read_inputs(raw.frame, schema)
    return judge(raw, inputs, clean_inputs(inputs, config.quality, schema), schema, config)


def measure_drift(state: State, before: Generation, batch: LabelledBatch) -> tuple[ColumnDrift, ...]:
    """Measure how far the batch lies from what the active versions were trained on."""
    if before.reference is None or not len(batch):
        return ()
    return compute_drift(Reference.from_json(state.files.load(before.reference)), batch.inputs)


def draft_analysis(draft: Draft, raw: RawBatch, judgement: Judgement, drift: Sequence[ColumnDrift]) -> None:
    """Lay the analysis of a batch into the draft."""
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


def make_training_rows(config: Config, schema: Schema, window: Sequence[LabelledBatch]) -> TrainingRows:
    """Return the newest rows of the window with their features."""
    parts = [(one.number, engineer_features(one.inputs, schema, config.features), one.target, one.times)
             for one in window]  # fmt: skip
    return join_rows(parts, config.training.max_rows)


def describe_window(schema: Schema, window: Sequence[LabelledBatch]) -> Reference:
    """Return the drift reference: how the inputs of the window are spread."""
    types = dict.fromkeys(schema.categorical, "str")
    return fit_reference(pd.concat([one.inputs for one in window], ignore_index=True).astype(types), schema)


def prepare(config: Config, schema: Schema, rows: TrainingRows, number: int) -> tuple[Arena, SearchProblem]:
    """Split the rows in time: a holdout nobody learns from, and folds of what lies before it for the search."""
    training = config.training
    holdout = split_holdout(rows.times, rows.newest_rows, training.holdout_share, training.gap)
    seed = derive_seed(config.seed, "update", number)
    learn = rows.take(holdout.learn) if len(holdout.learn) else rows
    arena = Arena(
        learn, rows.take(holdout.validate), rows, schema.task, schema.classes, training.decision, seed,
        training.threads,
    )  # fmt: skip
    splits = time_ordered_folds(learn.times, training.folds, training.gap)
    folds = [Fold(learn.take(split.learn), learn.take(split.validate)) for split in splits]
    metric = get_metric(config.metric, schema.task)
    return arena, SearchProblem(folds, schema.task, schema.classes, metric, number, seed, training.threads)


def run_search(config: Config, state: State, problem: SearchProblem) -> list[Trial]:
    """Search, starting from what earlier searches found best, or from every family's defaults."""
    if not problem.folds:
        log.warning("too few rows for time-ordered folds; only the prior is fitted until more batches arrive")
        return []
    defaults = default_candidates(list_pipelines(problem, config.search), problem.task)
    return search(problem, config.search, load_warm_candidates(state) or defaults)


def decide_promotion(
    config: Config,
    before: Generation,
    kept: Sequence[Contender],
    refreshed: Sequence[Contender],
    newcomers: Sequence[Contender],
    history: Sequence[MetaExample],
) -> Promotion:
    """Compare everyone on the holdout, with the lines' records on earlier batches."""
    champion = before.champion.line if before.champion else None
    lines = [version.line for version in before.versions]
    half_life = config.selection.half_life
    records = compute_records(history, lines, champion, CLEAN, half_life) if champion else {}
    promotion = config.promotion
    return promote(kept, refreshed, newcomers, champion, records, promotion.confidence, promotion.max_active)


def register(
    state: State, before: Generation, raw: RawBatch, schema: Schema, arena: Arena, promotion: Promotion
) -> tuple[Generation, list[Version], tuple[Event, ...]]:
    """Fit the winners on all rows, store them as versions and make up the next generation."""
    generation = before.succeed(cause="update", batch=raw.number, cursor=raw.cursor, schema=schema)
    next_number = count_versions(state) + 1
    members: list[Member] = []
    new: list[Version] = []
    events = list(promotion.retired)
    for contender in promotion.active:
        if contender.origin is Origin.KEPT and contender.parent is not None:
            version = contender.parent
        else:
            version = save_version(state, contender, arena, generation.number, next_number + len(new))
            new.append(version)
            events.append(Event(version.id, _event_of(contender), _why(contender)))
        role = Role.CHAMPION if contender is promotion.champion else Role.ACTIVE
        members.append(Member(version, role))
        if role is Role.CHAMPION and (before.champion is None or before.champion.line != version.line):
            events.append(Event(version.id, "promoted", promotion.reason))
    return replace(generation, members=tuple(members)), new, tuple(events)


def save_version(state: State, contender: Contender, arena: Arena, generation: int, number: int) -> Version:
    """Let a winner learn the holdout too, store it and return its version."""
    model, fit_seconds = finish(arena, contender)
    manifest, size = save_model(state.files, model)
    parent = contender.parent
    version_id = name_version(model.candidate.family, number)
    continued = contender.origin is Origin.UPDATE and parent is not None
    return Version(
        id=version_id,
        number=number,
        line=parent.line if parent else version_id,
        parent=parent.id if parent else None,
        generation=generation,
        family=model.candidate.family,
        variant=model.candidate.variant,
        params=model.candidate.params,
        origin=contender.origin.value,
        updates=contender.updates,
        first_batch=parent.first_batch if continued and parent else arena.all_rows.first_batch,
        last_batch=arena.all_rows.last_batch,
        rows=parent.rows + arena.all_rows.newest_rows if continued and parent else len(arena.all_rows),
        threshold=model.threshold,
        manifest=manifest,
        bytes=size,
        fit_seconds=fit_seconds,
    )


def count_versions(state: State) -> int:
    """Return the highest version number so far."""
    from registry.tables import versions_table

    return read_rows(state.engine, sa.select(sa.func.max(versions_table.c.number).label("last")))[0]["last"] or 0


def build_meta_examples(
    config: Config,
    arena: Arena,
    promotion: Promotion,
    generation: Generation,
    reference: InputReference,
    number: int,
) -> list[MetaExample]:
    """Score every active line on the holdout and on damaged copies of it, with models that had not learned it."""
    models: dict[str, Model] = {
        member.version.line: contender.model
        for member, contender in zip(generation.members, promotion.active, strict=True)
    }
    rows = LabelledRows(arena.holdout.features, arena.holdout.target, arena.task, arena.classes)
    return build_examples(number, rows, models, reference, config.selection, config.seed)


def learn_selector(config: Config, examples: list[MetaExample], grades: list, generation: Generation) -> Selector:
    """Fit the selector on everything that is known about the active lines."""
    lines = [version.line for version in generation.versions]
    champion = generation.champion
    assert champion is not None
    return fit_selector(examples, grades, lines, champion.line, config.selection, config.seed)


def commit(
    config: Config,
    state: State,
    draft: Draft,
    watch: Stopwatch,
    generation: Generation,
    raw: RawBatch,
    versions: list[Version] | None = None,
    events: tuple[Event, ...] = (),
) -> None:
    """Make the whole update visible at once."""
    draft_generation(draft, generation, config.seed, versions, events)
    draft.add(performance_table, watch.rows("update", f"batch {raw.number}", len(raw)))
    draft.commit(state.engine)


def _event_of(contender: Contender) -> str:
    return (
        "registered"
        if contender.parent is None
        else {Origin.UPDATE: "updated", Origin.REFIT: "refitted"}[contender.origin]
    )


def _why(contender: Contender) -> str:
    loss = f"mean loss {contender.loss:.4g} on {len(contender.losses)} later rows"
    if contender.parent is None:
        return f"found by the search as {contender.model.candidate.family}/{contender.model.candidate.variant}; {loss}"
    return f"continues {contender.parent.id}; {loss}"
