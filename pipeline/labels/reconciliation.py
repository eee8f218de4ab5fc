"""Reconciliation: what an update makes of the labels that came since the last one, with a batch or by row id.

Their rows enter the regret ledger. Those that are in no batch become further evidence: a live record of what each
model of the generation that served predicted for them, which it had not learned. Their losses come before the batch's
where detectors watch the champion. Which labels were taken is stored with the generation, so that a replay takes the
same ones, and after a rollback the next update takes them again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.metrics import compute_row_losses
from pointsman.common.records import LabelledBatch
from pointsman.common.sampling import spread_rows
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft, utc_now
from pointsman.common.storage.state import State
from pointsman.common.text import count
from pointsman.meta.ensembles import mix_ensembles
from pointsman.meta.label_tables import (
    batch_digests_table,
    live_records_table,
    live_repeats_table,
    settled_labels_table,
    settled_requests_table,
    settlements_table,
)
from pointsman.meta.live import LivePart, live_row, load_repeats, load_stored_live, make_live_rows
from pointsman.meta.past import MAX_BATCHES
from pointsman.meta.records import CLEAN_ROWS, OutOfSamplePredictions
from pointsman.meta.tables import corrected_estimates_table, corrected_regrets_table, estimates_table, regrets_table
from pointsman.model_zoo.reference import InputReference
from pointsman.pipeline.labels.batch_keys import RowKeys, digest_rows, save_keys
from pointsman.pipeline.labels.corrected import correct_estimates, correct_regrets
from pointsman.pipeline.labels.delay import count_maturity, summarise_delays
from pointsman.pipeline.labels.evidence_rows import describe_learned
from pointsman.pipeline.labels.late_rows import LateRows, digest_names, gather_late_rows
from pointsman.pipeline.labels.matching import MatchedRows, find_labelled, list_rows
from pointsman.pipeline.labels.outcomes import Outcome, describe_outcomes
from pointsman.pipeline.labels.queries import find_clock
from pointsman.pipeline.labels.regret import JudgedRows, grade_decisions, judge_rows, list_regrets
from pointsman.pipeline.labels.waiting import MOST_ROWS
from pointsman.registry.generations import Generation
from pointsman.registry.update_run import UpdateRun
from pointsman.registry.versions import ModelShelf

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ReconciledLabels:
    """What labels showed: rows of tables, live records, and the champion's losses on served rows.

    losses, times: (n_rows,) in order of time
    challengers:   what challengers of the live generation predicted for the rows of its own live record
    """

    rows: tuple[tuple[sa.Table, list[dict[str, Any]]], ...]
    live: tuple[LivePart, ...]
    losses: np.ndarray
    times: np.ndarray
    challengers: dict[str, np.ndarray]

    def add_to(self, draft: Draft) -> None:
        """Add all of it to the draft of the update."""
        for table, rows in self.rows:
            draft.add(table, rows)


def reconcile_labels(
    run: UpdateRun,
    schema: Schema,
    reference: InputReference | None,
    shelf: ModelShelf,
    batch: LabelledBatch,
    raw: pd.DataFrame,
    gap: str,
) -> ReconciledLabels:
    """Return what the labels show that came since the last update, with the batch or by row id.

    reference: what is normal input to the live generation; None before there is one
    raw:       the batch's rows as they came
    """
    config, state, before = run.config, run.state, run.before
    # find
    row_keys = digest_rows(config, schema, batch, raw)
    found = find_labelled(state, schema, batch, row_keys, pd.Timestamp(utc_now()))
    late = list(gather_late_rows(state, schema, found))
    # judge
    judged = [judge_rows(config, state, shelf, schema, rows) for rows in late]
    live = list_live(schema, batch.number, reference, judged) if reference else []
    losses, times = follow_champion(schema, before, judged)
    # persist
    tables = (
        (regrets_table, list_regrets(state, schema, batch.number, judged)),
        (estimates_table, grade_decisions(state, schema, batch.number, judged)),
        (corrected_regrets_table, correct_regrets(state, schema, batch.number, judged)),
        (corrected_estimates_table, correct_estimates(state, schema, batch.number, found)),
        (settled_labels_table, list_taken(found, late)),
        (settled_requests_table, count_brought(found, batch.number)),
        (live_records_table, [row_of(state, schema, one, part) for part, one, _ in live]),
        (live_repeats_table, list_repeats(state, schema, batch.number, row_keys, found)),
        (batch_digests_table, [save_keys(state, batch.number, row_keys)]),
        (settlements_table, [describe_reconciliation(state, batch, found, late) | {"gap": gap}]),
    )
    log_found(found, late, batch.number)
    # Challengers have predicted rows of the live generation alone.
    newest = next(((one, rows) for part, one, rows in live if part.served_by == before.number), None)
    challengers = {name: outputs[newest[1]] for name, outputs in newest[0].challengers.items()} if newest else {}
    return ReconciledLabels(tables, tuple(part for part, _, _ in live), losses, times, challengers)


def log_found(found: MatchedRows, late: Sequence[LateRows], batch: int) -> None:
    """Say how many labels came, and which of them do not count for everything."""
    for told in (describe_found(found, batch), describe_left(found, late)):
        if told:
            log.info("%s", told)


def describe_reconciliation(
    state: State, batch: LabelledBatch, found: MatchedRows, late: Sequence[LateRows]
) -> dict[str, Any]:
    """Return a batch's row of the settlements table, without its gap: how many labels came, and how late."""
    clock, clock_time = find_clock(state)
    table = found.table
    return {
        "batch": batch.number,
        "labels": len(found.labels),
        "rows": int((~_is_late(found)).sum()),
        "delays": summarise_delays(measure_delays(found, late, batch, clock_time)),
        "clock": clock,
        "maturity": count_maturity(table["served_at"], table["arrived_at"]) if len(table) else {},
    }


def describe_found(found: MatchedRows, batch: int) -> str:
    """Return in words how many served rows got labels, with a batch or by id; '' where none came."""
    if not len(found.table) and not found.labels:
        return ""
    by_id = int(_is_late(found).sum())
    told = (
        f"labels of {count(len(found.table), 'served row')} came: {len(found.table) - by_id} in batch {batch}, "
        f"{by_id} by id"
    )
    if not (others := describe_outcomes(found.labels.values())):
        return told
    return f"{told}; of {count(len(found.labels), 'label')} given by id, some add nothing: {others}"


def describe_left(found: MatchedRows, late: Sequence[LateRows]) -> str:
    """Return in words which labels are no evidence, or wait for the next update; '' where all were taken for it."""
    learned = describe_learned([(int((rows.late & ~rows.later).sum()), rows.learned_until) for rows in late])
    more = f"an update takes {MOST_ROWS} labels by id, and the next one goes on" * (len(found.labels) == MOST_ROWS)
    return "; ".join(filter(None, (learned, more)))


def list_taken(found: MatchedRows, late: Sequence[LateRows]) -> list[dict[str, Any]]:
    """Return the rows of the settled_labels table, in the order in which labels came."""
    learned = [number for rows in late for number in rows.numbers[rows.late & ~rows.later].tolist()]
    outcomes = {**found.labels, **dict.fromkeys(learned, Outcome.LEARNED)}
    return [
        {"label": number, "outcome": None if outcome is None else str(outcome)}
        for number, outcome in sorted(outcomes.items())
    ]


def list_live(
    schema: Schema, batch: int, reference: InputReference, judged: Sequence[JudgedRows]
) -> list[tuple[LivePart, JudgedRows, np.ndarray]]:
    """Return, by generation with late rows that are evidence, its live record, the judged rows, and which of them."""
    parts = []
    for one in judged:
        late = np.flatnonzero(one.rows.is_evidence)
        late = late[spread_rows(len(late), CLEAN_ROWS)]
        if not len(late) or not one.outputs:
            continue
        rows = make_live_rows(batch, one.features.iloc[late], one.rows.target[late], schema, reference)
        singles = {line: outputs[late] for line, outputs in one.by_line.items()}
        answers = singles | mix_ensembles(one.rows.generation, singles, rows.kinds)
        predicted = {line: outputs.astype(np.float32) for line, outputs in answers.items()}
        answered = one.rows.answered
        part = LivePart(
            one.rows.generation.number,
            OutOfSamplePredictions(rows, predicted),
            one.rows.names[late],
            answered.digests[late],
            answered.keys[late],
        )
        parts.append((part, one, late))
    return parts


def row_of(state: State, schema: Schema, judged: JudgedRows, part: LivePart) -> dict[str, Any]:
    """Store a live record and return its row."""
    generation = judged.rows.generation
    versions = {version.line: version.id for version in (*generation.versions, *generation.ensembles)}
    losses = {
        line: float(compute_row_losses(schema.task, part.record.rows.target, outputs).mean())
        for line, outputs in part.record.predicted.items()
    }
    return live_row(state.files, part, versions, losses)


def follow_champion(schema: Schema, before: Generation, judged: Sequence[JudgedRows]) -> tuple[np.ndarray, np.ndarray]:
    """Return the champion's row losses on late rows, by the version that served them, and the rows' times."""
    losses, times = [np.empty(0)], [np.empty(0, dtype="datetime64[us]")]
    for one in judged:
        outputs = one.by_line.get(before.champion.line) if before.champion else None
        if outputs is not None:
            known = one.rows.is_evidence
            losses.append(compute_row_losses(schema.task, one.rows.target[known], outputs[known]))
            times.append(one.rows.times[known])
    joined = np.concatenate(times)
    order = np.argsort(joined, kind="stable")
    return np.concatenate(losses)[order], joined[order]


def measure_delays(
    found: MatchedRows, late: Sequence[LateRows], batch: LabelledBatch, clock: datetime | None
) -> np.ndarray:
    """Return the delay of each label (n_labels,) in seconds of the stream's own time, as far as that is known.

    A label by id came when the newest row served had a later time than its own row. A batch counts from its newest
    row: what waits for a batch to be full is not a delay of labels.
    """
    delays = [np.empty(0)]
    for rows in late:
        known = rows.late & ~pd.isna(rows.stream_times)
        delays.append((rows.stream_times[known] - rows.times[known]) / np.timedelta64(1, "s"))
    brought, newest = int((~_is_late(found)).sum()), batch.times.max()
    if brought and clock is not None and not pd.isna(newest):
        delays.append(np.full(brought, (pd.Timestamp(clock) - newest).total_seconds()))
    return np.maximum(np.concatenate(delays), 0.0)


def count_brought(found: MatchedRows, batch: int) -> list[dict[str, Any]]:
    """Return the rows of the settled_requests table."""
    brought = found.table[~_is_late(found)]
    return [
        {"batch": batch, "request": request, "rows": len(own), "positions": sorted(map(int, own))}
        for request, own in brought.groupby("request", sort=True)["position"]
    ]


def list_repeats(
    state: State, schema: Schema, batch: int, row_keys: RowKeys, found: MatchedRows
) -> list[dict[str, Any]]:
    """Return the rows of the live_repeats table: rows of live records that the batch brings or labels correct."""
    told = [*list_rows(found.table[_is_late(found)]), *found.repeated]
    told_again = digest_names([row[0] for row in told], [row[1] for row in told]) if told else np.empty(0, "uint64")
    first = batch - MAX_BATCHES
    gone, repeats = load_repeats(state, first), []
    for part in load_stored_live(state, schema, first):
        place = part.record.rows.batch, part.served_by
        again = np.flatnonzero(row_keys.has(part.digests, part.keys) | np.isin(part.names, told_again))
        new = sorted(set(again.tolist()) - set(gone.get(place, [])))
        if new:
            repeats.append({"by_batch": batch, "batch": place[0], "served_by": place[1], "rows": new})
    return repeats


def _is_late(found: MatchedRows) -> pd.Series:
    return found.table["late"].astype(bool)
