"""Differences between two SQLite catalogues that should hold the same: tables, columns and rows, cell by cell."""

import sqlite3
from collections.abc import Iterator
from typing import Any

ROWS_AT_ONCE = 1_000
MOST_NAMED = 3
"""Rows that a sentence names."""
UNCOMPARED = {"journal", "sqlite_sequence"}
"""Tables that say how far a catalogue is, which a copy need not say alike."""

Row = tuple[Any, ...]


def find_differences(catalogue: sqlite3.Connection, other: sqlite3.Connection) -> list[str]:
    """Return by table what differs, in words such as "'labels' (the row 7: label)"; [] where all is the same.

    Cells are compared as they are stored, byte for byte. Raises sqlite3.DatabaseError where pages cannot be read.
    """
    for connection in (catalogue, other):
        connection.text_factory = bytes
    try:
        return list(_list_differences(catalogue, other))
    finally:
        for connection in (catalogue, other):
            connection.text_factory = str


def _list_differences(catalogue: sqlite3.Connection, other: sqlite3.Connection) -> Iterator[str]:
    found, known = _list_columns(catalogue), _list_columns(other)
    for table in sorted(found.keys() | known.keys()):
        if found.get(table) != known.get(table):
            yield f"'{table}' (its columns)"
        elif not _is_same(catalogue, other, table, found[table]):
            yield f"'{table}' ({_describe_rows(catalogue, other, table, found[table])})"
    if _list_indexes(catalogue) != _list_indexes(other):
        yield "its indexes"


def _list_columns(connection: sqlite3.Connection) -> dict[str, list[Row]]:
    """Return by table the columns by name: name, type, whether null is refused, and the place in the primary key.

    Columns that a later release added may come in another order.
    """
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    tables = sorted(name.decode(errors="replace") for (name,) in names)
    return {
        table: sorted(row[1:4] + row[5:6] for row in connection.execute(f"PRAGMA table_info({_quote(table)})"))
        for table in tables
        if table not in UNCOMPARED
    }


def _list_indexes(connection: sqlite3.Connection) -> list[Row]:
    query = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type NOT IN ('table') ORDER BY name"
    return connection.execute(query).fetchall()


def _is_same(one: sqlite3.Connection, other: sqlite3.Connection, table: str, columns: list[Row]) -> bool:
    """Return whether two tables hold the same rows in the order in which they were written."""
    parts, others = _read_parts(one, table, columns), _read_parts(other, table, columns)
    for part in parts:
        # By their text, since 1 equals 1.0 and no number equals itself where it is none.
        if repr(part) != repr(next(others, None)):
            return False
    return next(others, None) is None


def _read_parts(connection: sqlite3.Connection, table: str, columns: list[Row]) -> Iterator[list[Row]]:
    names = ", ".join(_quote(column[0].decode(errors="replace")) for column in columns)
    rows = connection.execute(f"SELECT {names} FROM {_quote(table)} ORDER BY rowid")
    while part := rows.fetchmany(ROWS_AT_ONCE):
        yield part


def _describe_rows(one: sqlite3.Connection, other: sqlite3.Connection, table: str, columns: list[Row]) -> str:
    """Return which rows differ, by their primary keys, and in what columns."""
    names = [column[0].decode(errors="replace") for column in columns]
    keys = [place for place, column in enumerate(columns) if column[3]] or list(range(len(columns)))
    rows, others = (
        {tuple(row[key] for key in keys): row for part in _read_parts(connection, table, columns) for row in part}
        for connection in (one, other)
    )
    told = [f"{_show(key)} is new" for key in rows.keys() - others.keys()]
    told += [f"{_show(key)} is missing" for key in others.keys() - rows.keys()]
    for key in rows.keys() & others.keys():
        differing = [
            name for name, cell, was in zip(names, rows[key], others[key], strict=True) if repr(cell) != repr(was)
        ]
        told += [f"{_show(key)}: {', '.join(differing)}"] if differing else []
    if not told:
        return "the order of its rows"
    more = f" and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return f"{'row' if len(told) == 1 else 'rows'} {'; '.join(sorted(told)[:MOST_NAMED])}{more}"


def _show(key: Row) -> str:
    shown = [cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell) for cell in key]
    return " ".join(one if one.isprintable() else repr(one) for one in shown)[:80]


def _quote(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
