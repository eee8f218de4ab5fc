"""Lineages: the generations that led to one, and how a rollback exchanges the rows that others wrote.

Rows of the live state carry the generation that wrote them. The tables hold only those of the live past, so every
reader sees one consistent past; a rollback sets the other rows aside, and a later one can bring them back. The past
of a generation is its lineage down to the newest revision of the schema: what was written before is set aside, too.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import in_parts, read_rows, state_tables
from pointsman.common.storage.state import State
from pointsman.registry.generations import Cause, Generation, load_generation
from pointsman.registry.tables import generations_table, set_aside_table


def load_lineage(state: State, number: int) -> list[int]:
    """Return a generation and its ancestors, the newest first; empty for one that does not exist."""
    return [one for one, _ in _follow(state, number)]


def load_past(state: State, number: int) -> list[int]:
    """Return a generation and its ancestors back to a revision, the newest first: their rows have the same meaning."""
    return [one for one, _ in _follow_past(state, number)]


def load_recent(state: State, number: int, updates: int) -> list[int]:
    """Return the newest generations of a past, back to the one that took its ``updates``-th newest batch."""
    recent: list[int] = []
    for one, cause in _follow_past(state, number):
        recent.append(one)
        updates -= cause.takes_batch
        if not updates:
            break
    return recent


def load_updates(state: State, number: int) -> list[int]:
    """Return the generations of a past that took a batch, the newest first."""
    return [one for one, cause in _follow_past(state, number) if cause.takes_batch]


def find_accepting(state: State, generation: Generation) -> int | None:
    """Return the newest of a generation and its ancestors that accepted a batch: rows are read by its configuration.

    Each ancestor on the way is held against its digest.
    """
    while not generation.cause.accepts_batch:
        if generation.parent is None:
            return None
        generation = load_generation(state, generation.parent)
    return generation.number


def load_other_pasts(state: State, number: int) -> set[int]:
    """Return the generations, of any lineage, that belong to another past than ``number`` does.

    A generation whose parents are not known is not among them.
    """
    query = sa.select(generations_table.c.number, generations_table.c.parent, generations_table.c.cause)
    began: dict[int, int | None] = {}
    for row in read_rows(state.engine, query.order_by(generations_table.c.number)):
        root = 0 if row["parent"] is None else began.get(row["parent"])
        began[row["number"]] = row["number"] if row["cause"] == Cause.REVISION else root
    own = began.get(number)
    return {one for one, root in began.items() if root is not None and own is not None and root != own}


def _follow_past(state: State, number: int) -> Iterator[tuple[int, Cause]]:
    for one, cause in _follow(state, number):
        yield one, cause
        if cause is Cause.REVISION:
            return


def _follow(state: State, number: int) -> Iterator[tuple[int, Cause]]:
    table = generations_table.c
    query = sa.select(table.number, table.parent, table.cause).where(table.number <= number)
    known = {row["number"]: row for row in read_rows(state.engine, query)}
    while number in known:
        yield number, Cause(known[number]["cause"])
        number = known[number]["parent"]


def turn(connection: sa.Connection, live: Collection[int], wanted: Collection[int]) -> None:
    """Make the rows of the ``wanted`` generations the live ones, within the transaction that commits the change."""
    leaving, returning = sorted(set(live) - set(wanted)), sorted(set(wanted) - set(live))
    tables = state_tables()
    for table in tables[::-1]:  # children leave before their parents
        _set_aside(connection, table, leaving)
    for table in tables:
        _bring_back(connection, table, returning)


def read_state_rows(connection: sa.Connection, table: sa.Table, generations: Iterable[int]) -> list[dict[str, Any]]:
    """Return the rows of a state table that some generations wrote, set aside or not."""
    numbers = sorted(generations)
    live = [dict(row) for row in _select(connection, sa.select(table), table.c.generation, numbers)]
    return live + [_decode(table, row["row"]) for row in _select_aside(connection, table, numbers)]


def _set_aside(connection: sa.Connection, table: sa.Table, generations: list[int]) -> None:
    in_order = sa.select(table).order_by(*table.primary_key)
    if rows := _select(connection, in_order, table.c.generation, generations):
        kept = [
            {"generation": row["generation"], "table": table.name, "position": position, "row": _encode(row)}
            for position, row in enumerate(rows)
        ]
        connection.execute(set_aside_table.insert(), kept)
        _delete(connection, table, table.c.generation, generations)


def _bring_back(connection: sa.Connection, table: sa.Table, generations: list[int]) -> None:
    if stored := _select_aside(connection, table, generations):
        connection.execute(table.insert(), [_decode(table, row["row"]) for row in stored])
        _delete(
            connection,
            set_aside_table,
            set_aside_table.c.generation,
            generations,
            set_aside_table.c.table == table.name,
        )


def _select_aside(connection: sa.Connection, table: sa.Table, generations: list[int]) -> list[sa.RowMapping]:
    query = sa.select(set_aside_table).where(set_aside_table.c.table == table.name)
    query = query.order_by(set_aside_table.c.generation, set_aside_table.c.position)
    return _select(connection, query, set_aside_table.c.generation, generations)


def _select(
    connection: sa.Connection, query: sa.Select[Any], column: sa.ColumnElement[int], generations: list[int]
) -> list[sa.RowMapping]:
    found: list[sa.RowMapping] = []
    _in_parts(generations, lambda part: found.extend(connection.execute(query.where(column.in_(part))).mappings()))
    return found


def _delete(
    connection: sa.Connection,
    table: sa.Table,
    column: sa.ColumnElement[int],
    generations: list[int],
    *also: sa.ColumnElement[bool],
) -> None:
    _in_parts(generations, lambda part: connection.execute(sa.delete(table).where(column.in_(part), *also)))


def _in_parts(generations: list[int], act: Callable[[list[int]], Any]) -> None:
    for part in in_parts(generations):
        act(list(part))


def _encode(row: sa.RowMapping) -> dict[str, Any]:
    """Return a row as JSON holds it: moments as text."""
    return {name: cell.isoformat() if isinstance(cell, datetime) else cell for name, cell in row.items()}


def _decode(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    moments = {column.name for column in table.columns if isinstance(column.type, sa.DateTime)}
    return {
        name: datetime.fromisoformat(cell) if name in moments and cell is not None else cell
        for name, cell in row.items()
    }
