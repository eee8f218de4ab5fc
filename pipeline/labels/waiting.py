"""What the next update matches, as tables: served rows that no batch has brought, labels that no update has taken."""

from typing import Any

import pandas as pd
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_tuples
from pointsman.common.storage.state import State
from pointsman.meta.label_tables import labels_table, settled_labels_table, settled_requests_table
from pointsman.meta.tables import decisions_table
from pointsman.registry.generations import load_generation
from pointsman.registry.lineage import load_other_pasts

MOST_ROWS = 500_000
"""How many of the newest rows, and of the oldest labels, an update looks at."""

SERVED = ("id", "generation", "rows_file", "first_row", "kept_rows", "key_columns", "champion", "created_at")


def load_unreconciled(state: State) -> pd.DataFrame:
    """Return the newest served requests with kept rows that no batch has brought yet."""
    table = decisions_table.c
    brought = (
        sa.select(settled_requests_table.c.request, sa.func.sum(settled_requests_table.c.rows).label("rows"))
        .group_by(settled_requests_table.c.request)
        .subquery()
    )
    query = (
        sa.select(*(table[name] for name in SERVED))
        .outerjoin(brought, brought.c.request == table.id)
        .where(table.rows_file.is_not(None), table.first_row.is_not(None))
        .where(sa.or_(brought.c.rows.is_(None), brought.c.rows < table.kept_rows))
        .order_by(table.created_at.desc(), table.id)
        .limit(MOST_ROWS)
    )
    served = _leave_out(state, _read_frame(state, query))
    served = served[served["kept_rows"].cumsum() - served["kept_rows"] < MOST_ROWS]
    return served.assign(columns=served["key_columns"].map(tuple))


def load_waiting(state: State) -> pd.DataFrame:
    """Return the oldest labels by id that no update took yet and that have a kept row, by their number.

    The oldest ones, so that however many come, each has its turn.
    """
    table, served = labels_table.c, decisions_table.c
    names = [
        table.number,
        table.request,
        table.position,
        table.label,
        table.stream_time,
        table.arrived_at,
        *(served[name] for name in SERVED if name != "id"),
    ]
    query = (
        sa.select(*names)
        .join(decisions_table, served.id == table.request)
        .where(served.rows_file.is_not(None), served.first_row.is_not(None))
        .where(table.number.not_in(sa.select(settled_labels_table.c.label)))
    )
    # Left out in the query: those of another schema are never taken, so that they would stay the oldest.
    if others := load_other_pasts(state, load_generation(state).number):
        query = query.where(served.generation.not_in(sorted(others)))
    return _read_frame(state, query.order_by(table.number).limit(MOST_ROWS))


def _leave_out(state: State, served: pd.DataFrame) -> pd.DataFrame:
    """Return rows without those that were served under another schema: their inputs and outputs mean something else."""
    others = load_other_pasts(state, load_generation(state).number)
    return served[~served["generation"].isin(others)] if others else served


def _read_frame(state: State, query: sa.Select[Any]) -> pd.DataFrame:
    names, rows = read_tuples(state.engine, query)
    return pd.DataFrame(rows, columns=names)
