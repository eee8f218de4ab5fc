"""A predictor: one generation, loaded and ready to answer requests, one after another or several at a time.

Files, the service and shadow scoring all answer through it, in three steps: read the rows, choose the model that serves
(once for a request, however many parts its rows come in), answer the rows of a part by it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from pointsman.common.adaptation import CellChange, Reading, Unread, find_unread, read_adapted
from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.reading import read_inputs
from pointsman.common.sampling import spread_rows
from pointsman.common.schema import Schema
from pointsman.common.storage.state import State, restore_if_damaged
from pointsman.meta.estimation.estimator import Estimate
from pointsman.meta.fitting import name_served
from pointsman.meta.flags import find_kinds
from pointsman.meta.metafeatures import profile_request
from pointsman.meta.performance_estimates import estimate_request
from pointsman.meta.plan import Plan, name_weights
from pointsman.meta.profile import Profile
from pointsman.meta.selector_store import StoredSelector, load_stored_selector
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.readings import Readings, Verdicts
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.preparation.row_reader import RowReader, TypedRows
from pointsman.pipeline.serving.answer import Answer, Answerers, answer_request
from pointsman.pipeline.serving.published import Published, list_answerers, load_published
from pointsman.registry.generations import Generation, load_generation
from pointsman.registry.settings import describe_difference, load_settings, read_as
from pointsman.registry.store import find_newest_number
from pointsman.registry.versions import ModelShelf
from pointsman.registry.words import name_versions

log = logging.getLogger(__name__)

SAMPLE_ROWS = 10_000
"""Most rows that a choice looks at, so that it takes no longer for a request of millions."""


@dataclass(frozen=True, eq=False)
class ReadRows:
    """Rows of a request: typed and cleaned, and their features.

    ``schema`` has the notations in which they are written; ``changes`` say where these are not the stream's, ``unread``
    what could still not be read.
    """

    typed: pd.DataFrame | TypedRows
    cells: Cells
    schema: Schema
    changes: tuple[CellChange, ...] = ()
    unread: tuple[Unread, ...] = ()

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a client should know of how its cells were read."""
        return (*(change.describe() for change in self.changes), *(one.describe() for one in self.unread))

    @cached_property
    def inputs(self) -> pd.DataFrame:
        """The typed and cleaned inputs (n_rows, n_inputs)."""
        return self.typed.to_frame() if isinstance(self.typed, TypedRows) else self.typed


@dataclass(frozen=True)
class Choice:
    """What serves a request.

    profile:  all that the choice rests on
    plan:     what the selector chose
    serving:  what answers: the plan, unless an MLflow registry's model takes its place
    verdicts: on whole columns of the rows that were looked at; ``warnings`` are what a user should know of them
    """

    profile: Profile
    plan: Plan
    serving: Plan
    verdicts: Verdicts
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predictor:
    """A loaded generation. It never changes: a new generation is another predictor.

    ``config`` is the one that the generation reads rows by; ``unread`` says what the user's configuration states
    differently, '' where nothing.
    """

    config: Config
    generation: Generation
    stored: StoredSelector
    shelf: ModelShelf
    published: Published | None
    unread: str = ""

    @property
    def schema(self) -> Schema:
        """Roles and types of the stream's columns."""
        assert self.generation.schema is not None
        return self.generation.schema

    def read(self, table: pd.DataFrame, schema: Schema | None = None) -> ReadRows:
        """Return raw rows typed, cleaned and engineered; an input that ``table`` lacks counts as missing.

        Their notations are decided on these rows, unless ``schema`` has those of earlier rows of the same request.
        """
        reading = read_adapted(table, self.schema) if schema is None else Reading(read_inputs(table, schema), schema)
        inputs = clean_inputs(reading.inputs, self.config.quality, reading.schema)
        cells = Cells.of(engineer_features(inputs, reading.schema, self.config.features))
        unread = tuple(find_unread(table, reading.inputs, reading.schema))
        return ReadRows(inputs, cells, reading.schema, reading.changes, unread)

    def read_rows(self, rows: Sequence[Mapping[str, Any]]) -> ReadRows:
        """Return the same as ``read`` for rows that map column names to numbers, texts, booleans or None."""
        reader = self._row_reader
        typed = reader.read(rows)
        if not (lost := reader.find_lost(rows, typed)):
            return ReadRows(typed, reader.engineer(typed), self.schema)
        table = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in lost})
        reading = read_adapted(table, self.schema)
        if reading.schema != self.schema:
            reader = RowReader(reading.schema, self.config.quality, self.config.features)
            typed = reader.read(rows)
        unread = tuple(find_unread(table, reading.inputs, reading.schema))
        return ReadRows(typed, reader.engineer(typed), reading.schema, reading.changes, unread)

    @cached_property
    def _row_reader(self) -> RowReader:
        return RowReader(self.schema, self.config.quality, self.config.features)

    def choose(self, rows: ReadRows) -> Choice:
        """Return what serves a request, by its rows or by a bounded sample of them."""
        cells = rows.cells
        if len(cells) > SAMPLE_ROWS:
            cells = cells.take(spread_rows(len(cells), SAMPLE_ROWS))
        reference, verdicts = self.stored.reference, Verdicts(cells)
        profile = profile_request(cells, verdicts.flag(cells, reference), reference)
        plan = self.stored.plan(profile, self.config.selection.mode)
        serving = self.published.take_over(plan) if self.published else plan
        return Choice(profile, plan, serving, verdicts, tuple(verdicts.of(reference).describe()))

    def answer(self, rows: ReadRows, choice: Choice) -> Answer:
        """Return the answer to the rows of a request, or to a part of them, by what was chosen for it."""
        by_line = list_answerers(self.generation, self.published)
        plan = choice.serving
        singles = [line for line, version in by_line.items() if not version.is_ensemble and line != plan.champion]
        load = self.published.on_shelf(self.shelf) if self.published else self.shelf.load
        reference = self.stored.reference
        kinds = find_kinds(choice.verdicts.flag(rows.cells, reference))
        answerers = Answerers(by_line, load, [plan.champion, *singles])
        return answer_request(Readings(rows.cells, choice.verdicts), kinds, plan, answerers, self.schema)

    def estimate(self, choice: Choice, answer: Answer) -> Estimate:
        """Return the loss and the metric expected of an answer, estimated without labels."""
        stored = self.stored.estimators
        estimators = self.published.choose_estimators(stored) if self.published else stored
        return estimate_request(estimators, choice.serving, answer.outputs, answer.kinds, self.schema.classes)

    def tell_choice(self, choice: Choice) -> str:
        """Return in words which registered model serves a request, and why."""
        described = self.describe(choice)
        return f"{described['version']}: {described['reason']}"

    def describe(self, choice: Choice) -> dict[str, Any]:
        """Return what the decisions table keeps of a choice."""
        generation, plan = self.generation, choice.plan
        ids = {version.line: version.id for version in (*generation.versions, *generation.ensembles)}
        described = {
            "generation": generation.number,
            "mode": self.config.selection.mode,
            "version": ids[plan.model],
            "champion": ids[plan.champion],
            "reason": name_versions(plan.why, ids),
            "alarm": plan.alarm.describe() if plan.alarm else "",
            "profile": choice.profile.to_json(),
            "weights": name_weights(plan.weights, ids),
            "ranking": [[ids[line], more] for line, more in plan.ranking],
            "expected": asdict(plan.expected),
        }
        if self.published:
            described |= {"version": self.published.version.id, "reason": self.published.why}
        return described


def load_predictor(config: Config, state: State) -> Predictor:
    """Return the newest generation that can serve: where rows or files of it are broken, an earlier one.

    A catalogue that is damaged gives way to its copy and journal first. Raises StateError where there is no model yet,
    or no generation that can serve.
    """
    predictor = _load_sound(config, state)
    published = load_published(config, state, predictor.schema)
    return replace(predictor, published=published) if published else predictor


def _load_sound(config: Config, state: State) -> Predictor:
    shelf = ModelShelf(state.files)
    try:
        return _load_of(config, state, shelf, _load_newest(state))
    except NoModelError:
        raise
    except StateError as error:
        broken = error
    if told := restore_if_damaged(state):
        log.warning("%s", told)
        try:
            return _load_of(config, state, shelf, _load_newest(state))
        except StateError as error:
            broken = error
    return _load_earlier(config, state, shelf, broken)


class NoModelError(StateError):
    """Nothing was learned yet."""


def _load_newest(state: State) -> Generation:
    generation = load_generation(state)
    if generation.champion is None or generation.schema is None:
        raise NoModelError(f"There is no model in '{state.folder}' yet; run 'python run.py update' first.")
    return generation


def _load_earlier(config: Config, state: State, shelf: ModelShelf, broken: StateError) -> Predictor:
    """Return the newest generation before the newest one that can serve; raise what broke that where there is none."""
    newest = number = find_newest_number(state)
    while number:
        number = _find_before(state, number)
        try:
            generation = load_generation(state, number)
            if generation.champion is None:
                continue
            predictor = _load_of(config, state, shelf, generation)
        except StateError:
            continue
        log.warning("generation %d is broken, generation %d is asked: %s", newest, number, broken)
        return predictor
    raise broken


def _find_before(state: State, number: int) -> int:
    """Return the generation that one goes on from; where its rows do not tell, the one that was stored before it."""
    try:
        return load_generation(state, number).parent or 0
    except StateError:
        return number - 1


def _load_of(config: Config, state: State, shelf: ModelShelf, generation: Generation) -> Predictor:
    """Return a generation ready to answer; StateError where rows or files of it are broken."""
    stored = load_stored_selector(state, generation)
    check_versions(shelf, generation)
    generation = name_served(state, generation, config.selection.mode, stored.selector)
    assert generation.schema is not None
    settings = load_settings(config, state, generation)
    unread = describe_difference(config, settings, generation.number)
    if unread:
        log.warning("%s", unread)
    return Predictor(read_as(config, settings), generation, stored, shelf, None, unread)


def check_versions(shelf: ModelShelf, generation: Generation) -> None:
    """Raise StateError where no version of a generation can be loaded; the champion is tried first."""
    failed = None
    for version in sorted(generation.versions, key=lambda one: one != generation.champion):
        try:
            shelf.load(version)
            return
        except StateError as error:
            failed = failed or error
    raise failed or StateError(f"Generation {generation.number} has no version; run 'python run.py update'.")
