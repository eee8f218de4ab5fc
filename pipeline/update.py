"""The update: the next batch through every stage, made visible by one commit at the end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from common.config import ARRIVAL, Config
from common.database import Draft, read_rows
from common.errors import BatchRejected, NoNewData, SwitchyardError
from common.performance import Stopwatch, performance_table
from common.records import RawBatch
from common.schema import Schema
from common.state import State, has_state, lock_updates, open_state
from common.text import name_runs
from meta.live import attach_live
from meta.store import grade_rows, load_grades, record_rows_row, save_selector
from meta.tables import estimates_table, grades_table, record_rows_table, records_table
from model_zoo.reference import fit_input_reference
from pipeline.analysis.quality.judge import extend_classes
from pipeline.analysis.quality.past import PAST_BATCHES
from pipeline.collection.batching import take_again, take_batch, take_file
from pipeline.collection.ordering import PartReader
from pipeline.collection.roles import describe_roles, end_short_years, infer_schema
from pipeline.collection.tables import batches
from pipeline.collection.targets import tell_new_labels, tell_positive, tell_spellings
from pipeline.commit import commit_generation
from pipeline.drift import draft_drift, look_for_drift
from pipeline.enrolment import (
    Enrolled,
)
from pipeline.estimates import grade_estimates, learn_estimators
from pipeline.ground import describe_window, gather_window, prepare, read_newest
from pipeline.judging import analyse, draft_analysis, draft_batch, keep_raw, tell_breaches
from pipeline.label_delay import resolve_gap
from pipeline.learning import learn, rest, trains_now
from pipeline.new_columns import tell_new_columns
from pipeline.old_batches import OldBatches, open_batches
from pipeline.proving import (
    find_blind,
    grade_plan,
    list_records,
    load_sound,
    prove,
    score_batch,
    score_newcomers,
)
from pipeline.quality_past import draft_rules, load_quality_past
from pipeline.release import find_released_batch, load_released
from pipeline.response import answer_alarms
from pipeline.revision import Base, Revision, open_base, plan_revision, take_newest_again
from pipeline.selection import learn_selector, list_changes, name_aliases, tell_ground, tell_untuned
from pipeline.settlement import settle
from pipeline.streams import check_columns, check_stream
from pipeline.validation.prequential import score_rows
from pipeline.validation.tables import scores_table
from registry.garbage import collect_garbage
from registry.generations import Cause, Event, Generation, Member, Role, load_generation

log = logging.getLogger(__name__)


def update(
    config: Config, batches_wanted: int | None = 1, file: Path | None = None, from_state: Path | None = None
) -> bool:
    """Take the next batches, ``batches_wanted`` of them or, if None, all there are; return whether one was accepted.

    With ``from_state`` they are the raw batches of another state, by which this one is to begin.
    Raises NoNewData where there was none to take, BatchRejected (after storing the batch and its verdict) where one of
    them was hopeless, once all are taken. Every batch is committed by itself: what went before an error stays.
    """
    accepted: list[int] = []
    rejected: list[int] = []
    reader = PartReader(config.schema_)
    if from_state is None and not has_state(config):
        read_first(config, reader, file)
    with (
        open_state(config) as state, lock_updates(state),
        open_batches(config, state, from_state) if from_state else nullcontext() as old,
    ):  # fmt: skip
        while batches_wanted is None or len(accepted) + len(rejected) < batches_wanted:
            try:
                accepted.append(update_once(config, state, reader, file, old).batch or 0)
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


def read_first(config: Config, reader: PartReader, file: Path | None) -> None:
    """Read what a new state is to begin with before there is one: what cannot be read leaves no empty state behind.

    The parts of a source stay with the ``reader``, which does not read them again.
    """
    if file is not None:
        take_file(config, file, None, 1)
    else:
        take_batch(config, None, 1, lambda: (), reader)


def describe_taken(accepted: Sequence[int], rejected: Sequence[int]) -> str:
    """Return which batches a run of several took.

    >>> describe_taken([1, 2, 3, 5], [4])
    '4 batches were accepted (1 to 3, 5) and 1 was rejected (4)'
    >>> describe_taken([], [1, 2])
    '0 batches were accepted and 2 were rejected (1 to 2)'
    """
    told = f"{len(accepted)} {'batch was' if len(accepted) == 1 else 'batches were'} accepted{name_runs(accepted)}"
    if not rejected:
        return told
    return f"{told} and {len(rejected)} {'was' if len(rejected) == 1 else 'were'} rejected{name_runs(rejected)}"


def update_once(
    config: Config, state: State, reader: PartReader, file: Path | None = None, old: OldBatches | None = None
) -> Generation:
    """Take one batch through every stage and commit; return the new generation.

    Where task or schema are stated otherwise than before, it is a revision of the schema, which takes the newest batch
    again where nothing new waits.
    """
    watch, before = Stopwatch(), load_generation(state)
    reader.usual = before.schema.time_format if before.schema else None
    before = replace(before, stream=check_stream(config, state, before))
    with watch.stage("collection"):
        try:
            raw, by_hand = find_next(config, state, before, reader, file, old)
        except NoNewData:
            revision = plan_revision(config, state, before, None) if file is None else None
            if revision is None:
                raise
            raw, by_hand = take_newest_again(config, state, before, revision.schema)
        else:
            revision = plan_revision(config, state, before, raw)
        check_columns(config, state, before, raw)
        if file is not None:
            check_new(state, file, raw.frame)
    return take_in(config, state, before, raw, watch, by_hand, revision)


def find_next(
    config: Config, state: State, before: Generation, reader: PartReader, file: Path | None, old: OldBatches | None
) -> tuple[RawBatch, bool]:
    """Return the next batch and whether it was given by hand; NoNewData where nothing waits."""
    if old is not None:
        return old.take(before, next_number(state))
    raw = collect(config, state, before, reader, file)
    return raw, file is not None or raw.retakes is not None


def take_in(
    config: Config, state: State, before: Generation, raw: RawBatch, watch: Stopwatch, by_hand: bool,
    revision: Revision | None = None,
) -> Generation:  # fmt: skip
    """Take a batch through every stage after its collection and commit; return the new generation."""
    with watch.stage("collection"):
        schema = before.schema or infer_first(config, raw)
    with open_base(config, state, replace(before, schema=schema), raw, revision) as base:
        return take_on(config, state, before, base, raw, watch, by_hand)


def take_on(
    config: Config, ours: State, live: Generation, base: Base, raw: RawBatch, watch: Stopwatch, by_hand: bool
) -> Generation:
    """Take a batch in on the ground of what an update goes on from, and commit it to our state."""
    state, before, draft = base.state, base.before, Draft(base.before.number + 1)
    with watch.stage("collection"):
        schema = advance_schema(base.schema, raw)
        if live.schema is not None:
            tell_new_columns(ours, raw, schema)
        raw_file = state.files.save_table(raw.frame)
    with watch.stage("analysis"):
        past = load_quality_past(state, lambda: read_newest(config, state, schema, PAST_BATCHES))
        judgement = analyse(config, raw, schema, past, lifted=is_stored(ours, raw.number))
    draft_analysis(draft, state, raw, judgement)
    tell_breaches(raw, judgement)
    draft_batch(draft, state, raw, raw_file, judgement, by_hand)
    if judgement.rejected:
        # A revision is made only with a batch that can be learned: it is called for again by the next one.
        stream = live.stream if live.schema else None  # until a batch is accepted, everything may be stated otherwise
        rejected = live.succeed(Cause.REJECTED, batch=raw.number, cursor=raw.cursor, why=base.why, stream=stream)
        commit(config, ours, draft, watch, rejected, raw)
        raise BatchRejected(f"Batch {raw.number} was rejected and kept aside: {judgement.rejected}", raw.number)
    with watch.stage("preparation"):
        window = gather_window(config, state, schema, judgement.batch)
        gap = resolve_gap(config, state, window)
        ground = prepare(config, schema, window, load_released(config, state, schema, window), raw.number, gap)
    with watch.stage("prequential"):
        before, chooser = load_sound(state, before)
        proof = prove(config, state, before, chooser, schema, window)
        scores = score_batch(before, proof.models, proof.record, ground, chooser.reference if chooser else None)
        grades, plan_outputs = grade_plan(chooser, before, proof.record)
        estimates = grade_estimates(chooser, proof.record, plan_outputs)
    with watch.stage("labels"):
        settled = settle(config, state, judgement.schema, before, chooser.reference if chooser else None, proof.shelf,
                         judgement.batch, keep_raw(raw, judgement), gap)  # fmt: skip
        settled.lay_into(draft)
    with watch.stage("drift"):
        found = look_for_drift(config, state, before, schema, judgement.batch, ground, proof, settled)
        draft_drift(draft, state, found)
        answers = answer_alarms(config.response, found)
    proof = replace(proof, record=attach_live(proof.record, settled.live))
    if trains_now(config, state, before, found, estimates) or find_blind(before, proof.sheet):
        learned = learn(config, state, before, schema, window, ground, proof, answers, watch, draft, settled.rivals)
    else:
        log.info("batch %d is not learned: response.retrain is %s", raw.number, config.response.retrain)
        learned = rest(before, proof, answers, draft)
    generation = before.succeed(
        base.cause or (Cause.UPDATE if learned.enrolled else Cause.KEPT), batch=raw.number, cursor=raw.cursor,
        schema=schema, members=learned.members, pinned=find_pinned(before, learned.members), why=base.why,
        stream=replace(live.stream, task=schema.task.value) if live.stream else None,
    )  # fmt: skip
    with watch.stage("selection"):
        # A part of a season that is new is no error: such features are never flagged.
        rows = ground.rows
        reference = fit_input_reference(rows.features.drop(columns=list(rows.seasons)), rows.batches)
        selector = learn_selector(config, generation, learned.records, [*load_grades(state), *grades], before.versions)
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
    asked = selector, proof.record.rows.profiles[0], config.selection.mode
    generation = replace(
        generation, selector=save_selector(state, selector, reference, estimators),
        aliases=name_aliases(generation, *asked),
    )  # fmt: skip
    if learned.enrolled:
        described = state.files.save(describe_window(schema, window).to_json(), ".json")
        generation = replace(generation, reference=described)
    base.lay_into(draft)
    changes = [*list_changes(before, generation, tell_ground(generation, *asked)), *base.events]
    tell_untuned(config, generation, selector)
    commit(config, ours, draft, watch, generation, raw, learned.enrolled, changes, base.set_aside)
    log.info("batch %d done: champion %s", raw.number, name_champion(generation))
    return generation


def name_champion(generation: Generation) -> str:
    """Return the champion, and which version it was before it learned the batch, since promotion named that one."""
    champion = generation.champion
    if champion is None:
        return "none"
    has_learned = champion.parent and champion.generation == generation.number
    return f"{champion.id} ({champion.parent} after it learned this batch)" if has_learned else champion.id


def collect(config: Config, state: State, before: Generation, reader: PartReader, file: Path | None) -> RawBatch:
    """Take the one file the user names, a rejected batch that was released, or cut the next batch of the source."""
    number = next_number(state)
    if file is not None:
        return take_file(config, file, before.cursor, number, before.schema.time_format if before.schema else None)
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


def next_number(state: State) -> int:
    """Return the number of the batch that is taken next."""
    last = read_rows(state.engine, sa.select(sa.func.max(batches.c.number).label("last")))[0]["last"]
    return (last or 0) + 1


def check_new(state: State, file: Path, frame: pd.DataFrame) -> None:
    """Raise NoNewData where the rows of a file given by hand are a batch already: a batch is stored exactly once."""
    query = sa.select(batches.c.number, batches.c.file)
    if ARRIVAL not in frame:
        known = read_rows(state.engine, query.where(batches.c.file == state.files.save_table(frame)))
    else:  # the same rows arrive at another time
        alike = read_rows(state.engine, query.where(batches.c.rows == len(frame)).order_by(batches.c.number))
        cells = frame.drop(columns=ARRIVAL)
        known = [one for one in alike if cells.equals(state.files.load_table(one["file"]).drop(columns=ARRIVAL))]
    if known:
        raise NoNewData(f"There is nothing new in '{file}': its rows are batch {known[0]['number']} already.")


def infer_first(config: Config, raw: RawBatch) -> Schema:
    """Infer the schema from the first batch and tell it."""
    schema = infer_schema(raw.frame, config, raw.origin, raw.time_format)
    log.info("%s", describe_roles(schema))
    return schema


def advance_schema(schema: Schema, raw: RawBatch) -> Schema:
    """Return the schema with the classes of a batch, and with two-digit years as far as the stream has come."""
    tell_spellings(raw.frame[schema.target], schema)
    extended = extend_classes(raw, schema)
    tell_new_labels(schema.classes, extended.classes, schema.target)
    if len(schema.classes) < len(extended.classes) == 2:
        tell_positive(extended.classes, schema.target)
    return end_short_years(extended, raw.times.max())


def is_stored(state: State, number: int) -> bool:
    """Whether a batch of that number was taken before."""
    return bool(read_rows(state.engine, sa.select(batches.c.number).where(batches.c.number == number)))


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
    first: Callable[[sa.Connection], None] | None = None,
) -> None:
    """Make the whole update visible at once; what is to be done ``first`` belongs to the same transaction."""
    new, events = (enrolled.new, enrolled.events) if enrolled else ((), ())
    draft.add(performance_table, watch.rows("update", f"batch {raw.number}", len(raw)))
    commit_generation(config, state, draft, generation, new, [*events, *changes], first)
