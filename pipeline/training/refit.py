"""Refitting: models that stay active learn the newest rows, by an update of what they are or by a fit from scratch."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pointsman.common.config import Config
from pointsman.common.environment import describe_environment
from pointsman.common.seeding import random_generator
from pointsman.common.thresholds import Threshold
from pointsman.common.time_limit import Allowance
from pointsman.common.workers import Crew
from pointsman.experiments.fit_metrics import FitMetrics, measure_fit
from pointsman.meta.past import PredictionHistory
from pointsman.meta.threshold import tune_line
from pointsman.model_zoo.anatomy import Anatomy, dissect
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import PreparedRows, update_model
from pointsman.model_zoo.golden import make_golden_parts, measure_predict_us
from pointsman.model_zoo.model import Model
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.training.expected_costs import expect_seconds
from pointsman.registry.contender import Contender, Origin
from pointsman.registry.versions import Version

log = logging.getLogger(__name__)

MAX_UPDATES = 3
"""After this many continuations a model is fitted from scratch again, so that old knowledge fades."""


MEASURED_ROWS = 1_000
"""Learned rows, at most, that a model predicts once it is fitted."""


@dataclass(frozen=True, eq=False)
class FitResult:
    """A model that has learned all rows, as named files, and how it came about.

    candidate: what it was made of, with what its family found out
    inputs: the features it reads; predict_us: microseconds a row; environment: what it was made with
    fit_metrics: what its predictions are worth on a sample of the rows it learned
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
    fit_metrics: FitMetrics


@dataclass(frozen=True, eq=False)
class RefitJob:
    """A contender that is to learn the newest rows, its parent's model, and the retrain mode.

    threshold: for a positive answer; known already, since it rests on rows predicted before they were learned
    """

    contender: Contender
    before: Model | None
    mode: Origin = Origin.UPDATE
    threshold: Threshold = field(default_factory=Threshold)


def refit(training_set: TrainingSet, job: RefitJob) -> FitResult:
    """Return a contender's model for the next generation.

    A plain model is updated, where that is its mode and its family can, at most MAX_UPDATES times in a row; one with a
    window, masking or a guard is fitted anew, as is any where classes or features have changed.
    """
    started = time.perf_counter()
    contender, version = job.contender, job.contender.parent
    if job.mode is Origin.UPDATE and version and job.before and can_continue(training_set, version, job.before):
        fresh = training_set.rows.after(version.last_batch)  # more than the newest batch where others were not learned
        model = update_model(job.before, fresh.features, fresh.target, training_set.seed, training_set.threads)
        origin, updates = Origin.UPDATE, version.updates + 1
        seconds = time.perf_counter() - started
        fit_metrics = measure_updated(training_set, model, version.first_batch, job.threshold.least)
    else:
        prepared = training_set.prepare(contender.candidate, training_set.rows)
        model = training_set.fit_prepared(training_set.find_params(contender.candidate, training_set.rows), prepared)
        origin, updates = Origin.REFIT if version else contender.origin, 0
        seconds = time.perf_counter() - started
        fit_metrics = measure_fitted(training_set, model, prepared, job.threshold.least)
    newest = training_set.rows.last(1).features
    golden = make_golden_parts(model, newest, training_set.seed)  # predicts before the clock runs
    return FitResult(
        candidate=model.candidate,
        parts=model.with_threshold(job.threshold.least).dump() | golden,
        threshold=job.threshold,
        origin=origin,
        updates=updates,
        fit_seconds=seconds,
        inputs=model.features,
        predict_us=measure_predict_us(model, newest),
        environment=describe_environment(),
        anatomy=dissect(model),
        fit_metrics=fit_metrics,
    )


def measure_fitted(training_set: TrainingSet, model: Model, learned: PreparedRows, threshold: float) -> FitMetrics:
    """Return what a model's predictions are worth on a sample of the very rows, as encoded, that it was fitted on.

    Of a masked model these are the rows before their masked copies.
    """
    drawn = _draw(training_set, np.arange(len(learned.table) // (2 if model.candidate.masked else 1)))
    predicted = model.predict_encoded(learned.table.take(drawn))
    return measure_fit(training_set.task, learned.target[drawn], predicted, threshold)


def measure_updated(training_set: TrainingSet, model: Model, first_batch: int, threshold: float) -> FitMetrics:
    """Return what a continued model's predictions are worth on a sample of all rows that it has learned by now."""
    drawn = _draw(training_set, np.flatnonzero(training_set.rows.batches >= first_batch))
    rows = training_set.rows.take(drawn)
    return measure_fit(training_set.task, rows.target, model.predict(rows.features), threshold)


def _draw(training_set: TrainingSet, learned: np.ndarray) -> np.ndarray:
    return np.sort(random_generator(training_set.seed, "exam").permutation(learned)[:MEASURED_ROWS])


def can_continue(training_set: TrainingSet, version: Version, model: Model) -> bool:
    """Return whether a version's model can be updated with the newest rows."""
    same_ground = model.classes == training_set.classes and model.features == tuple(training_set.rows.covered.columns)
    plain = not version.candidate.treatment
    return get_family(version.family).can_update and plain and version.updates < MAX_UPDATES and same_ground


def plan_refits(
    config: Config,
    active: Sequence[Contender],
    models: Mapping[str, Model],
    modes: Mapping[str, Origin],
    past: PredictionHistory,
) -> list[RefitJob]:
    """Return how every active contender goes on; those that stay as they are have no job.

    ``past`` is what they predicted before they learned it, by which thresholds are tuned.
    """
    jobs = []
    for contender in active:
        mode = modes.get(contender.line, Origin.REFIT)
        if mode is not Origin.KEPT and not contender.is_recalled:
            threshold = tune_line(config, past, contender.line)
            jobs.append(RefitJob(contender, models.get(contender.line), mode, threshold))
    # Neighbours that read rows alike share their encoding.
    return sorted(jobs, key=lambda one: (one.contender.candidate.variant, one.contender.candidate.treatment))


def plan_other_refits(
    training_set: TrainingSet,
    jobs: Sequence[RefitJob],
    trained: Mapping[str, FitResult | None],
    turn: Sequence[Contender],
) -> list[RefitJob]:
    """Return jobs for contenders whose ``turn`` it is, in the retrain mode that they did not take but could have."""
    lines = {contender.line for contender in turn}
    others = []
    for job in jobs:
        contender, done = job.contender, trained.get(job.contender.line)
        parent, before = contender.parent, job.before
        if contender.line in lines and done and before and parent and can_continue(training_set, parent, before):
            other = Origin.REFIT if done.origin is Origin.UPDATE else Origin.UPDATE
            others.append(replace(job, mode=other))
    return others


def refit_all(
    crew: Crew[TrainingSet], jobs: Sequence[RefitJob], allow: Allowance | None = None
) -> dict[str, FitResult | None]:
    """Let contenders learn the newest rows, by line; None is one that fails to, and who has to wait is left out."""
    parents = [job.contender.parent for job in jobs if job.contender.parent]
    trained = crew.map(try_to_refit, jobs, allow, expect_seconds([job.contender.candidate for job in jobs], parents))
    return {job.contender.line: done for job, done in zip(jobs, trained, strict=False)}


def put_first(jobs: Sequence[RefitJob], lines: Collection[str]) -> list[RefitJob]:
    """Return the jobs with those of some lines first, then those that have waited longest, and newcomers last."""

    def rank(job: RefitJob) -> tuple[bool, bool, int]:
        parent = job.contender.parent
        return job.contender.line not in lines, parent is None, parent.last_batch if parent else 0

    return sorted(jobs, key=rank)


def try_to_refit(training_set: TrainingSet, job: RefitJob) -> FitResult | None:
    """Return a contender's model that has learned the newest rows; None where it cannot be fitted."""
    try:
        return refit(training_set, job)
    except Exception as error:  # a fit may fail in any library; an older version still serves
        log.warning("the model %s could not learn the newest batch: %s", job.contender.line, error)
        return None
