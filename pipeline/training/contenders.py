"""From known versions and search results to contenders, and from the winners among them to final models."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.metrics import compute_row_losses
from common.task import Task
from model_zoo import get_family
from model_zoo.candidate import Candidate
from model_zoo.model import Model, align_classes, fit_model, update_model
from pipeline.training.rows import TrainingRows
from pipeline.training.search import Trial
from pipeline.training.threshold import tune_threshold
from registry.contender import FALLBACK_FAMILY, Contender, Origin
from registry.versions import Version

MAX_UPDATES = 4
"""After this many continuations a model is fitted from scratch again, so that old knowledge fades."""


@dataclass(frozen=True)
class Arena:
    """Where contenders meet: rows to learn from, and the later holdout on which all of them are judged."""

    learn: TrainingRows
    holdout: TrainingRows
    all_rows: TrainingRows
    task: Task
    classes: tuple[str, ...]
    decision: str
    seed: int
    threads: int

    def judge(
        self, name: str, origin: Origin, model: Model, parent: Version | None, updates: int, started: float
    ) -> Contender:
        """Return the model as a contender with its losses on the holdout."""
        fit_seconds = time.perf_counter() - started
        predicted = predict_classes(model, self.holdout, self.classes)
        losses = compute_row_losses(self.task, self.holdout.target, predicted)
        return Contender(name, origin, model, parent, predicted, losses, updates, fit_seconds)

    def tune(self, model: Model, target: np.ndarray, predicted: np.ndarray) -> Model:
        """Return the model with the threshold that is best on rows it had not learned from."""
        if self.task is not Task.BINARY or predicted.shape[1] != 2:
            return model
        return model.with_threshold(tune_threshold(target, predicted[:, 1], self.decision))


def predict_classes(model: Model, rows: TrainingRows, classes: Sequence[str]) -> np.ndarray:
    """Return the model's predictions, its classes in the order of ``classes``."""
    predicted = model.predict(rows.features)
    return align_classes(predicted, model.classes, classes) if model.task.is_classification else predicted


def keep_member(arena: Arena, version: Version, model: Model) -> Contender:
    """Return a version as it stands."""
    return arena.judge(version.id, Origin.KEPT, model, version, version.updates, time.perf_counter())


def refresh_member(arena: Arena, version: Version, model: Model) -> Contender:
    """Return a version carried on to the rows before the holdout: continued where its family can, or fitted anew.

    A version is fitted anew after MAX_UPDATES continuations, and where the classes or the features have changed.
    """
    started = time.perf_counter()
    same_ground = model.classes == arena.classes and model.features == tuple(arena.learn.features.columns)
    newest = arena.learn.newest()
    if get_family(version.family).can_update and version.updates < MAX_UPDATES and same_ground and len(newest):
        continued = update_model(model, newest.features, newest.target, arena.seed, arena.threads)
        return arena.judge(f"{version.id} updated", Origin.UPDATE, continued, version, version.updates + 1, started)
    refitted = fit_model(
        model.candidate, arena.learn.features, arena.learn.target, arena.task, arena.classes, arena.seed, arena.threads
    ).with_threshold(model.threshold)
    return arena.judge(f"{version.id} refitted", Origin.REFIT, refitted, version, 0, started)


def enter_trial(arena: Arena, trial: Trial, validated_target: np.ndarray) -> Contender:
    """Return a finalist of the search fitted on all rows before the holdout, its threshold tuned on the folds."""
    started = time.perf_counter()
    learn = arena.learn
    model = fit_model(
        trial.candidate, learn.features, learn.target, arena.task, arena.classes, arena.seed, arena.threads
    )
    if trial.out_of_fold is not None:
        model = arena.tune(model, validated_target, trial.out_of_fold)
    return arena.judge(f"trial-{trial.number}", Origin.SEARCH, model, None, 0, started)


def enter_fallback(arena: Arena, members: Sequence[Version]) -> list[Contender]:
    """Return the prior as a contender where no active version is one: something must be able to answer anything."""
    if any(version.family == FALLBACK_FAMILY for version in members):
        return []
    started = time.perf_counter()
    candidate = Candidate(FALLBACK_FAMILY, get_family(FALLBACK_FAMILY).variants[0])
    learn = arena.learn
    model = fit_model(candidate, learn.features, learn.target, arena.task, arena.classes, arena.seed, arena.threads)
    return [arena.judge(FALLBACK_FAMILY, Origin.SEARCH, model, None, 0, started)]


def finish(arena: Arena, contender: Contender) -> tuple[Model, float]:
    """Return a winner that has also learned the holdout, and the seconds its fits took. Kept versions stay as they are.

    The threshold stays the one tuned before; only a model without one from the folds takes it from the holdout.
    """
    if contender.origin is Origin.KEPT:
        return contender.model, 0.0
    started = time.perf_counter()
    if contender.origin is Origin.UPDATE:
        rest = arena.all_rows.take(np.arange(len(arena.learn), len(arena.all_rows)))
        model = update_model(contender.model, rest.features, rest.target, arena.seed, arena.threads)
    else:
        rows = arena.all_rows
        model = fit_model(
            contender.model.candidate, rows.features, rows.target, arena.task, arena.classes, arena.seed, arena.threads
        )
    model = replace(model, threshold=contender.model.threshold)
    return model, contender.fit_seconds + time.perf_counter() - started
