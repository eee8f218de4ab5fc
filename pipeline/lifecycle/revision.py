"""The schema revision: what was decided on the first batch is decided anew, and the stored raw batches are read again.

An update begins with one where task or schema are stated differently from the generation before. Everything that rests
on how cells were read starts anew: clean batches, what is usual of them, and, as on a first batch, models, records and
grades; but with all stored batches to learn from. What was there is set aside, and a rollback brings it in again.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (the rows of every table are set aside)
from pointsman.common.adaptation import describe_notation
from pointsman.common.cells.date_notations import ISO
from pointsman.common.config import Config
from pointsman.common.errors import ConfigError
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft, metadata, read_rows, state_tables
from pointsman.common.storage.state import State
from pointsman.meta.label_tables import batch_digests_table
from pointsman.pipeline.collection.ordering import read_times
from pointsman.pipeline.collection.roles import describe_roles, end_short_years, infer_schema
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.labels.batch_keys import digest_rows, save_keys
from pointsman.pipeline.preparation.assessment import analyse, describe_batch, draft_analysis, keep_raw
from pointsman.pipeline.preparation.raw_rows import read_frame_times
from pointsman.pipeline.preparation.window import StoredBatches
from pointsman.pipeline.quality.gate import extend_classes
from pointsman.pipeline.quality.history import load_quality_past
from pointsman.pipeline.quality.past import PAST_BATCHES
from pointsman.pipeline.quality.stored_batches import StoredBatch, list_stored
from pointsman.pipeline.quality.tables import DISCARDED, quarantine_decisions_table
from pointsman.registry.generations import Cause, Event, Generation
from pointsman.registry.lineage import load_past, turn
from pointsman.registry.one_state import suggest_state
from pointsman.registry.settings import SCHEMA, list_differing, load_settings
from pointsman.registry.snapshot import copy_versions, open_copy

log = logging.getLogger(__name__)

REVISED = "revised"
"""The event of a version that a revision takes out of service. It is not retired: its candidate may enter at once."""

ROLES = ("numeric", "categorical", "dates", "unused")


@dataclass(frozen=True)
class Revision:
    """The new schema, and a sentence that says what it changes."""

    schema: Schema
    why: str


@dataclass(frozen=True, eq=False)
class Base:
    """Where an update begins: the catalogue that it reads its past from, the generation before and the schema.

    After a revision the catalogue is one beside the state's own, and ``rows`` by table are to be committed with the
    update; ``gone`` are the generations whose rows are to be set aside, ``events`` what that means for versions.
    """

    state: State
    before: Generation
    schema: Schema
    revision: Revision | None = None
    rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
    gone: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """The cause of the generation, None unless it is a revision."""
        return Cause.REVISION if self.revision else None

    @property
    def why(self) -> str:
        """What the revision changes; '' without one."""
        return self.revision.why if self.revision else ""

    def add_to(self, draft: Draft) -> None:
        """Add the rows of the reread batches to the draft of the update."""
        for name, rows in (self.rows or {}).items():
            draft.add(metadata.tables[name], rows)

    def set_aside(self, connection: sa.Connection) -> None:
        """Set the former rows aside, within the transaction of the update."""
        if self.revision:
            turn(connection, self.gone, ())


def plan_revision(config: Config, state: State, before: Generation, newest: RawBatch | None) -> Revision | None:
    """Return the revision that the configuration calls for; None where it changes nothing.

    ``newest`` is the batch that is to be taken, if there is one. Raises ConfigError for what cannot be revised.
    """
    if before.schema is None or not list_differing(config, load_settings(config, state, before), SCHEMA):
        return None
    accepted = [one for one in list_stored(state) if one.accepted]
    if not accepted:
        return None
    check_times(config, state, before.schema, accepted)
    schema = infer_again(config, state, accepted, newest, before.schema.time_format)
    if schema == before.schema:
        return None
    return Revision(schema, f"schema revised: {describe_changes(before.schema, schema)}")


def infer_again(
    config: Config, state: State, accepted: Sequence[StoredBatch], newest: RawBatch | None, usual: str | None
) -> Schema:
    """Return the schema inferred from the first accepted batch, with the classes of all of them.

    ``usual`` is the notation of the stream's times so far. A declared column that came later counts as missing there.
    """
    frames = [state.files.load_table(one.file) for one in accepted]
    stated = config.schema_
    declared = [
        *stated.numeric,
        *stated.categorical,
        *stated.date_formats,
        *stated.drop,
        *([stated.id] if stated.id else []),
    ]
    everywhere = {*(name for frame in frames for name in frame), *(newest.frame if newest else ())}
    later = [name for name in dict.fromkeys(declared) if name not in frames[0] and name in everywhere]
    first = accepted[0]
    schema = infer_schema(frames[0].assign(**dict.fromkeys(later)), config, first.origin, first.time_format or usual)
    for one, frame in zip(accepted[1:], frames[1:], strict=True):
        times = read_frame_times(frame, schema, one.time_format)
        schema = extend_classes(RawBatch(one.number, one.origin, frame, times, {}), schema)
        schema = end_short_years(schema, times.max())
    return schema


def check_times(config: Config, state: State, schema: Schema, accepted: Sequence[StoredBatch]) -> None:
    """Raise ConfigError where known times would change: batches were cut and ordered by them."""
    wanted = config.schema_.time_format
    if wanted is None or wanted == schema.time_format:
        return
    for one in accepted:
        cells = state.files.load_table(one.file)[schema.time]
        then = read_times(cells, one.origin, config.schema_, one.time_format or schema.time_format or ISO)
        now = read_times(cells, one.origin, config.schema_, wanted)
        otherwise = then.notna() & now.notna() & (then != now)
        if otherwise.any():
            row = int(otherwise.to_numpy().argmax())
            fresh = suggest_state(state.folder, "again")
            raise ConfigError(
                f"schema.time_format is '{wanted}', by which '{cells.iloc[row]}' in batch {one.number} would be "
                f"{now.iloc[row].date()} and was {then.iloc[row].date()} when the stored batches were ordered by it; "
                f"start a state of its own from them: run update again with '--from-state {state.folder} --batches all "
                f"state_dir={fresh}' behind it, and write that state_dir into the configuration."
            )


def describe_changes(before: Schema, after: Schema) -> str:
    """Return what a revision changes, column by column and key by key.

    >>> from pointsman.common.task import Task
    >>> one = Schema("day", "y", Task.BINARY, ("a", "b"), numeric=("later",))
    >>> describe_changes(one, replace(one, numeric=(), categorical=("later",), task=Task.MULTICLASS))
    'later numeric -> categorical, task binary -> multiclass'
    """
    roles = [{name: role for role in ROLES for name in getattr(schema, role)} for schema in (before, after)]
    names = dict.fromkeys([*roles[0], *roles[1]])
    moved = [
        f"{name} {roles[0].get(name, 'absent')} -> {roles[1].get(name, 'absent')}"
        for name in names
        if roles[0].get(name) != roles[1].get(name)
    ]
    keys = ("task", "classes", "positive", "missing_target", "missing_values", "time_format", "id")
    notations = [
        f"{name} written as {describe_notation(after.notation(name))}"
        for name in after.notations
        if describe_notation(before.notation(name)) != describe_notation(after.notation(name))
    ]
    changed = [(key, getattr(before, key), getattr(after, key)) for key in keys]
    others = [f"{key} {_show(then)} -> {_show(now)}" for key, then, now in changed if then != now]
    return ", ".join([*moved, *others, *notations]) or "how cells are read"


@contextmanager
def open_base(
    config: Config, state: State, before: Generation, raw: RawBatch, revision: Revision | None
) -> Iterator[Base]:
    """Open the base of an update: the state itself or, with a revision, its batches read again beside it."""
    if revision is None:
        yield Base(state, before, before.schema)  # type: ignore[arg-type]
        return
    log.warning("%s; stored batches are read again, models and records start anew", revision.why)
    for line in describe_roles(revision.schema):
        log.info("%s", line)
    with open_copy(state) as beside:
        bench = State(state.folder, beside.engine, state.files)
        copy_versions(state, bench)
        number = before.number + 1
        reread_batches(config, state, bench, revision.schema, number, but=raw.number)
        rows = {table.name: read_rows(bench.engine, sa.select(table)) for table in state_tables()}
        anew = replace(before, schema=revision.schema, members=(), aliases={}, reference=None, selector=None)
        gone = tuple(load_past(state, before.number))
        events = tuple(Event(member.version.id, REVISED, revision.why) for member in before.members)
        yield Base(bench, anew, revision.schema, revision, rows, gone, events)


def reread_batches(config: Config, state: State, bench: State, schema: Schema, number: int, but: int) -> None:
    """Read every stored batch again, all ``but`` the one that is taken now, and commit what comes of it to ``bench``.

    A batch keeps its number, its raw file and whether it was accepted; what was decided about its rows holds on.
    """
    decisions = Draft(number)
    decisions.add(quarantine_decisions_table, list_decisions(state))
    decisions.commit(bench.engine)
    waiting = []
    for one in list_stored(state):
        if one.number == but:
            continue
        raw = read_stored(config, state, one, schema)
        # Each batch is judged by those before it, as when it came: they have been committed to the bench by now.
        past = load_quality_past(bench, lambda: StoredBatches(config, bench, schema).read_newest(PAST_BATCHES))
        judgement = analyse(config, raw, schema, past, lifted=one.accepted)
        draft = Draft(number)
        # What was accepted or rejected stays so: models and people have gone by that since.
        if not one.accepted:
            if not judgement.rejected and one.decision != DISCARDED and not one.retaken_as:
                waiting.append(one.number)
            judgement = replace(judgement, rejected=one.reason)
        else:
            if judgement.rejected:
                told = "batch %d, which was accepted, has no row that can be learned now: %s"
                log.warning(told, one.number, judgement.rejected)
            row_keys = digest_rows(config, judgement.schema, judgement.batch, keep_raw(raw, judgement))
            draft.add(batch_digests_table, [save_keys(state, raw.number, row_keys)])
        draft_analysis(draft, bench, raw, judgement)
        described = describe_batch(bench, raw, one.file, judgement, one.by_hand)
        draft.add(batches, [described | {"created_at": one.created_at}])
        draft.commit(bench.engine)
    for rejected in waiting:
        log.warning(
            'batch %d, which was rejected, can be read now: python run.py quarantine release %d --why "..." lets '
            "the next update take it",
            rejected,
            rejected,
        )


def read_stored(config: Config, state: State, one: StoredBatch, schema: Schema) -> RawBatch:
    """Return a stored batch as it came, its times read by a schema."""
    frame = state.files.load_table(one.file)
    times = read_times(frame[schema.time], one.origin, config.schema_, one.time_format or schema.time_format or ISO)
    return RawBatch(one.number, one.origin, frame, times, {}, one.late_rows, one.retakes, one.time_format)


def take_newest_again(config: Config, state: State, before: Generation, schema: Schema) -> tuple[RawBatch, bool]:
    """Return the newest accepted batch for a revision to take again where nothing new waits, and if it came by hand."""
    newest = [one for one in list_stored(state) if one.accepted][-1]
    raw = read_stored(config, state, newest, schema)
    return replace(raw, cursor=dict(before.cursor or {})), newest.by_hand


def list_decisions(state: State) -> list[dict[str, Any]]:
    """Return what was decided last about each quarantined row and each rejected batch, as one generation decides."""
    table = quarantine_decisions_table
    stored = read_rows(state.engine, sa.select(table).order_by(table.c.generation, table.c.position))
    last = {(row["batch"], row["row"]): row for row in stored}
    return [{**row, "position": place} for place, row in enumerate(last.values())]


def _show(setting: object) -> str:
    return f"[{', '.join(map(str, setting))}]" if isinstance(setting, tuple) else str(setting)
