"""From candidates to records out of fold, and from those that stay active to models that have learned all rows."""

import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from common.environment import describe_environment
from common.seeding import random_generator
from common.task import Task
from experiments.exam import Exam, hold_exam
from meta.records import RecordRows, predict_outputs
from model_zoo import get_family
from model_zoo.anatomy import Anatomy, dissect
from model_zoo.candidate import Candidate
from model_zoo.golden import make_golden_parts, measure_predict_us
from model_zoo.model import Model, PreparedRows, fit_prepared, prepare_rows, settle, update_model
from pipeline.training.digests import digest_batches
from pipeline.training.rows import TrainingRows
from pipeline.training.threshold import Threshold
from registry.contender import Contender, Origin
from registry.versions import LearnedBatch, Version

MAX_UPDATES = 3
"""After this many continuations a model is fitted from scratch again, so that old knowledge fades."""
KEPT_PREPARED, KEPT_BYTES = 6, 512 * 2**20
"""Encodings of rows that are kept for more candidates, and the bytes that all of them but the newest may take."""
EXAMINED_ROWS = 1_000
"""Learned rows, at most, that a model predicts once it is fitted."""
BACKFILLED = 3
"""Batches of which a newcomer gets a record on the day it is registered."""


@dataclass(frozen=True)
class Ground:
    """What models are fitted on: rows up to the newest, the task and its classes. ``gap`` is the delay of labels."""

    rows: TrainingRows
    task: Task
    classes: tuple[str, ...]
    seed: int
    threads: int
    gap: str = "0s"
    _prepared: "OrderedDict[Hashable, PreparedRows]" = field(default_factory=OrderedDict, repr=False, compare=False)

    def fit(self, candidate: Candidate, rows: TrainingRows) -> Model:
        """Return the candidate fitted on its window of some of the rows, oldest first."""
        return self.fit_prepared(candidate, self.prepare(candidate, rows))

    def fit_prepared(self, candidate: Candidate, rows: PreparedRows) -> Model:
        """Return the candidate fitted on rows that were prepared for it."""
        return fit_prepared(candidate, rows, self.task, self.classes, self.seed, self.threads)

    def prepare(self, candidate: Candidate, rows: TrainingRows) -> PreparedRows:
        """Return the candidate's window of some of the rows, oldest first, as its variant and treatment make them.

        They are kept for the next candidates that learn them alike.
        """
        learn = rows.last(candidate.window)
        features = learn.covered
        treatment = (candidate.variant, candidate.masked, candidate.guarded, *features.columns)
        key = (*treatment, len(learn), learn.first_batch, learn.last_batch)
        if key not in self._prepared:
            self._prepared[key] = prepare_rows(candidate, features, learn.target, self.task, self.seed)
            while len(self._prepared) > 1 and not self._fits():
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def _fits(self) -> bool:
        size = sum(one.table.values.nbytes for one in self._prepared.values())
        return len(self._prepared) <= KEPT_PREPARED and size <= KEPT_BYTES

    def settle(self, candidate: Candidate, rows: TrainingRows) -> Candidate:
        """Return the candidate with what its family finds out on its window of some rows before it learns them."""
        prepared = self.prepare(candidate, rows)
        return settle(candidate, prepared, self.task, len(self.classes), self.seed, self.threads)

    @cached_property
    def digests(self) -> tuple[LearnedBatch, ...]:
        """Each batch's part in the rows."""
        return digest_batches(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the prepared rows out: another process makes its own."""
        return {**self.__dict__, "_prepared": OrderedDict()}


@dataclass(frozen=True, eq=False)
class RecordSheet:
    """The rows of a record with their features: what a line without a record has still to predict.

    They come from the last ``covered`` rows of the batch, beginning at ``first_row``; earlier ones may be learned.
    """

    rows: RecordRows
    features: pd.DataFrame
    first_row: int
    covered: int


def find_earlier(ground: Ground, sheet: RecordSheet) -> TrainingRows | None:
    """Return the rows that lie before a sheet, by the gap at least; None where none does.

    The first batch has nothing older than itself: where the gap leaves none of its rows, those before the sheet are
    returned without it.
    """
    rows, start = ground.rows, find_start(ground.rows, sheet)
    if start is None:
        return None
    before = np.arange(len(rows)) < start
    # Rows released from quarantine precede the others of their batch, whatever their time.
    before &= (rows.batches != sheet.rows.batch) | (rows.times <= rows.times.iloc[start]).to_numpy()
    delay = pd.Timedelta(ground.gap)
    if delay > pd.Timedelta(0):
        older = before & (rows.times < rows.times.iloc[start] - delay).to_numpy()
        before = older if older.any() or (rows.batches[before] != sheet.rows.batch).any() else before
    return rows.take(before) if before.any() else None


def find_start(rows: TrainingRows, sheet: RecordSheet) -> int | None:
    """Return the position of a sheet's first row; None where its batch is not among the rows."""
    of_batch = np.flatnonzero(rows.batches == sheet.rows.batch)
    return max(0, int(of_batch[-1]) + 1 - sheet.covered) if len(of_batch) else None


def breaks_gap(ground: Ground, sheet: RecordSheet) -> bool:
    """Return whether rows nearer to a sheet than the gap lie before it all the same, since there are no older ones."""
    start, earlier, delay = find_start(ground.rows, sheet), find_earlier(ground, sheet), pd.Timedelta(ground.gap)
    if start is None or earlier is None or delay <= pd.Timedelta(0):
        return False
    return not bool((earlier.times < ground.rows.times.iloc[start] - delay).all())


def predict_out_of_fold(ground: Ground, candidate: Candidate, sheet: RecordSheet) -> np.ndarray | None:
    """Return what the candidate predicts for a sheet, fitted on what lies before it; None where nothing does."""
    earlier = find_earlier(ground, sheet)
    if earlier is None:
        return None
    return predict_outputs(ground.fit(candidate, earlier), sheet.features, ground.classes)


def enter(ground: Ground, candidate: Candidate, name: str, origin: Origin, sheets: Sequence[RecordSheet]) -> Contender:
    """Return a newcomer with its record, out of fold, of the newest sheets.

    What its family finds out on the rows before the oldest of them is known from there on.
    """
    outputs: dict[int, np.ndarray] = {}
    for sheet in sheets[-BACKFILLED:]:
        earlier = find_earlier(ground, sheet)
        if earlier is not None:
            candidate = ground.settle(candidate, earlier)
            model = ground.fit(candidate, earlier)
            outputs[sheet.rows.batch] = predict_outputs(model, sheet.features, ground.classes)
    return Contender(name, origin, candidate, None, outputs)


@dataclass(frozen=True, eq=False)
class Trained:
    """A model that has learned all rows, as named files, and how it came about.

    candidate: what it was made of, with what its family found out
    inputs: the features it reads; predict_us: microseconds a row; environment: what it was made with
    exam:   what its predictions are worth on a sample of the rows it learned
    """

    candidate: Candidate
    parts: Mapping[str, bytes]
    threshold: Threshold
    origin: Origin
    updates: int
    fit_seconds: float
    inputs: tuple[str, ...]
    predict_us: float
    environment: Mapping[str, str]
    anatomy: Anatomy
    exam: Exam


@dataclass(frozen=True, eq=False)
class Lesson:
    """A contender that is to learn the newest rows, the model of its parent and the way to go on from it.

    threshold: for a positive answer; known already, since it rests on rows predicted before they were learned
    """

    contender: Contender
    before: Model | None
    way: Origin = Origin.UPDATE
    threshold: Threshold = field(default_factory=Threshold)


def train(ground: Ground, lesson: Lesson) -> Trained:
    """Return a contender's model for the next generation.

    A plain model is updated, where that is its way and its family can, at most MAX_UPDATES times in a row; one with a
    window, masking or a guard is fitted anew, as is any where classes or features have changed.
    """
    started = time.perf_counter()
    contender, version = lesson.contender, lesson.contender.parent
    if lesson.way is Origin.UPDATE and version and lesson.before and can_continue(ground, version, lesson.before):
        fresh = ground.rows.after(version.last_batch)  # more than the newest batch where others were not learned
        model = update_model(lesson.before, fresh.features, fresh.target, ground.seed, ground.threads)
        origin, updates = Origin.UPDATE, version.updates + 1
        seconds = time.perf_counter() - started
        exam = examine_updated(ground, model, version.first_batch, lesson.threshold.least)
    else:
        prepared = ground.prepare(contender.candidate, ground.rows)
        model = ground.fit_prepared(ground.settle(contender.candidate, ground.rows), prepared)
        origin, updates = Origin.REFIT if version else contender.origin, 0
        seconds = time.perf_counter() - started
        exam = examine_fitted(ground, model, prepared, lesson.threshold.least)
    newest = ground.rows.last(1).features
    golden = make_golden_parts(model, newest, ground.seed)  # predicts before the clock runs
    return Trained(
        candidate=model.candidate,
        parts=model.with_threshold(lesson.threshold.least).dump() | golden,
        threshold=lesson.threshold,
        origin=origin,
        updates=updates,
        fit_seconds=seconds,
        inputs=model.features,
        predict_us=measure_predict_us(model, newest),
        environment=describe_environment(),
        anatomy=dissect(model),
        exam=exam,
    )


def examine_fitted(ground: Ground, model: Model, learned: PreparedRows, threshold: float) -> Exam:
    """Return what a model's predictions are worth on a sample of the very rows, as encoded, that it was fitted on.

    Of a masked model these are the rows before their masked copies.
    """
    drawn = _draw(ground, np.arange(len(learned.table) // (2 if model.candidate.masked else 1)))
    predicted = model.predict_encoded(learned.table.take(drawn))
    return hold_exam(ground.task, learned.target[drawn], predicted, threshold)


def examine_updated(ground: Ground, model: Model, first_batch: int, threshold: float) -> Exam:
    """Return what a continued model's predictions are worth on a sample of all rows that it has learned by now."""
    drawn = _draw(ground, np.flatnonzero(ground.rows.batches >= first_batch))
    rows = ground.rows.take(drawn)
    return hold_exam(ground.task, rows.target, model.predict(rows.features), threshold)


def _draw(ground: Ground, learned: np.ndarray) -> np.ndarray:
    return np.sort(random_generator(ground.seed, "exam").permutation(learned)[:EXAMINED_ROWS])


def can_continue(ground: Ground, version: Version, model: Model) -> bool:
    """Return whether a version's model can be updated with the newest rows."""
    same_ground = model.classes == ground.classes and model.features == tuple(ground.rows.covered.columns)
    plain = not version.candidate.treatment
    return get_family(version.family).can_update and plain and version.updates < MAX_UPDATES and same_ground
