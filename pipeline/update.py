"""The update: the next batch through every stage, made visible by one commit at the end."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import Draft, read_rows
from common.errors import BatchRejected, NoNewData, SwitchyardError
from common.performance import Stopwatch, performance_table
from common.reading import read_inputs
from common.records import Judgement, RawBatch, Severity
from common.schema import Schema
from common.state import State, lock_updates, open_state
from meta.live import attach_live
from meta.store import grade_rows, load_grades, record_rows_row, save_selector
from meta.tables import estimates_table, grades_table, record_rows_table, records_table
from model_zoo.reference import fit_input_reference
from pipeline.analysis.quality.judge import extend_classes, judge
from pipeline.analysis.quality.past import QualityPast
from pipeline.analysis.quality.tables import retaken_table
from pipeline.analysis.tables import (
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
from pipeline.commit import commit_generation
from pipeline.drift import draft_drift, look_for_drift
from pipeline.enrolment import (
    Enrolled,
)
from pipeline.estimates import grade_estimates, learn_estimators
from pipeline.ground import describe_window, gather_window, prepare
from pipeline.label_delay import resolve_gap
from pipeline.learning import learn, rest, trains_now
from pipeline.preparation.clean_store import save_clean_batch
from pipeline.preparation.cleaning import clean_inputs
from pipeline.proving import (
    grade_plan,
    list_records,
    load_sound,
    prove,
    score_batch,
    score_newcomers,
)
from pipeline.quality_past import draft_fingerprint, draft_rules, load_quality_past
from pipeline.release import find_released_batch, load_released
from pipeline.response import answer_alarms
from pipeline.selection import learn_selector, list_changes, name_aliases
from pipeline.settlement import settle
from pipeline.validation.prequential import score_rows
from pipeline.validation.tables import scores_table
from registry.garbage import collect_garbage
from registry.generations import Cause, Event, Generation, Member, Role, load_generation

log = logging.getLogger(__name__)

MOST_TOLD = 3
"""Breached checks that an update tells in full."""


def update(config: Config, batches_wanted: int | None = 1, file: Path | None = None) -> bool:
    """Take the next batches, ``batches_wanted`` of them or, if None, all there are; return whether one was accepted.

    Raises NoNewData where there was none to take, BatchRejected (after storing the batch and its verdict) where one of
    them was hopeless, once all are taken. Every batch is committed by itself: what went before an error stays.
    """
    accepted: list[int] = []
    rejected: list[int] = []
    reader = PartReader(config.schema_)
    with open_state(config) as state, lock_updates(state):
        while batches_wanted is None or len(accepted) + len(rejected) < batches_wanted:
            try:
                accepted.append(update_once(config, state, reader, file).batch or 0)
                if config.storage.max_mb is not None:
                    collect_garbage(state, config.storage.max_mb, config.storage.keep_generations)
            except BatchRejected as rejection:
                if batches_wanted == 1:
                    raise
                log.warning("%s", rejection)
                rejected.append(rejection.batch)
            except NoNewData as end:
                if not accepted and not rejected:
                    raise
                log.info("%s", end)
                break
            except (SwitchyardError, KeyboardInterrupt):
                if accepted or rejected:
                    log.warning("%s", describe_taken(accepted, rejected))
                raise
    if rejected:
        raise BatchRejected(
            f"{describe_taken(accepted, rejected)}; 'python run.py quarantine' says why.", rejected[-1], bool(accepted)
        )
    return True


def describe_taken(accepted: Sequence[int], rejected: Sequence[int]) -> str:
    """Return which batches a run of several took.

    >>> describe_taken([1, 2, 3, 5], [4])
    '4 batches were accepted (1 to 3, 5) and 1 was rejected (4)'
    >>> describe_taken([], [1, 2])
    '0 batches were accepted and 2 were rejected (1 to 2)'
    """
    told = f"{len(accepted)} {'batch was' if len(accepted) == 1 else 'batches were'} accepted{_name_runs(accepted)}"
    if not rejected:
        return told
    return f"{told} and {len(rejected)} {'was' if len(rejected) == 1 else 'were'} rejected{_name_runs(rejected)}"


def _name_runs(numbers: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    named = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in runs)
    return f" ({named})" if named else ""


def update_once(config: Config, state: State, reader: PartReader, file: Path | None = None) -> Generation:
    """Take one batch through every stage and commit; return the new generation."""
    watch, before = Stopwatch(), load_generation(state)
    with watch.stage("collection"):
        raw = collect(config, state, before, reader, file)
        if file is not None:
            check_new(state, file, state.files.save_table(raw.frame))
    return take_in(config, state, before, raw, watch, by_hand=file is not None or raw.retakes is not None)


def take_in(
    config: Config, state: State, before: Generation, raw: RawBatch, watch: Stopwatch, by_hand: bool
) -> Generation:
    """Take a batch through every stage after its collection and commit; return the new generation."""
    draft = Draft(before.number + 1)
    with watch.stage("collection"):
        schema = decide_schema(config, before, raw)
        raw_file = state.files.save_table(raw.frame)
    with watch.stage("analysis"):
        judgement = analyse(config, raw, schema, load_quality_past(state))
    draft_analysis(draft, state, raw, judgement)
    tell_breaches(raw, judgement)
    draft_batch(draft, state, raw, raw_file, judgement, schema, by_hand)
    if judgement.rejected:
        rejected = before.succeed(Cause.REJECTED, batch=raw.number, cursor=raw.cursor)
        commit(config, state, draft, watch, rejected, raw)
        raise BatchRejected(f"Batch {raw.number} was rejected and kept aside: {judgement.rejected}", raw.number)
    with watch.stage("preparation"):
        window = gather_window(config, state, schema, judgement.batch)
        gap = resolve_gap(config, state, window)
        ground = prepare(config, schema, window, load_released(config, state, schema, window), raw.number, gap)
    with watch.stage("prequential"):
        before, chooser = load_sound(state, before)
        proof = prove(config, state, before, chooser, schema, window)
        scores = score_batch(before, proof.models, proof.record, ground)
        grades, plan_outputs = grade_plan(chooser, before, proof.record)
        estimates = grade_estimates(chooser, proof.record, plan_outputs)
    with watch.stage("labels"):
        settled = settle(config, state, schema, before, chooser.reference if chooser else None, proof.shelf,
                         judgement.batch, keep_raw(raw, judgement), gap)  # fmt: skip
        settled.lay_into(draft)
    with watch.stage("drift"):
        found = look_for_drift(config, state, before, schema, judgement.batch, ground, proof, settled)
        draft_drift(draft, state, found)
        answers = answer_alarms(config.response, found)
    proof = replace(proof, record=attach_live(proof.record, settled.live))
    if trains_now(config, state, before, found, estimates):
        learned = learn(config, state, before, schema, window, ground, proof, answers, watch, draft, settled.rivals)
    else:
        log.info("batch %d is not learned: response.retrain is %s", raw.number, config.response.retrain)
        learned = rest(before, proof, answers, draft)
    generation = before.succeed(
        Cause.UPDATE if learned.enrolled else Cause.KEPT, batch=raw.number, cursor=raw.cursor, schema=schema,
        members=learned.members, pinned=find_pinned(before, learned.members),
    )  # fmt: skip
    with watch.stage("selection"):
        # A part of a season that is new is no error: such features are never flagged.
        reference = fit_input_reference(ground.rows.features.drop(columns=list(ground.rows.seasons)))
        selector = learn_selector(
            config, generation, learned.records, [*load_grades(state), *grades], plan_outputs, before.versions
        )
        estimators = learn_estimators(config, generation, selector, learned.records, plan_outputs)
    with watch.stage("associations"):
        draft_rules(draft, config, schema, window, raw.number)
    newest_scores = [*scores, *score_newcomers(generation, before, proof.record, learned.late)]
    draft.add(scores_table, score_rows(raw.number, newest_scores))
    draft.add(record_rows_table, [record_rows_row(state.files, proof.sheet.rows, proof.sheet.first_row)])
    draft.add(records_table, list_records(state, generation, before, proof.record, learned.records, learned.late,
                                          plan_outputs))  # fmt: skip
    draft.add(grades_table, grade_rows(grades))
    draft.add(estimates_table, estimates)
    generation = replace(
        generation, selector=save_selector(state, selector, reference, estimators),
        aliases=name_aliases(generation, selector, proof.record.rows.profiles[0], config.selection.mode),
    )  # fmt: skip
    if learned.enrolled:
        described = state.files.save(describe_window(schema, window).to_json(), ".json")
        generation = replace(generation, reference=described)
    changes = list_changes(before, generation)
    commit(config, state, draft, watch, generation, raw, learned.enrolled, changes)
    log.info("batch %d done: champion %s", raw.number, generation.champion.id if generation.champion else "none")
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
        raise NoNewData(f"There is nothing new in '{file}': its rows are batch {known[0]['number']} already.")


def decide_schema(config: Config, before: Generation, raw: RawBatch) -> Schema:
    """Infer the schema from the first batch; later ones only add classes to it."""
    if before.schema is None:
        schema = infer_schema(raw.frame, config, raw.origin)
        log.info("%s", describe_roles(schema))
        return schema
    return extend_classes(raw, before.schema)


def analyse(config: Config, raw: RawBatch, schema: Schema, past: QualityPast | None = None) -> Judgement:
    """Type the cells, clean them by the rules and judge the batch by the past; one that was released stays."""
    inputs = read_inputs(raw.frame, schema)
    cleaned = clean_inputs(inputs, config.quality, schema)
    return judge(raw, inputs, cleaned, schema, config, past, lifted=raw.retakes is not None)


def keep_raw(raw: RawBatch, judgement: Judgement) -> pd.DataFrame:
    """Return the raw rows of those that were kept, in their order."""
    aside = [one.row for one in judgement.quarantined]
    return raw.frame.iloc[np.setdiff1d(np.arange(len(raw)), aside)].reset_index(drop=True)


def draft_analysis(draft: Draft, state: State, raw: RawBatch, judgement: Judgement) -> None:
    """Lay the analysis of a batch into the draft; one that is rejected leaves no mark on what is usual."""
    if judgement.fingerprint and not judgement.rejected:
        draft_fingerprint(draft, state, raw.number, judgement.fingerprint)
    if raw.retakes:
        draft.add(retaken_table, [{"batch": raw.number, "rejected": raw.retakes}])
    draft.add(quality_table, quality_rows(raw.number, judgement.checks))
    draft.add(profiles_table, profile_rows(raw.number, judgement.profile))
    draft.add(quarantine_table, quarantine_rows(raw.number, judgement.quarantined))


def tell_breaches(raw: RawBatch, judgement: Judgement) -> None:
    """Log what is wrong with an accepted batch: the first breaches in full, and how many more there are."""
    if judgement.rejected:
        return
    breached = [check for check in judgement.checks if not check.passed and check.severity != Severity.INFO]
    for check in breached[:MOST_TOLD]:
        log.warning("%s %s", check.code, check.message)
    if len(breached) > MOST_TOLD:
        more = len(breached) - MOST_TOLD
        log.warning("batch %d has %d more findings; python run.py summary shows them", raw.number, more)
    if judgement.quarantined:
        log.info("python run.py quarantine lists the rows of batch %d that were kept out, and why", raw.number)


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


def find_pinned(before: Generation, members: Sequence[Member]) -> str | None:
    """Return the line that a person has made serve, as long as it is there."""
    serving = {member.version.line for member in members if member.role is not Role.RIVAL}
    if before.pinned is None or before.pinned in serving:
        return before.pinned
    log.warning("the line %s, promoted by hand, could not go on; what serves is chosen by records again", before.pinned)
    return None


def commit(
    config: Config,
    state: State,
    draft: Draft,
    watch: Stopwatch,
    generation: Generation,
    raw: RawBatch,
    enrolled: Enrolled | None = None,
    changes: Sequence[Event] = (),
) -> None:
    """Make the whole update visible at once."""
    new, events = (enrolled.new, enrolled.events) if enrolled else ((), ())
    draft.add(performance_table, watch.rows("update", f"batch {raw.number}", len(raw)))
    commit_generation(config, state, draft, generation, new, [*events, *changes])
