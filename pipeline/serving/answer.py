"""Answering a request along its plan: members are mixed, one that fails drops out, and never is there no answer."""

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from common.errors import StateError
from common.metrics import decide_classes
from common.schema import Schema
from meta.flags import RowKind
from meta.plan import Plan
from meta.records import predict_outputs
from model_zoo.model import Model
from model_zoo.readings import Readings
from registry.versions import Version

log = logging.getLogger(__name__)

FAILED = "fallback:error"


@dataclass(frozen=True)
class Answer:
    """Predictions of all rows, decided labels, and by whom and why.

    outputs:  (n_rows, n_classes) probabilities or (n_rows, 1) numbers
    kinds:    (n_rows,) the RowKind of each row
    versions: (n_rows,) the version with the most weight in a row's answer
    failures: by version that failed, its error
    """

    outputs: np.ndarray
    decided: np.ndarray
    versions: np.ndarray
    reasons: np.ndarray
    kinds: np.ndarray
    failures: Mapping[str, str]

    def count_served(self) -> dict[str, int]:
        """Return the number of rows by 'version/reason'."""
        pairs = Counter(f"{version}/{reason}" for version, reason in zip(self.versions, self.reasons, strict=True))
        return dict(sorted(pairs.items()))


def answer_request(
    readings: Readings,
    kinds: np.ndarray,
    plan: Plan,
    by_line: Mapping[str, Version],
    last_resorts: Sequence[str],
    load: Callable[[Version], Model],
    schema: Schema,
    threshold: float,
) -> Answer:
    """Mix the plan's members for rows of each kind (n_rows,).

    A member that fails drops out and the others are reweighted; rows that lose all their members go to the first of
    ``last_resorts`` that can answer. ``threshold`` is for mixtures; a version that answers alone uses its own.
    """
    n_rows = len(kinds)
    outputs = np.zeros((n_rows, len(schema.classes) if schema.task.is_classification else 1))
    total, heaviest, thresholds = np.zeros(n_rows), np.zeros(n_rows), np.full(n_rows, np.nan)
    versions, members = np.full(n_rows, "", dtype=object), np.zeros(n_rows, dtype=int)
    reasons = np.array(plan.reasons, dtype=object)[kinds]
    failures: dict[str, str] = {}

    def add(line: str, weights: np.ndarray) -> None:
        rows = np.flatnonzero(weights > 0)
        if not len(rows):
            return
        version = by_line[line]
        try:
            model = load(version)
            table = readings.of(model)
            predicted = predict_outputs(model, table if len(rows) == n_rows else table.take(rows), schema.classes)
        except Exception as error:  # whatever a version dies of, the request is answered by the others
            failures[version.id] = f"{type(error).__name__}: {error}"
            log.warning("version %s failed on %d rows and drops out: %s", version.id, len(rows), error)
            return
        own = weights[rows]
        outputs[rows] += own[:, None] * predicted
        total[rows] += own
        members[rows] += 1
        leads = rows[own > heaviest[rows]]
        heaviest[leads] = weights[leads]
        versions[leads], thresholds[leads] = version.id, model.threshold

    for line in plan.lines:
        add(line, np.array([plan.weights[kind].get(line, 0.0) for kind in RowKind])[kinds])
    for line in last_resorts:
        unanswered = total == 0
        if not unanswered.any():
            break
        if by_line[line].id not in failures:
            reasons[unanswered] = FAILED
            add(line, unanswered.astype(float))
    if (total == 0).any():
        raise StateError(
            f"Of the active versions, no version could answer {(total == 0).sum()} rows; the log names each failure."
        )
    outputs /= total[:, None]
    if not schema.task.is_classification:
        return Answer(outputs, outputs[:, 0], versions, reasons, kinds, failures)
    decided = np.zeros(n_rows, dtype=int)
    limits = np.where(members > 1, threshold, thresholds)
    for limit in np.unique(limits):
        decided[limits == limit] = decide_classes(schema.task, outputs[limits == limit], float(limit))
    return Answer(outputs, decided, versions, reasons, kinds, failures)


def add_answer(
    request: pd.DataFrame, answer: Answer, schema: Schema, more: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the request with ``predict`` and the other answer columns behind its own, rows and order as they were.

    ``more`` are columns (n_rows,) behind those of the answer. Where the request has a column of one of these names,
    which stays as it is, all of them get the same suffix.
    """
    columns = present_answer(answer, schema) | dict(more or {})
    suffix = find_suffix(set(request.columns), columns)
    answered = pd.DataFrame({f"{name}{suffix}": cells for name, cells in columns.items()}, index=request.index)
    return pd.concat([request, answered], axis=1)


def find_suffix(taken: Collection[str], names: Collection[str]) -> str:
    """Return what makes names free: '' or the first of '_2', '_3', ... with which none of them is taken.

    >>> find_suffix({"age"}, ["predict"]), find_suffix({"predict", "predict_id_2"}, ["predict", "predict_id"])
    ('', '_3')
    """
    suffixes = itertools.chain([""], (f"_{number}" for number in itertools.count(2)))
    return next(suffix for suffix in suffixes if not any(f"{name}{suffix}" in taken for name in names))


def present_answer(answer: Answer, schema: Schema) -> dict[str, np.ndarray]:
    """Return the columns that an answer adds to its rows, each (n_rows,): ``predict``, probabilities, by whom and why.

    Labels that are numbers are shown as numbers. ``predict_proba`` is the probability of ``predict_positive``.
    """
    named = {"predict_model": answer.versions, "predict_reason": answer.reasons}
    if not schema.task.is_classification:
        return {"predict": answer.decided, **named}
    predicted = show_labels(schema.classes)[answer.decided.astype(int)]
    if len(schema.classes) == 2:
        positive = np.full(len(predicted), show_labels(schema.classes)[1])
        return {"predict": predicted, "predict_proba": answer.outputs[:, 1], "predict_positive": positive, **named}
    shares = {f"predict_proba_{label}": answer.outputs[:, code] for code, label in enumerate(schema.classes)}
    return {"predict": predicted, **shares, **named}


def show_labels(classes: Sequence[str]) -> np.ndarray:
    """Return labels as users wrote them: as numbers where all of them are.

    >>> show_labels(["0", "1"]), show_labels(["0", "x"])
    (array([0, 1]), array(['0', 'x'], dtype=object))
    """
    try:
        numbers = np.array([float(label) for label in classes])
    except ValueError:
        return np.array(classes, dtype=object)
    if not np.isfinite(numbers).all():
        return np.array(classes, dtype=object)
    return numbers.astype("int64") if (numbers == numbers.round()).all() else numbers
