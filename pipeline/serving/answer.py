"""Answering a request: the chosen version, row by row the fallback where the row needs one, and never no answer."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.errors import StateError
from common.metrics import decide_classes
from common.schema import Schema
from model_zoo.model import Model, align_classes
from registry.versions import Version

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """Which line answers which rows: ``rows`` are positions; ``reason`` goes into ``predict_reason``."""

    line: str
    reason: str
    rows: np.ndarray


@dataclass(frozen=True)
class Answer:
    """Predictions of all rows: (n_rows, n_classes) or (n_rows,), decided labels, and who gave them and why."""

    predicted: np.ndarray
    decided: np.ndarray
    versions: np.ndarray
    reasons: np.ndarray

    def count_served(self) -> dict[str, int]:
        """Return the number of rows by 'version/reason'."""
        pairs = Counter(f"{version}/{reason}" for version, reason in zip(self.versions, self.reasons, strict=True))
        return dict(sorted(pairs.items()))


def plan_routes(
    n_rows: int, chosen: str, reason: str, fallbacks: Mapping[str, str], sparse: np.ndarray, anomalous: np.ndarray
) -> list[Route]:
    """Send clean rows to the chosen line, sparse rows to their fallback, and other anomalous rows to theirs."""
    clean = ~sparse & ~anomalous
    routes = [
        Route(chosen, reason, np.flatnonzero(clean)),
        Route(fallbacks["sparse"], "fallback:sparse", np.flatnonzero(sparse)),
        Route(fallbacks["anomalous"], "fallback:anomalous", np.flatnonzero(anomalous & ~sparse)),
    ]
    assert sum(len(route.rows) for route in routes) == n_rows
    return [route for route in routes if len(route.rows)]


def answer_request(
    features: pd.DataFrame,
    routes: list[Route],
    by_line: Mapping[str, Version],
    last_resorts: list[str],
    load: Callable[[Version], Model],
    schema: Schema,
) -> Answer:
    """Predict every row along its route. A version that fails hands its rows to the next of ``last_resorts``."""
    shape = (len(features), len(schema.classes)) if schema.task.is_classification else (len(features),)
    predicted = np.full(shape, np.nan)
    decided = np.zeros(len(features))
    versions = np.full(len(features), "", dtype=object)
    reasons = np.full(len(features), "", dtype=object)
    for route in routes:
        rows = features.iloc[route.rows]
        for attempt, line in enumerate(dict.fromkeys([route.line, *last_resorts])):
            try:
                model = load(by_line[line])
                predicted[route.rows] = _predict(model, rows, schema)
            except Exception as error:  # whatever a version dies of, the request is answered by the next one
                log.warning("version %s failed on %d rows: %s", by_line[line].id, len(rows), error)
                continue
            if schema.task.is_classification:
                decided[route.rows] = decide_classes(schema.task, predicted[route.rows], model.threshold)
            versions[route.rows] = by_line[line].id
            reasons[route.rows] = route.reason if attempt == 0 else "fallback:error"
            break
        else:
            raise StateError(
                f"Of the active versions, no version could answer {len(rows)} rows; the log names each one's failure."
            )
    return Answer(predicted, decided if schema.task.is_classification else predicted, versions, reasons)


def _predict(model: Model, features: pd.DataFrame, schema: Schema) -> np.ndarray:
    predicted = model.predict(features)
    if schema.task.is_classification:
        predicted = align_classes(predicted, model.classes, schema.classes)
    if not np.isfinite(predicted).all():
        raise ValueError("it predicted a number that is not finite")
    return predicted


def add_answer(request: pd.DataFrame, answer: Answer, schema: Schema) -> pd.DataFrame:
    """Return the request with ``predict`` and the other answer columns behind its own, rows and order as they were."""
    columns: dict[str, object] = {}
    if schema.task.is_classification:
        labels = pd.Series(schema.classes)
        numbers = pd.to_numeric(labels, errors="coerce")
        shown = numbers if numbers.notna().all() else labels
        if numbers.notna().all() and (numbers == numbers.round()).all():
            shown = numbers.astype("int64")
        columns["predict"] = shown.to_numpy()[answer.decided.astype(int)]
        if len(schema.classes) == 2:
            columns["predict_proba"] = answer.predicted[:, 1]
        else:
            columns |= {f"predict_proba_{label}": answer.predicted[:, code] for code, label in enumerate(labels)}
    else:
        columns["predict"] = answer.decided
    columns |= {"predict_model": answer.versions, "predict_reason": answer.reasons}
    kept = request.drop(columns=[name for name in columns if name in request])
    return pd.concat([kept, pd.DataFrame(columns, index=request.index)], axis=1)
