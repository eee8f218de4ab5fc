"""Rebuilding: a version whose files are broken, or that newer libraries cannot load, is fitted again as it was.

The rows come from the raw batches and are held against the digests that the version keeps of what it learned; seed,
parameters and columns are its own. With the same libraries the files are the same byte for byte; with others the
model must answer its golden rows nearly as before.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.environment import describe_changes, describe_environment
from pointsman.common.errors import PointsmanError, StateError
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State, lock_updates, open_state
from pointsman.common.workers import Workers
from pointsman.model_zoo.fitting import update_model
from pointsman.model_zoo.golden import (
    ANSWERS,
    ROWS,
    TOLERANCE,
    find_difference,
    load_answers,
    load_rows,
    make_golden_parts,
)
from pointsman.model_zoo.model import PROTOCOL, Model
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.preparation.release import read_raw_rows
from pointsman.pipeline.preparation.training_set import TrainingRows, TrainingSet, digest_batches, join_rows
from pointsman.pipeline.quality.stored import quarantine_table
from pointsman.pipeline.quality.tables import RELEASED, quarantine_decisions_table
from pointsman.registry.commit import commit_generation, load_config_of
from pointsman.registry.contender import Origin
from pointsman.registry.generations import Cause, Event, load_generation
from pointsman.registry.lineage import load_past, read_state_rows
from pointsman.registry.tables import dropped_table, versions_table
from pointsman.registry.versions import (
    LearnedBatch,
    ModelShelf,
    Version,
    find_version,
    load_manifest,
    save_members,
    save_parts,
)

log = logging.getLogger(__name__)

REBUILT_TOLERANCE = 0.01
"""How far golden answers may be off after a fit by other libraries, as a share of the largest, for a model to count as
the same. Beyond that it is another model, which has to compete for its place."""


@dataclass(frozen=True)
class Rebuilt:
    """A version that was made again, and the sentence on what came of it."""

    before: Version
    version: Version
    sentence: str

    @property
    def is_same(self) -> bool:
        """Whether it is what it was, byte for byte."""
        return self.before.manifest == self.version.manifest

    @property
    def event(self) -> Event:
        """The event for its history."""
        return Event(self.version.id, "rebuilt", self.sentence)


def rebuild_versions(config: Config, names: Sequence[str] = ()) -> list[str]:
    """Rebuild versions, by default every member of the newest generation that cannot be loaded; return a sentence each.

    Raises StateError where one that was named is not known or cannot be rebuilt.
    """
    with open_state(config, must_exist=True) as state, lock_updates(state):
        wanted: Sequence[Version] = [find_version(state, name) for name in names] if names else find_broken(state)
        done: list[Rebuilt] = []
        sentences: list[str] = []
        try:
            for version in wanted:
                try:
                    done.append(rebuild(config, state, version))
                    sentences.append(done[-1].sentence)
                except PointsmanError as error:
                    if names:
                        raise
                    sentences.append(str(error))
        finally:
            store(config, state, done)
    return sentences or ["Every version of the newest generation can be loaded; there is nothing to rebuild."]


def find_broken(state: State) -> list[Version]:
    """Return the members of the newest generation that cannot be loaded, challengers included."""
    shelf, broken = ModelShelf(state.files), []
    for member in load_generation(state).members:
        try:
            if member.version.is_ensemble:
                state.files.load(member.version.manifest)
            else:
                shelf.load(member.version)
        except StateError as error:
            log.info("%s", error)
            broken.append(member.version)
    return broken


def rebuild(config: Config, state: State, version: Version) -> Rebuilt:
    """Make a version again and write its files.

    Raises StateError where its rows cannot be had again or its golden answers are not what they were.
    """
    if version.is_ensemble:
        manifest, size = save_members(state.files, version.params, repair=True)
        again = replace(version, manifest=manifest, bytes=size)
        return Rebuilt(version, again, f"{version.id} is an ensemble: its weights were written again.")
    workshop = Workshop(config, state)
    made = find_made(state, version)
    # A crew of one holds the numeric libraries to one thread, as every fit of an update does: last digits depend on it.
    (model,) = Workers().share(workshop).map(Workshop.rebuild, [made])
    stored = load_stored_golden(state, version)
    fresh = make_golden_parts(model, workshop.newest(made).features, version.seed)
    difference = 0.0
    if stored:
        difference = find_difference(model.predict(load_rows(stored[ROWS])), load_answers(stored[ANSWERS]))
        moved = describe_changes(version.environment, describe_environment())
        if difference > REBUILT_TOLERANCE:
            raise StateError(
                f"The version '{version.id}' was not rebuilt: fitted again, it answers its golden rows "
                f"{difference:.2g} off what it answered, and at most {REBUILT_TOLERANCE:g} are allowed ({moved}); "
                "let the next update train a new one."
            )
    # Loading allows TOLERANCE off the golden answers: beyond that the old ones would refuse the model just made.
    kept = stored if stored and difference <= TOLERANCE else fresh
    manifest, size = save_parts(state.files, model.dump() | kept, repair=True)
    again = replace(version, manifest=manifest, bytes=size, protocol=PROTOCOL, environment=describe_environment())
    first, last = version.trained_on[0].batch, version.trained_on[-1].batch
    learned = f"{version.id} was fitted again on its {version.rows} rows of batches {first} to {last}"
    if manifest == version.manifest:
        return Rebuilt(version, version, f"{learned} and is what it was, byte for byte.")
    if not stored:
        return Rebuilt(version, again, f"{learned}; its golden rows were lost, so that it was compared with nothing.")
    return Rebuilt(version, again, f"{learned}; its golden answers lie {difference:.2g} off ({moved}).")


def find_made(state: State, version: Version) -> Version:
    """Return the version as which a model was made: a recalled one is an earlier one under a new name."""
    while version.origin == Origin.RECALL and version.parent:
        version = find_version(state, version.parent)
    return version


def load_stored_golden(state: State, version: Version) -> dict[str, bytes] | None:
    """Return the golden parts of a version, None where they are lost."""
    try:
        manifest = load_manifest(state.files, version.manifest)
        return {name: state.files.load(manifest[name]) for name in (ROWS, ANSWERS)}
    except (StateError, KeyError):
        return None


@dataclass
class Workshop:
    """Fits versions again; a version that continued another begins with that one."""

    config: Config
    state: State
    shelf: ModelShelf = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = ModelShelf(self.state.files)

    def rebuild(self, version: Version) -> Model:
        """Return a version's model, fitted as it was; parents that cannot be loaded are rebuilt first."""
        generation = load_generation(self.state, version.generation)
        if generation.schema is None:
            raise StateError(f"The version '{version.id}' names generation {version.generation}, which is not known.")
        schema, training = generation.schema, self.config_of(version).training
        if version.origin == Origin.UPDATE and version.parent:
            parent = find_version(self.state, version.parent)
            fresh = self.gather(version, schema, version.trained_on[len(parent.trained_on) :])
            model = update_model(
                self.load_or_rebuild(parent), fresh.features, fresh.target, version.seed, training.threads
            )
        else:
            rows = self.gather(version, schema, version.trained_on)
            rows = replace(rows, excluded=frozenset(map(str, rows.features)) - set(version.inputs))
            training_set = TrainingSet(rows, schema.task, schema.classes, version.seed, training.threads)
            model = training_set.fit(version.candidate, rows)
        return model.with_threshold(version.threshold)

    def config_of(self, version: Version) -> Config:
        """Return the configuration that a version was made with."""
        return load_config_of(self.state, version.generation, self.config)

    def load_or_rebuild(self, version: Version) -> Model:
        """Return a version's model from its files or, where these are broken, fitted again."""
        try:
            return self.shelf.load(version)
        except StateError:
            return Model.load(self.rebuild(find_made(self.state, version)).dump())

    def newest(self, version: Version) -> TrainingRows:
        """Return the rows of the newest batch that a version learned."""
        schema = load_generation(self.state, version.generation).schema
        assert schema is not None
        return self.gather(version, schema, version.trained_on[-1:])

    def gather(self, version: Version, schema: Schema, learned: Sequence[LearnedBatch]) -> TrainingRows:
        """Return exactly the rows of these batches that were learned, from the raw files.

        Raises StateError where they are not what they were.
        """
        parts = [self._find(version, schema, one) for one in learned]
        return join_rows(
            [(int(part.batches[0]), part.features, part.target, part.times) for part in parts],
            max_rows=sum(map(len, parts)),
        )

    def _find(self, version: Version, schema: Schema, learned: LearnedBatch) -> TrainingRows:
        """Return the part of a batch that was learned; StateError where its digest differs now."""
        batch = load_raw_batch(self.state, version, learned.batch)
        rows = self._read(self.config_of(version), schema, batch).newest(learned.rows)
        if digest_batches(rows) != (learned,):
            raise StateError(
                f"The version '{version.id}' cannot be rebuilt: the {learned.rows} rows of batch {learned.batch} that "
                "it learned are read otherwise now than they were then; rebuild it with the Pointsman that made it."
            )
        return rows

    def _read(self, config: Config, schema: Schema, batch: "RawRows") -> TrainingRows:
        parts = []
        for rows in (batch.released, batch.kept):
            if rows:
                read = read_raw_rows(config, self.state, schema, batch.number, batch.file, batch.time_format, rows)
                features = engineer_features(read.inputs, schema, config.features)
                parts.append((batch.number, features, read.target, read.times))
        return join_rows(parts, max_rows=len(batch.released) + len(batch.kept))


@dataclass(frozen=True)
class RawRows:
    """Positions, in a batch's raw file, of the rows that could be learned; released ones apart."""

    number: int
    file: str
    time_format: str | None
    released: list[int]
    kept: list[int]


def load_raw_batch(state: State, version: Version, number: int) -> RawRows:
    """Return the rows of a batch as they were when a version learned it, set aside by a rollback since or not."""
    led_there = load_past(state, version.generation)
    with state.engine.connect() as connection:
        stored, aside, decided = (
            [row for row in read_state_rows(connection, table, led_there) if row[name] == number]
            for table, name in ((batches, "number"), (quarantine_table, "batch"), (quarantine_decisions_table, "batch"))
        )
    if not stored:
        raise StateError(f"The version '{version.id}' learned batch {number}, which is not in the catalogue.")
    last = {one["row"]: one["action"] for one in sorted(decided, key=lambda one: one["generation"])}
    kept = np.setdiff1d(np.arange(stored[0]["rows"]), [one["row"] for one in aside]).tolist()
    released = sorted(row for row, action in last.items() if action == RELEASED and row is not None)
    return RawRows(number, stored[0]["file"], stored[0].get("time_format"), released, kept)


def store(config: Config, state: State, done: Sequence[Rebuilt]) -> None:
    """Commit what was rebuilt as a generation; every version with the same files profits."""
    if not done:
        return

    def replace_files(connection: sa.Connection) -> None:
        for one in done:
            connection.execute(sa.delete(dropped_table).where(dropped_table.c.version == one.version.id))
            if not one.is_same:
                changed = {name: getattr(one.version, name) for name in ("manifest", "bytes", "protocol")}
                same = versions_table.c.manifest == one.before.manifest
                environment = dict(one.version.environment)
                connection.execute(sa.update(versions_table).where(same).values(environment=environment, **changed))

    after = load_generation(state).succeed(Cause.REBUILD, why=f"rebuilt {', '.join(one.version.id for one in done)}")
    commit_generation(config, state, Draft(after.number), after, (), [one.event for one in done], replace_files)
