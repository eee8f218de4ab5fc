"""The regret ledger: once labels of served rows arrive, what their answers cost beside the other lines'.

An update settles what it has labels of, whoever brought them: every line of the generation that served is held against
what was answered. Many small requests to a generation make one entry, from a sample of their rows.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import read_rows
from common.metrics import compute_row_losses
from common.sampling import spread_rows
from common.schema import Schema
from common.state import State
from meta.estimation.estimator import Estimate
from meta.records import CLEAN_ROWS, predict_outputs
from meta.tables import decisions_table, regrets_table
from model_zoo.readings import Readings
from pipeline.estimates import grade
from pipeline.late_rows import LateRows
from pipeline.preparation.features import engineer_features
from registry.versions import ModelShelf, Version

log = logging.getLogger(__name__)

LEAST_OWN = 50
"""Labelled rows from which on a request has an entry of its own."""
LABELLED_SHARE = 0.5
"""An estimate speaks of all rows of its request: with fewer labels than this share it is not graded."""


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Labelled rows of one generation with what its versions predict for them; ``features`` are those of all rows.

    outputs: by version, (n_rows, n_outputs); rivals: the same of rivals, NaN where they did not score
    a row when it was served
    """

    rows: LateRows
    features: pd.DataFrame
    outputs: Mapping[str, np.ndarray]
    rivals: Mapping[str, np.ndarray]

    @property
    def by_line(self) -> dict[str, np.ndarray]:
        """Outputs by line of the generation that served."""
        lines = {version.id: version.line for version in self.rows.generation.versions}
        return {lines[version]: outputs for version, outputs in self.outputs.items()}


def judge_rows(config: Config, shelf: ModelShelf, schema: Schema, rows: LateRows) -> JudgedRows:
    """Return labelled rows with what the versions of their generation predict: those of big requests, a sample of the
    others, and a sample of those that came late.
    """
    big = np.isin(rows.requests, list(find_big(rows)))
    small, late = np.flatnonzero(~big), np.flatnonzero(rows.late)
    chosen = [np.flatnonzero(big), *(those[spread_rows(len(those), CLEAN_ROWS)] for those in (small, late))]
    kept = rows.take(np.unique(np.concatenate(chosen)).astype(int))
    features = engineer_features(kept.answered.inputs, schema, config.features)
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
    rivals = {one.id: known[one.id] for one in kept.generation.rivals if one.id in known}
    return JudgedRows(kept, features, outputs, rivals)


def find_big(rows: LateRows) -> set[str]:
    """Return the requests with enough labelled rows for an entry of their own."""
    requests, counts = np.unique(rows.requests.astype(str), return_counts=True)
    return set(requests[counts >= LEAST_OWN].tolist())


def predict_version(shelf: ModelShelf, version: Version, readings: Readings, schema: Schema) -> np.ndarray | None:
    """Return what a version predicts; None where it cannot, of which it is told."""
    try:
        model = shelf.load(version)
        return predict_outputs(model, readings.of(model), schema.classes)
    except Exception as error:  # a version may fail in any library; the ledger goes on without it
        log.warning("version %s has no regret of what it served: %s", version.id, error)
        return None


def list_regrets(state: State, schema: Schema, batch: int, judged: Sequence[JudgedRows]) -> list[dict[str, Any]]:
    """Return the rows of the regrets table: one a big request, and one a generation for all its small ones."""
    ledger = read_rows(state.engine, sa.select(regrets_table)) if judged else []
    entries: list[dict[str, Any]] = []
    for one in judged:
        big = find_big(one.rows)
        small = np.array([request not in big for request in one.rows.requests], dtype=bool)
        groups = {request: one.rows.requests == request for request in sorted(big)}
        groups |= {f"generation {one.rows.generation.number}": small} if small.any() else {}
        for name, rows in groups.items():
            regret = compute_regret(schema, one, np.flatnonzero(rows)) | {"decision": name, "batch": batch}
            entries.append(regret | {"single_best": find_single_best([*ledger, *entries], regret)})
    return entries


def compute_regret(schema: Schema, judged: JudgedRows, rows: np.ndarray) -> dict[str, Any]:
    """Return the losses on some rows of what served and of every version that was active then."""
    target, task = judged.rows.target[rows], schema.task

    def lose(outputs: np.ndarray) -> np.ndarray:
        return compute_row_losses(task, target, outputs[rows] if task.is_classification else outputs[rows, 0])

    served = lose(judged.rows.answered.outputs)
    by_version = {version: lose(outputs) for version, outputs in judged.outputs.items()}
    champion = served.copy()
    for version, losses in by_version.items():
        of_version = judged.rows.champions[rows] == version
        champion[of_version] = losses[of_version]
    lines = {version.id: version.line for version in judged.rows.generation.versions}
    losses_by_line = {lines[version]: float(losses.mean()) for version, losses in by_version.items()}
    return {
        "rows": len(rows),
        "served": float(served.mean()),
        "champion": float(champion.mean()),
        "oracle": min(losses_by_line.values(), default=float(served.mean())),
        "losses": losses_by_line,
        "requests": len(set(judged.rows.requests[rows].tolist())),
    }


def grade_decisions(state: State, schema: Schema, batch: int, judged: Sequence[JudgedRows]) -> list[dict[str, Any]]:
    """Return the grades of the estimates of big requests, as far as half of their rows have labels."""
    graded: list[dict[str, Any]] = []
    for one in judged:
        for request in sorted(find_big(one.rows)):
            rows = np.flatnonzero(one.rows.requests == request)
            query = sa.select(decisions_table.c.estimate, decisions_table.c.kept_rows)
            (decision,) = read_rows(state.engine, query.where(decisions_table.c.id == request))
            if decision["estimate"] and len(rows) >= LABELLED_SHARE * decision["kept_rows"]:
                made = Estimate.from_json(decision["estimate"])
                served = one.rows.answered.outputs[rows]
                graded += grade(made, batch, request, schema.task, one.rows.target[rows], served)
    return graded


def find_single_best(ledger: Sequence[Mapping[str, Any]], regret: Mapping[str, Any]) -> float | None:
    """Return this request's loss of the line that is best over all labelled requests so far, this one included.

    Lines are compared with the champion on the requests that they have a loss of.
    """
    apart: dict[str, list[tuple[float, int]]] = {}
    for entry in [*ledger, regret]:
        for line, loss in entry["losses"].items():
            apart.setdefault(line, []).append((loss - entry["champion"], entry["rows"]))
    means = {line: float(np.average([loss for loss, _ in known], weights=[rows for _, rows in known]))
             for line, known in apart.items() if line in regret["losses"]}  # fmt: skip
    return regret["losses"][min(means, key=lambda line: means[line])] if means else None
