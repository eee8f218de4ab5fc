"""The regret ledger: once labels of served rows arrive, what the answers lost beside what other models would have.

Every update enters the rows it has labels of: each model of the generation that served is compared with what was
answered. Many small requests to a generation make one entry, from a sample of their rows.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.metrics import compute_row_losses
from pointsman.common.sampling import spread_rows
from pointsman.common.schema import Schema
from pointsman.common.storage.state import State
from pointsman.meta.estimation.estimator import Estimate
from pointsman.meta.performance_estimates import grade
from pointsman.meta.records import CLEAN_ROWS, predict_outputs
from pointsman.model_zoo.readings import Readings
from pointsman.pipeline.labels.late_rows import LateRows
from pointsman.pipeline.labels.queries import load_estimate, load_regrets
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.registry.settings import load_settings
from pointsman.registry.versions import ModelShelf, Version

log = logging.getLogger(__name__)

LEAST_OWN = 50
"""A request with at least this many labelled rows has an entry of its own."""
LABELLED_SHARE = 0.5
"""An estimate is about all rows of its request: with labels for less than this share it is not graded."""


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Labelled rows of one generation with what its versions predict for them; ``features`` are those of all rows.

    outputs: by version, (n_rows, n_outputs); challengers: the same of challengers, NaN where they did not score
    a row when it was served
    """

    rows: LateRows
    features: pd.DataFrame
    outputs: Mapping[str, np.ndarray]
    challengers: Mapping[str, np.ndarray]

    @property
    def by_line(self) -> dict[str, np.ndarray]:
        """Outputs by model of the generation that served."""
        lines = {version.id: version.line for version in self.rows.generation.versions}
        return {lines[version]: outputs for version, outputs in self.outputs.items()}


def judge_rows(config: Config, state: State, shelf: ModelShelf, schema: Schema, rows: LateRows) -> JudgedRows:
    """Return labelled rows with what the versions of their generation predict: those of big requests, a sample of the
    others, of those that are evidence, and of those that are corrected.
    """
    big, small = find_big(rows.requests)
    samples = small, np.flatnonzero(rows.is_evidence), np.flatnonzero(rows.is_correction)
    chosen = [*big.values(), *(those[spread_rows(len(those), CLEAN_ROWS)] for those in samples)]
    kept = rows.take(np.unique(np.concatenate(chosen)).astype(int))
    served_by = load_settings(config, state, rows.generation)
    features = engineer_features(kept.answered.inputs, schema, served_by.features)
    readings = Readings(features)
    outputs: dict[str, np.ndarray] = {}
    for version in kept.generation.versions:
        scored = kept.answered.by_version.get(version.id)
        if scored is not None and np.isfinite(scored).all():
            outputs[version.id] = scored
        else:
            predicted = predict_version(shelf, version, readings, schema)
            outputs |= {} if predicted is None else {version.id: predicted}
    known = kept.answered.by_version
    challengers = {one.id: known[one.id] for one in kept.generation.challengers if one.id in known}
    return JudgedRows(kept, features, outputs, challengers)


def find_big(requests: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the rows of each of ``requests`` (n_rows,) that is large enough for its own entry, and all other rows.

    >>> big, others = find_big(np.array(["a", "b", *["c"] * LEAST_OWN], dtype=object))
    >>> list(big), others.tolist()
    (['c'], [0, 1])
    """
    by_request = pd.Series(requests, dtype="object").groupby(requests, sort=True).indices
    big = {str(request): np.asarray(own) for request, own in by_request.items() if len(own) >= LEAST_OWN}
    others = np.ones(len(requests), dtype=bool)
    for own in big.values():
        others[own] = False
    return big, np.flatnonzero(others)


def predict_version(shelf: ModelShelf, version: Version, readings: Readings, schema: Schema) -> np.ndarray | None:
    """Return what a version predicts; None, with a warning, where it cannot."""
    try:
        model = shelf.load(version)
        return predict_outputs(model, readings.of(model), schema.classes)
    except Exception as error:  # a version may fail in any library; the ledger goes on without it
        log.warning("version %s has no regret of what it served: %s", version.id, error)
        return None


def list_regrets(state: State, schema: Schema, batch: int, judged: Sequence[JudgedRows]) -> list[dict[str, Any]]:
    """Return the rows of the regrets table: one a big request, and one a generation for all its small ones."""
    so_far = SingleBest()
    for entry in load_regrets(state) if judged else []:
        so_far.add(entry)
    entries: list[dict[str, Any]] = []
    for one in judged:
        new = np.flatnonzero(~one.rows.is_correction)
        groups, small = find_big(one.rows.requests[new])
        groups |= {name_shared(one): small} if len(small) else {}
        for name, rows in groups.items():
            regret = compute_regret(schema, one, new[rows]) | {"decision": name, "batch": batch}
            so_far.add(regret)
            entries.append(regret | {"single_best": so_far.find(regret)})
    return entries


def name_shared(judged: JudgedRows) -> str:
    """Return the name of the entry that small requests to a generation share."""
    return f"generation {judged.rows.generation.number}"


@dataclass(frozen=True, eq=False)
class RowRegrets:
    """Losses (n_rows,) of what served, of the champion of then, and of every line that was active."""

    served: np.ndarray
    champion: np.ndarray
    by_line: Mapping[str, np.ndarray]


def compute_row_regrets(schema: Schema, judged: JudgedRows, rows: np.ndarray, target: np.ndarray) -> RowRegrets:
    """Return the losses on some rows, by their targets (n_rows,)."""

    def lose(outputs: np.ndarray) -> np.ndarray:
        return compute_row_losses(schema.task, target, outputs[rows])

    served = lose(judged.rows.answered.outputs)
    by_version = {version: lose(outputs) for version, outputs in judged.outputs.items()}
    champion = served.copy()
    for version, losses in by_version.items():
        of_version = judged.rows.champions[rows] == version
        champion[of_version] = losses[of_version]
    lines = {version.id: version.line for version in judged.rows.generation.versions}
    return RowRegrets(served, champion, {lines[version]: losses for version, losses in by_version.items()})


def compute_regret(schema: Schema, judged: JudgedRows, rows: np.ndarray) -> dict[str, Any]:
    """Return the mean losses on some rows of what served and of every version that was active then."""
    found = compute_row_regrets(schema, judged, rows, judged.rows.target[rows])
    losses_by_line = {line: float(losses.mean()) for line, losses in found.by_line.items()}
    return {
        "rows": len(rows),
        "served": float(found.served.mean()),
        "champion": float(found.champion.mean()),
        "oracle": min(losses_by_line.values(), default=float(found.served.mean())),
        "losses": losses_by_line,
        "requests": len(set(judged.rows.requests[rows].tolist())),
    }


def grade_decisions(state: State, schema: Schema, batch: int, judged: Sequence[JudgedRows]) -> list[dict[str, Any]]:
    """Return the grades of the estimates of big requests, where half of their rows have labels."""
    graded: list[dict[str, Any]] = []
    for one in judged:
        new = np.flatnonzero(~one.rows.is_correction)
        for request, of_request in find_big(one.rows.requests[new])[0].items():
            rows = new[of_request]
            estimate, kept_rows = load_estimate(state, request)
            if estimate and len(rows) >= LABELLED_SHARE * kept_rows:
                made = Estimate.from_json(estimate)
                served = one.rows.answered.outputs[rows]
                graded += grade(made, batch, request, schema.task, one.rows.target[rows], served)
    return graded


class SingleBest:
    """Finds the model that is best over all entries of the ledger so far, compared with the champion of each entry."""

    def __init__(self) -> None:
        self._apart: dict[str, tuple[float, int]] = {}

    def add(self, entry: Mapping[str, Any]) -> None:
        """Add an entry: the losses of its models, weighted by its rows."""
        for line, loss in entry["losses"].items():
            apart, rows = self._apart.get(line, (0.0, 0))
            self._apart[line] = apart + (loss - entry["champion"]) * entry["rows"], rows + entry["rows"]

    def find(self, entry: Mapping[str, Any]) -> float | None:
        """Return the loss in an entry of the model that is best so far among those in it; None where it has none."""
        means = {line: self._apart[line][0] / self._apart[line][1] for line in entry["losses"]}
        return entry["losses"][min(means, key=lambda line: means[line])] if means else None
