"""What labels showed, as it is with those that were corrected: a correction takes the place of the row it is of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.meta.tables import corrected_estimates_table, corrected_regrets_table, estimates_table, regrets_table

CORRECTED: Mapping[sa.Table, tuple[sa.Table, tuple[str, ...]]] = {
    regrets_table: (corrected_regrets_table, ("decision", "batch")),
    estimates_table: (corrected_estimates_table, ("batch", "answerer", "request", "measure")),
}
"""The table of corrections of a table, and the columns that name a row."""


def load_corrected(state: State, table: sa.Table, query: sa.Select[Any] | None = None) -> list[dict[str, Any]]:
    """Return rows of a table, all of them unless a query asks for some, as they are after all corrections."""
    rows = read_rows(state.engine, sa.select(table) if query is None else query)
    return put_in(rows, load_corrections(state, table), CORRECTED[table][1]) if rows else []


def load_corrections(state: State, table: sa.Table) -> list[dict[str, Any]]:
    """Return the corrections of a table's rows, oldest first."""
    corrections, _ = CORRECTED[table]
    return read_rows(state.engine, sa.select(corrections).order_by(corrections.c.by_batch))


def put_in(
    rows: Iterable[Mapping[str, Any]], corrections: Iterable[Mapping[str, Any]], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Return rows, each as its newest correction has it.

    >>> put_in([{"id": 1, "loss": 0.5}], [{"id": 1, "loss": 0.7, "by_batch": 2}, {"id": 4, "loss": 0.1}], ["id"])
    [{'id': 1, 'loss': 0.7}]
    """
    newest = {tuple(one[key] for key in keys): one for one in corrections}
    return [
        {name: newest.get(tuple(row[key] for key in keys), row).get(name, cell) for name, cell in row.items()}
        for row in rows
    ]
