"""The update: the next batch through every stage, made visible by one commit at the end."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import BatchRejected, NoNewData, PointsmanError
from pointsman.common.performance import Stopwatch, performance_table
from pointsman.common.progress import StageProgress
from pointsman.common.records import Judgement, RawBatch
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.rows import make_row
from pointsman.common.storage.state import State, has_state, lock_updates, open_state
from pointsman.common.text import name_runs
from pointsman.common.time_limit import TimeLimit, cut_steps_table
from pointsman.pipeline.collection.new_columns import log_new_columns
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.drift.detection import DriftFound, draft_drift, look_for_drift
from pointsman.pipeline.labels.early import admit_early, release_former
from pointsman.pipeline.labels.reconciliation import ReconciledLabels, reconcile_labels
from pointsman.pipeline.lifecycle.revision import Base, Revision, open_base, plan_revision, take_newest_again
from pointsman.pipeline.preparation.assessment import assess_batch, keep_raw
from pointsman.pipeline.preparation.next_batch import check_new, collect, is_stored, next_number, read_first
from pointsman.pipeline.preparation.window import StoredBatches
from pointsman.pipeline.quality.history import draft_rules
from pointsman.pipeline.quality.old_batches import OldBatches, open_batches
from pointsman.pipeline.quality.schema_growth import advance_schema, infer_first
from pointsman.pipeline.retraining.drift_response import Answers, answer_alarms
from pointsman.pipeline.retraining.learning import Learned, keep_all, learn
from pointsman.pipeline.retraining.selection import fit_selection
from pointsman.pipeline.retraining.trigger import trains_now
from pointsman.pipeline.training.data import TrainingData, gather_training_data
from pointsman.pipeline.validation.evidence import Evaluated, evaluate_batch, find_blind, watch_losses
from pointsman.pipeline.validation.registration import Registration
from pointsman.registry.commit import commit_generation
from pointsman.registry.garbage import collect_garbage
from pointsman.registry.generations import Cause, Event, Generation, load_generation
from pointsman.registry.one_state import check_columns, check_stream
from pointsman.registry.pinning import find_pinned
from pointsman.registry.update_run import UpdateRun

log = logging.getLogger(__name__)


def process_batch(
    config: Config,
    state: State,
    live: Generation,
    raw: RawBatch,
    watch: Stopwatch,
    by_hand: bool,
    revision: Revision | None = None,
) -> Generation:
    """Take a batch through every stage after its collection and commit; return the new generation.

    ``live`` is the newest generation; with a ``revision`` of the schema all stages work on a copy of the state beside
    it. Raises BatchRejected, after committing what was found, where the batch is hopeless.
    """
    with watch.stage("collection"):
        schema = live.schema or infer_first(config, raw)
    with open_base(config, state, replace(live, schema=schema), raw, revision) as base:
        run = begin(config, state, live, base, raw, watch)
        earlier = StoredBatches(config, run.state, run.schema)
        assessed = assess_batch(run, raw, earlier, by_hand, is_known=is_stored(state, raw.number))
        if assessed.rejected:
            reject(run, state, live, base, raw, assessed)
        # From here to learning, models are judged on a batch that none has learned; a rejected one has raised by now.
        data = gather_training_data(run, assessed.batch, earlier)
        run, evaluated = evaluate_batch(run, data)
        labelled = reconcile(run, assessed, raw, data, evaluated)
        drift, answers = detect_drift(run, data, evaluated, labelled)
        # Only now, since the verdict on drift is of whole batches: served rows with labels are no sample of a time.
        evaluated = evaluated.with_live(labelled.live)
        # A model that reads a feature no longer made has to be replaced, whatever the policy of retraining says.
        if trains_now(run, drift, evaluated.estimates) or find_blind(run.before, evaluated.result.table):
            learned = learn(run, data, evaluated, answers, labelled.challengers)
        else:
            log.info("batch %d is not learned: response.retrain is %s", raw.number, config.response.retrain)
            learned = keep_all(run, evaluated, answers)
        generation = succeed(run, live, base, raw, learned)
        generation, changes = fit_selection(run, generation, data, evaluated, learned)
        # Rules are mined for later batches: no batch is judged by a rule that it helped to make.
        with watch.stage("associations"):
            draft_rules(run.draft, config, run.schema, data.window, raw.number)
        return finish(run, state, base, raw, generation, learned.registered, changes)


def update(
    config: Config, batches_wanted: int | None = 1, file: Path | None = None, from_state: Path | None = None
) -> bool:
    """Take the next batches, ``batches_wanted`` of them or, if None, all there are; return whether one was accepted.

    With ``from_state`` a new state begins with the raw batches of another one.
    Raises NoNewData where there is no batch to take and, once all are taken, BatchRejected where one was rejected; that
    one and its verdict are stored. Every batch is committed by itself: what went before an error stays.
    """
    accepted: list[int] = []
    rejected: list[int] = []
    reader = PartReader(config.schema_)
    # Before the state is made: a source that cannot be read leaves no empty state behind.
    if from_state is None and not has_state(config):
        read_first(config, reader, file)
    with (
        open_state(config) as state,
        lock_updates(state),
        open_batches(config, state, from_state) if from_state else nullcontext() as old,
    ):
        while batches_wanted is None or len(accepted) + len(rejected) < batches_wanted:
            try:
                accepted.append(update_once(config, state, reader, file, old).batch or 0)
                if config.storage.max_mb is not None:
                    collect_garbage(state, config.storage.max_mb, config.storage.keep_generations)
            except BatchRejected as rejection:
                if batches_wanted == 1:
                    raise
                # The others are taken all the same; the command fails at its end.
                log.warning("%s", rejection)
                rejected.append(rejection.batch)
            except NoNewData as end:
                if not accepted and not rejected:
                    raise
                log.info("%s", end)
                break
            except (PointsmanError, KeyboardInterrupt):
                if accepted or rejected:
                    log.warning("%s", describe_taken(accepted, rejected))
                raise
    if rejected:
        raise BatchRejected(
            f"{describe_taken(accepted, rejected)}; 'python run.py quarantine' says why.", rejected[-1], bool(accepted)
        )
    return True


def describe_taken(accepted: Sequence[int], rejected: Sequence[int]) -> str:
    """Return in words which batches were taken.

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

    Where the configuration states another task or schema than before, the update is a revision of the schema, which
    takes the newest batch again if no new one waits.
    """
    # In the state itself: a revision reconciles labels in a copy of it, which is thrown away.
    release_former(state)
    admit_early(state)
    before, progress = load_generation(state), StageProgress("update")
    watch = Stopwatch(progress=progress, limit=TimeLimit(config.update.seconds, config.search.seconds))
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
        progress.label = f"batch {raw.number}"
        check_columns(config, state, before, raw)
        if file is not None:
            check_new(state, file, raw.frame)
    return process_batch(config, state, before, raw, watch, by_hand, revision)


def find_next(
    config: Config, state: State, before: Generation, reader: PartReader, file: Path | None, old: OldBatches | None
) -> tuple[RawBatch, bool]:
    """Return the next batch and whether it was given by hand; NoNewData where nothing waits."""
    if old is not None:
        return old.take(before, next_number(state))
    raw = collect(config, state, before, reader, file)
    return raw, file is not None or raw.retakes is not None


def begin(config: Config, state: State, live: Generation, base: Base, raw: RawBatch, watch: Stopwatch) -> UpdateRun:
    """Return the run of a batch, whose schema knows the batch's new columns and classes."""
    with watch.stage("collection"):
        schema = advance_schema(base.schema, raw)
        if live.schema is not None:
            log_new_columns(state, raw, schema)
    return UpdateRun(config, base.state, base.before, schema, raw.number, watch, Draft(base.before.number + 1))


def reject(run: UpdateRun, state: State, live: Generation, base: Base, raw: RawBatch, assessed: Judgement) -> NoReturn:
    """Commit what was found wrong with a batch, and raise BatchRejected."""
    # A revision is made only with a batch that can be learned: it is called for again by the next one.
    stream = live.stream if live.schema else None  # until a batch is accepted, everything may be stated otherwise
    rejected = live.succeed(Cause.REJECTED, batch=raw.number, cursor=raw.cursor, why=base.why, stream=stream)
    commit(run, state, rejected, raw)
    raise BatchRejected(f"Batch {raw.number} was rejected and kept aside: {assessed.rejected}", raw.number)


def reconcile(
    run: UpdateRun, assessed: Judgement, raw: RawBatch, data: TrainingData, evaluated: Evaluated
) -> ReconciledLabels:
    """Match labels that came with the batch, or by their ids, with the rows that were served."""
    with run.watch.stage("labels"):
        kept, shelf = keep_raw(raw, assessed), evaluated.result.shelf
        labelled = reconcile_labels(run, assessed.schema, evaluated.reference, shelf, assessed.batch, kept, data.gap)
        labelled.add_to(run.draft)
    return labelled


def detect_drift(
    run: UpdateRun, data: TrainingData, evaluated: Evaluated, labelled: ReconciledLabels
) -> tuple[DriftFound, Answers]:
    """Judge drift of the batch and say what it calls for."""
    with run.watch.stage("drift"):
        watched = watch_losses(run.before, evaluated.result)
        found = look_for_drift(run, data.newest, data.training_set, evaluated.drift_reference, watched, labelled)
        draft_drift(run.draft, run.state, found)
        return found, answer_alarms(run.config.response, found)


def succeed(run: UpdateRun, live: Generation, base: Base, raw: RawBatch, learned: Learned) -> Generation:
    """Return the generation that the update makes, still without a selector."""
    return run.before.succeed(
        base.cause or (Cause.UPDATE if learned.registered else Cause.KEPT),
        batch=raw.number,
        cursor=raw.cursor,
        schema=run.schema,
        members=learned.members,
        pinned=find_pinned(run.before, learned.members),
        why=base.why,
        stream=replace(live.stream, task=run.schema.task.value) if live.stream else None,
    )


def finish(
    run: UpdateRun,
    state: State,
    base: Base,
    raw: RawBatch,
    generation: Generation,
    registered: Registration | None,
    changes: Sequence[Event],
) -> Generation:
    """Make the update visible; return its generation."""
    base.add_to(run.draft)
    commit(run, state, generation, raw, registered, [*changes, *base.events], base.set_aside)
    for sentence in run.watch.limit.describe():
        log.warning("%s", sentence)
    log.info("batch %d done: champion %s", raw.number, name_champion(generation))
    return generation


def name_champion(generation: Generation) -> str:
    """Return the champion in words, with the version that it was before it learned the batch, which promotion named."""
    champion = generation.champion
    if champion is None:
        return "none"
    has_learned = champion.parent and champion.generation == generation.number
    return f"{champion.id} ({champion.parent} after it learned this batch)" if has_learned else champion.id


def commit(
    run: UpdateRun,
    state: State,
    generation: Generation,
    raw: RawBatch,
    registered: Registration | None = None,
    changes: Sequence[Event] = (),
    first: Callable[[sa.Connection], None] | None = None,
) -> None:
    """Make the whole update visible at once; ``first`` runs in the same transaction."""
    new, events = (registered.new, registered.events) if registered else ((), ())
    run.draft.add(performance_table, run.watch.rows("update", f"batch {raw.number}", len(raw)))
    run.draft.add(cut_steps_table, [make_row(cut, batch=run.number) for cut in run.watch.limit.cuts])
    commit_generation(run.config, state, run.draft, generation, new, [*events, *changes], first)
