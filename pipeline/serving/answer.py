"""Answering a request: the members of the serving model are mixed, and one that fails drops out."""

import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.errors import StateError
from pointsman.common.metrics import decide_answers
from pointsman.common.schema import Schema
from pointsman.common.workers import map_in_threads
from pointsman.meta.flags import RowKind
from pointsman.meta.plan import Plan
from pointsman.meta.records import predict_outputs
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.readings import Readings
from pointsman.registry.versions import Version

log = logging.getLogger(__name__)

FAILED = "fallback:error"
MANY_ROWS = 5_000
"""From here on members predict beside each other; below, starting threads takes longer than it saves."""


@dataclass(frozen=True)
class Answer:
    """Predictions of all rows, the decided labels, and which model answered each row and why.

    outputs:  (n_rows, n_classes) probabilities or (n_rows, 1) numbers
    kinds:    (n_rows,) the RowKind of each row
    versions: (n_rows,) the registered model that answered a row: the one that serves, or a last resort
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


@dataclass(frozen=True)
class Answerers:
    """Who may answer: versions by model name, what loads them, and the models to ask where all others fail."""

    by_line: Mapping[str, Version]
    load: Callable[[Version], Model]
    last_resorts: Sequence[str]


def answer_request(readings: Readings, kinds: np.ndarray, plan: Plan, answerers: Answerers, schema: Schema) -> Answer:
    """Return the answer of the plan's model for rows of the given kinds (n_rows,).

    A member that fails drops out and the others are reweighted, which the rows' reason tells; rows that lose all their
    members go to the first of the last resorts that can answer. Every row's label is decided by the threshold of the
    model that answered it.
    Raises StateError where rows are left that nothing could answer.
    """
    mixture = Mixture(readings, len(kinds), answerers, schema)
    served = answerers.by_line[plan.model]
    # Every row counts as answered by what serves until a last resort takes it over below.
    versions, limits = np.full(len(kinds), served.id, dtype=object), np.full(len(kinds), served.threshold)
    reasons = np.array(plan.reasons, dtype=object)[kinds]
    mixture.add([(answerers.by_line[line], weigh_rows(plan.weights, line, kinds)) for line in plan.lines])
    reasons[mixture.lost] = FAILED  # the ensemble answers them, but not as it would have
    for line in answerers.last_resorts:
        unanswered = mixture.unanswered
        if not unanswered.any():
            break
        version = answerers.by_line[line]
        # What failed as a member would fail again.
        if version.id not in mixture.failures:
            versions[unanswered], limits[unanswered], reasons[unanswered] = version.id, version.threshold, FAILED
            mixture.add([(version, unanswered.astype(float))])
    if mixture.unanswered.any():
        raise StateError(
            f"Of the active versions, no version could answer {mixture.unanswered.sum()} rows; the log names each "
            "failure."
        )
    # Weights of members that failed are missing from the total, so the division reweights the others.
    outputs = mixture.outputs / mixture.total[:, None]
    decided = decide_answers(schema.task, outputs, limits)
    return Answer(outputs, decided, versions, reasons, kinds, mixture.failures)


def weigh_rows(weights: Sequence[Mapping[str, float]], member: str, kinds: np.ndarray) -> np.ndarray:
    """Return the weight of a member for each row (n_rows,), by the weights of members for each RowKind.

    >>> weigh_rows([{"a": 0.7}, {}, {"a": 1.0}], "a", np.array([2, 0, 1])).tolist()
    [1.0, 0.7, 0.0]
    """
    by_kind: np.ndarray = np.array([weights[kind].get(member, 0.0) for kind in RowKind])
    return by_kind[kinds]


class Mixture:
    """Weighted sums of what versions answer (n_rows, n_outputs), their total weight (n_rows,), and failures.

    ``lost`` are the rows (n_rows,) that a version should have answered and failed on.
    """

    def __init__(self, readings: Readings, n_rows: int, answerers: Answerers, schema: Schema) -> None:
        self.readings, self.answerers, self.classes = readings, answerers, schema.classes
        self.outputs = np.zeros((n_rows, len(schema.classes) if schema.task.is_classification else 1))
        self.total = np.zeros(n_rows)
        self.lost = np.zeros(n_rows, dtype=bool)
        self.failures: dict[str, str] = {}
        self._loading = threading.Lock()

    @property
    def unanswered(self) -> np.ndarray:
        """Which rows (n_rows,) no version has answered yet."""
        return self.total == 0

    def add(self, weighted: Sequence[tuple[Version, np.ndarray]]) -> None:
        """Add versions' answers to rows, each with its weights (n_rows,); where one fails, the others go on without it.

        They are added in their order, however they were computed: a sum in another order has other last digits.
        """
        asked = [(version, weights, np.flatnonzero(weights > 0)) for version, weights in weighted]
        asked = [part for part in asked if len(part[2])]
        threads = 1 if len(self.total) < MANY_ROWS else None
        answers = map_in_threads(lambda part: self._ask(part[0], part[2]), asked, threads)
        for (version, weights, rows), predicted in zip(asked, answers, strict=True):
            if isinstance(predicted, Exception):
                self.lost[rows] = True
                self.failures[version.id] = f"{type(predicted).__name__}: {predicted}"
                log.warning("version %s failed on %d rows and drops out: %s", version.id, len(rows), predicted)
                continue
            self.outputs[rows] += weights[rows, None] * predicted
            self.total[rows] += weights[rows]

    def _ask(self, version: Version, rows: np.ndarray) -> np.ndarray | Exception:
        """Return a version's answers to some rows, or whatever it died of: the request is answered by the others."""
        try:
            with self._loading:
                model = self.answerers.load(version)
            table = self.readings.of(model)
            return predict_outputs(model, table if len(rows) == len(self.total) else table.take(rows), self.classes)
        except Exception as error:
            return error


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
    """Return the suffix for names that makes all of them free: '' or the first of '_2', '_3', ... that does.

    >>> find_suffix({"age"}, ["predict"]), find_suffix({"predict", "predict_id_2"}, ["predict", "predict_id"])
    ('', '_3')
    """
    suffixes = itertools.chain([""], (f"_{number}" for number in itertools.count(2)))
    return next(suffix for suffix in suffixes if not any(f"{name}{suffix}" in taken for name in names))


def present_answer(answer: Answer, schema: Schema) -> dict[str, np.ndarray]:
    """Return the columns that an answer adds to its rows, each (n_rows,): ``predict``, probabilities, model and reason.

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
