"""What the catalogue knows of refused rows and batches, and of the decisions on them."""

from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.quality.tables import quarantine_decisions_table, quarantined_rows, retaken_table


def load_decisions(state: State) -> dict[int, str]:
    """Return what was decided last on whole batches that were rejected, by their number."""
    decided = quarantine_decisions_table.c
    query = sa.select(decided.batch, decided.action).where(decided.row.is_(None)).order_by(decided.generation)
    return {row["batch"]: row["action"] for row in read_rows(state.engine, query)}


def load_retaken(state: State) -> dict[int, int]:
    """Return the batch as which each rejected one was taken again, by the number of the rejected one."""
    return {row["rejected"]: row["batch"] for row in read_rows(state.engine, sa.select(retaken_table))}


def count_quarantined(state: State) -> dict[tuple[int, str], int]:
    """Return the number of quarantined rows by batch and status."""
    table = quarantined_rows().c
    query = sa.select(table.batch, table.status, sa.func.count().label("rows")).group_by(table.batch, table.status)
    return {(row["batch"], row["status"]): row["rows"] for row in read_rows(state.engine, query)}


def load_rows(state: State, batch: int) -> list[dict[str, Any]]:
    """Return the quarantined rows of a batch, in their order."""
    table = quarantined_rows()
    return read_rows(state.engine, sa.select(table).where(table.c.batch == batch).order_by(table.c.row))


def load_groups(state: State) -> list[dict[str, Any]]:
    """Return quarantined rows grouped by batch, reason and status, newest batch first: how many, and the first one."""
    table = quarantined_rows().c
    keys = (table.batch, table.reason, table.status)
    query = sa.select(*keys, sa.func.count().label("rows"), sa.func.min(table.row).label("first"))
    return read_rows(state.engine, query.group_by(*keys).order_by(table.batch.desc(), table.reason, table.status))
