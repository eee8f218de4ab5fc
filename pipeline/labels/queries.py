"""Queries about served rows and their labels: which still wait, and which an update has taken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import in_parts, read_rows
from pointsman.common.storage.state import State
from pointsman.meta.corrections import load_corrected
from pointsman.meta.label_tables import (
    batch_digests_table,
    early_labels_table,
    labels_table,
    settled_labels_table,
    settled_requests_table,
    settlements_table,
)
from pointsman.meta.tables import decisions_table, regrets_table
from pointsman.pipeline.labels.outcomes import LOST, Outcome
from pointsman.registry.tables import generations_table

Row = tuple[str, int]
"""A served row: its request and its position."""


def load_brought_rows(state: State, requests: Sequence[str]) -> set[Row]:
    """Return the rows of some requests that batches brought before."""
    table = settled_requests_table.c
    query = sa.select(table.request, table.positions)
    return {
        (row["request"], position)
        for part in in_parts(requests)
        for row in read_rows(state.engine, query.where(table.request.in_(part)))
        for position in row["positions"]
    }


def load_reconciled_rows(state: State, requests: Sequence[str]) -> set[Row]:
    """Return the rows of some requests whose labels an update took by their ids."""
    table = labels_table.c
    query = sa.select(table.request, table.position).join(
        settled_labels_table, settled_labels_table.c.label == table.number
    )
    return {
        (row["request"], row["position"])
        for part in in_parts(requests)
        for row in read_rows(state.engine, query.where(table.request.in_(part)))
    }


def load_counted(state: State, requests: Sequence[str]) -> dict[Row, tuple[str, int]]:
    """Return the newest label of each row of some requests that is in the ledger, and the batch it was taken with."""
    table, taken = labels_table.c, settled_labels_table.c
    query = (
        sa.select(table.request, table.position, table.label, generations_table.c.batch)
        .join(settled_labels_table, taken.label == table.number)
        .join(generations_table, generations_table.c.number == taken.generation)
        .where(sa.or_(taken.outcome.is_(None), taken.outcome == Outcome.LEARNED))
        .order_by(table.number)
    )
    return {
        (row["request"], row["position"]): (row["label"], row["batch"])
        for part in in_parts(requests)
        for row in read_rows(state.engine, query.where(table.request.in_(part)))
    }


def load_request(state: State, request: str) -> dict[str, Any]:
    """Return where the kept rows of a request are."""
    table = decisions_table.c
    query = sa.select(table.rows_file, table.first_row, table.kept_rows).where(table.id == request)
    return read_rows(state.engine, query)[0]


def load_served(state: State, requests: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what is logged of some requests, by id."""
    table = decisions_table.c
    query = sa.select(table.id, table.rows, table.rows_file, table.first_row, table.kept_rows)
    return {
        row["id"]: row
        for part in in_parts(requests)
        for row in read_rows(state.engine, query.where(table.id.in_(part)))
    }


def load_labels_of(state: State, requests: Sequence[str]) -> dict[Row, list[str]]:
    """Return the labels of each labelled row of some requests, oldest first, without those that an update lost."""
    table, taken = labels_table.c, settled_labels_table.c
    query = (
        sa.select(table.request, table.position, table.label)
        .outerjoin(settled_labels_table, taken.label == table.number)
        .where(sa.or_(taken.outcome.is_(None), taken.outcome.not_in(LOST)))
        .order_by(table.number)
    )
    found: dict[Row, list[str]] = {}
    for part in in_parts(requests):
        for row in read_rows(state.engine, query.where(table.request.in_(part))):
            found.setdefault((row["request"], row["position"]), []).append(row["label"])
    return found


def load_early_labels(state: State, requests: Sequence[str]) -> dict[Row, str]:
    """Return the labels of rows of some requests that wait for these to be logged."""
    table = early_labels_table.c
    query = sa.select(table.request, table.position, table.label)
    return {
        (row["request"], row["position"]): row["label"]
        for part in in_parts(requests)
        for row in read_rows(state.engine, query.where(table.request.in_(part)))
    }


def load_stream_time(state: State) -> Any:
    """Return the newest time of any served row, None where no row had a time."""
    newest = sa.select(sa.func.max(decisions_table.c.newest_time).label("newest"))
    return read_rows(state.engine, newest)[0]["newest"]


def find_clock(state: State) -> tuple[str | None, datetime | None]:
    """Return the newest time of any served row, and the request it came from."""
    table = decisions_table.c
    query = sa.select(table.id, table.newest_time).where(table.newest_time.is_not(None))
    rows = read_rows(state.engine, query.order_by(table.newest_time.desc(), table.id).limit(1))
    return (rows[0]["id"], rows[0]["newest_time"]) if rows else (None, None)


def load_settlements(state: State, most: int) -> list[dict[str, Any]]:
    """Return the newest ``most`` settlements, newest first: what labels each update took, and how late they were."""
    return read_rows(state.engine, sa.select(settlements_table).order_by(settlements_table.c.batch.desc()).limit(most))


def load_digest_files(state: State, most: int) -> list[str]:
    """Return the names of the files with the row keys of the newest ``most`` batches, newest first."""
    query = sa.select(batch_digests_table.c.file).order_by(batch_digests_table.c.batch.desc()).limit(most)
    return [row["file"] for row in read_rows(state.engine, query)]


def load_regrets(state: State) -> list[dict[str, Any]]:
    """Return every entry of the regret ledger, as corrected labels have it."""
    return load_corrected(state, regrets_table)


def load_regrets_of(state: State, request: str, generation: int) -> list[dict[str, Any]]:
    """Return what labels showed of a request: entries of its own, or those it shares with others of its generation."""
    table = regrets_table.c
    own = load_corrected(state, regrets_table, sa.select(regrets_table).where(table.decision == request))
    if own:
        return own
    by_batch = sa.select(settled_requests_table.c.batch).where(settled_requests_table.c.request == request)
    by_id = (
        sa.select(settlements_table.c.batch)
        .join(settled_labels_table, settled_labels_table.c.generation == settlements_table.c.generation)
        .join(labels_table, labels_table.c.number == settled_labels_table.c.label)
        .where(labels_table.c.request == request)
    )
    shared = sa.select(regrets_table).where(table.decision == f"generation {generation}")
    return load_corrected(state, regrets_table, shared.where(sa.or_(table.batch.in_(by_batch), table.batch.in_(by_id))))


def list_reconciled_labels(state: State) -> list[int]:
    """Return the numbers of all labels that an update took by their ids."""
    return [row["label"] for row in read_rows(state.engine, sa.select(settled_labels_table.c.label))]


def list_labelled_requests(state: State) -> set[str]:
    """Return the requests that have a label by id."""
    return {row["request"] for row in read_rows(state.engine, sa.select(labels_table.c.request).distinct())}


def load_estimate(state: State, request: str) -> tuple[dict[str, Any] | None, int]:
    """Return the estimate made for a served request, None without one, and how many of its rows are kept."""
    query = sa.select(decisions_table.c.estimate, decisions_table.c.kept_rows)
    (decision,) = read_rows(state.engine, query.where(decisions_table.c.id == request))
    return decision["estimate"], decision["kept_rows"]
