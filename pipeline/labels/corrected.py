"""Labels that were corrected after an update had taken them: what the ledger and graded estimates are by now.

The entry of then stays where the generation of then wrote it, so that a rollback finds it. Beside it stands what it is
now, which readers take in its place. Only the corrected rows are judged again: an entry holds means, so the difference
that they make is enough. Of an entry that rests on a sample a corrected row counts as one of the sample.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.meta.estimation.estimator import Estimate
from pointsman.meta.performance_estimates import grade
from pointsman.meta.tables import estimates_table
from pointsman.pipeline.labels.late_rows import align_answered
from pointsman.pipeline.labels.matching import MatchedRows, read_targets
from pointsman.pipeline.labels.queries import load_counted, load_estimate, load_regrets, load_request
from pointsman.pipeline.labels.regret import LABELLED_SHARE, JudgedRows, SingleBest, compute_row_regrets, name_shared
from pointsman.pipeline.labels.served_rows import load_answered
from pointsman.registry.generations import load_generation


def correct_regrets(state: State, schema: Schema, batch: int, judged: Sequence[JudgedRows]) -> list[dict[str, Any]]:
    """Return the rows of the corrected_regrets table: each entry with corrected rows, as it is now."""
    if not any(one.rows.is_correction.any() for one in judged):
        return []
    entries = {(entry["decision"], entry["batch"]): entry for entry in load_regrets(state)}
    changed = set()
    for one in judged:
        for key, rows in find_entries(one, entries).items():
            entries[key] = correct_entry(schema, one, rows, entries[key])
            changed.add(key)
    so_far = SingleBest()
    for entry in entries.values():
        so_far.add(entry)
    columns = ("decision", "batch", "rows", "served", "champion", "oracle", "losses", "requests")
    return [
        {name: entries[key][name] for name in columns} | {"by_batch": batch, "single_best": so_far.find(entries[key])}
        for key in sorted(changed)
    ]


def find_entries(judged: JudgedRows, entries: Any) -> dict[tuple[str, int], np.ndarray]:
    """Return, by decision and batch of the entry that has them, the corrected rows (n_rows,) of one generation."""
    found: dict[tuple[str, int], list[int]] = {}
    for row in np.flatnonzero(judged.rows.is_correction).tolist():
        taken_with = int(judged.rows.taken_with[row])
        own, shared = (str(judged.rows.requests[row]), taken_with), (name_shared(judged), taken_with)
        if key := next((key for key in (own, shared) if key in entries), None):
            found.setdefault(key, []).append(row)
    return {key: np.array(rows) for key, rows in found.items()}


def correct_entry(schema: Schema, judged: JudgedRows, rows: np.ndarray, entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of the ledger with the new labels of some of its rows in the place of the former ones."""
    now = compute_row_regrets(schema, judged, rows, judged.rows.target[rows])
    then = compute_row_regrets(schema, judged, rows, judged.rows.former[rows])

    def change(mean: float, new: np.ndarray, old: np.ndarray) -> float:
        return max(0.0, mean + float((new - old).sum()) / entry["rows"])

    losses = {
        line: change(mean, now.by_line[line], then.by_line[line])
        for line, mean in entry["losses"].items()
        if line in now.by_line
    }
    served = change(entry["served"], now.served, then.served)
    return entry | {
        "served": served,
        "champion": change(entry["champion"], now.champion, then.champion),
        "oracle": min(losses.values(), default=served),
        "losses": losses,
    }


def correct_estimates(state: State, schema: Schema, batch: int, found: MatchedRows) -> list[dict[str, Any]]:
    """Return the rows of the corrected_estimates table: graded estimates of requests with corrected labels, as now.

    They are graded again by all labels by id that the ledger has of the request, where there are enough of them.
    """
    corrected = found.table[found.table["former"].notna()]
    graded: list[dict[str, Any]] = []
    for request in sorted(set(corrected["request"].tolist())):
        then = read_rows(state.engine, sa.select(estimates_table).where(estimates_table.c.request == request))
        estimate, kept_rows = load_estimate(state, request)
        if not then or not estimate:
            continue
        new = found.table[found.table["request"] == request]
        target, outputs = load_judged(state, schema, request, new)
        if len(target) >= LABELLED_SHARE * kept_rows:
            made = Estimate.from_json(estimate)
            rows = grade(made, max(row["batch"] for row in then), request, schema.task, target, outputs)
            graded += [row | {"by_batch": batch} for row in rows]
    return graded


def load_judged(state: State, schema: Schema, request: str, new: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return target (n_rows,) and answered outputs of a request's rows that have labels, ``new`` or of before."""
    labels = {row[1]: label for row, (label, _) in load_counted(state, [request]).items()}
    read = read_targets(pd.Series(list(labels.values()), dtype="object"), schema)
    targets = dict(zip(labels, read.tolist(), strict=True))
    targets |= dict(zip(new["position"].tolist(), new["target"].tolist(), strict=True))
    place = load_request(state, request)
    stored = load_answered(state.files, place["rows_file"], schema)
    then = load_generation(state, int(new["generation"].iloc[0])).schema
    if stored is None or then is None:
        return np.empty(0), np.empty((0, 1))
    rows = align_answered(stored, then, schema).take(
        np.arange(place["first_row"], place["first_row"] + place["kept_rows"])
    )
    target = np.array([targets.get(position, np.nan) for position in rows.positions.tolist()], dtype=float)
    known = ~np.isnan(target)
    return target[known], rows.outputs[known]
