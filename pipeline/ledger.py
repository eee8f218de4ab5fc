"""The regret ledger: once labels of a served request arrive, what its answer cost beside the other lines'.

Rows find their labels by their inputs: at inference a digest of each row's inputs is kept with its answer, and an
update looks for the same inputs among its labelled rows. Inputs that occur twice tell nothing and are left out.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.database import read_rows
from common.metrics import compute_row_losses
from common.records import LabelledBatch
from common.sampling import spread_rows
from common.schema import Schema
from common.state import State
from common.task import Task
from meta.estimation.estimator import Estimate
from meta.records import predict_outputs
from meta.tables import decisions_table, regrets_table
from model_zoo.arrays import dump_arrays, load_arrays
from model_zoo.model import align_classes
from pipeline.estimates import grade
from pipeline.preparation.features import engineer_features
from registry.generations import load_generation
from registry.versions import load_model

log = logging.getLogger(__name__)

NEWEST_DECISIONS = 200
"""Requests whose labels an update still looks for."""
LABELLED_SHARE = 0.5
"""An estimate speaks of all rows of its request: with fewer labels than this share it is not graded."""


def compute_keys(inputs: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return a digest (n_rows,) uint64 of each row's cells in some columns of typed, cleaned inputs."""
    table = inputs[list(columns)]
    return pd.util.hash_pandas_object(table.astype(dict.fromkeys(_text(table), "object")), index=False).to_numpy()


def _text(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table if pd.api.types.is_string_dtype(table[name])]


def save_answered_rows(
    state: State, inputs: pd.DataFrame, columns: Sequence[str], outputs: np.ndarray, most: int
) -> str | None:
    """Store digests and answers of at most ``most`` rows, evenly spread, and return the file's name."""
    if not most or not columns:
        return None
    rows = spread_rows(len(inputs), most)
    arrays = {"keys": compute_keys(inputs.iloc[rows], columns), "outputs": outputs[rows].astype(np.float32)}
    return state.files.save(dump_arrays(**arrays), ".npz")


def settle_requests(
    config: Config, state: State, schema: Schema, batch: LabelledBatch
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of the regrets and estimates tables for every served request that this batch brings labels of."""
    newest = (
        sa.select(decisions_table)
        .where(decisions_table.c.rows_file.is_not(None), decisions_table.c.first_row.is_(None))
        .order_by(decisions_table.c.created_at.desc(), decisions_table.c.id)
        .limit(NEWEST_DECISIONS)
    )
    decisions = read_rows(state.engine, newest)
    ledger = read_rows(state.engine, sa.select(regrets_table)) if decisions else []
    keys_of: dict[tuple[str, ...], np.ndarray] = {}
    settled: list[dict[str, Any]] = []
    graded: list[dict[str, Any]] = []
    for decision in reversed(decisions):
        columns = tuple(decision["key_columns"])
        if columns not in keys_of:
            keys_of[columns] = compute_keys(batch.inputs, columns)
        stored = state.files.load_if_sound(decision["rows_file"])
        if stored is None:
            continue
        answered = load_arrays(stored)
        in_batch, in_request = match_unique(keys_of[columns], answered["keys"])
        if len(in_batch):
            served = answered["outputs"][in_request]
            regret = compute_regret(config, state, schema, decision, batch, in_batch, served)
            if len(in_batch) >= LABELLED_SHARE * len(answered["keys"]):
                graded += grade_decision(state, schema, decision, batch, in_batch, served)
            settled.append(regret | {"single_best": find_single_best([*ledger, *settled], regret)})
    if settled:
        log.info("batch %d brought labels of %d served requests", batch.number, len(settled))
    return settled, graded


def grade_decision(
    state: State,
    schema: Schema,
    decision: Mapping[str, Any],
    batch: LabelledBatch,
    rows: np.ndarray,
    served: np.ndarray,
) -> list[dict[str, Any]]:
    """Return the grades of a decision's estimate by its labelled rows."""
    if not decision["estimate"]:
        return []
    if schema.task.is_classification:
        known = load_generation(state, decision["generation"]).schema
        assert known is not None
        served = align_classes(served, known.classes, schema.classes)
    made = Estimate.from_json(decision["estimate"])
    return grade(made, batch.number, decision["id"], schema.task, batch.target[rows], served)


def match_unique(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions in both of keys that occur exactly once in each.

    >>> match_unique(np.array([5, 7, 7, 9]), np.array([9, 7, 5]))
    (array([0, 3]), array([2, 0]))
    """
    once = [keys[counts == 1] for keys, counts in (np.unique(side, return_counts=True) for side in (left, right))]
    _, first, second = np.intersect1d(left, right, return_indices=True)
    keep = np.isin(left[first], once[0]) & np.isin(left[first], once[1])
    return first[keep], second[keep]


def compute_regret(
    config: Config,
    state: State,
    schema: Schema,
    decision: Mapping[str, Any],
    batch: LabelledBatch,
    rows: np.ndarray,
    served: np.ndarray,
) -> dict[str, Any]:
    """Return the losses on matched rows of what served and of every version that was active then."""
    generation = load_generation(state, decision["generation"])
    assert generation.schema is not None
    features = engineer_features(batch.inputs.iloc[rows].reset_index(drop=True), schema, config.features)
    target, task = batch.target[rows], schema.task
    if task.is_classification:
        served = align_classes(served, generation.schema.classes, schema.classes)
    losses = {}
    for version in generation.versions:
        try:
            outputs = predict_outputs(load_model(state.files, version), features, schema.classes)
        except Exception as error:  # a version may fail in any library; the ledger goes on without it
            log.warning("version %s has no regret of request %s: %s", version.id, decision["id"], error)
            continue
        losses[version.line] = _mean_loss(task, target, outputs)
    champion = next((version.line for version in generation.versions if version.id == decision["champion"]), "")
    own = _mean_loss(task, target, served)
    return {
        "decision": decision["id"],
        "batch": batch.number,
        "rows": len(rows),
        "served": own,
        "champion": losses.get(champion, own),
        "oracle": min(losses.values(), default=own),
        "losses": losses,
    }


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


def _mean_loss(task: Task, target: np.ndarray, outputs: np.ndarray) -> float:
    return float(compute_row_losses(task, target, outputs if task.is_classification else outputs[:, 0]).mean())
