"""A copy of the state as it was before a generation, to recompute that generation from."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.addresses import address_file
from pointsman.common.storage.catalogue import connect, in_parts, state_tables
from pointsman.common.storage.files import LayeredStore
from pointsman.common.storage.state import State
from pointsman.registry.lineage import load_lineage, read_state_rows
from pointsman.registry.tables import aliases_table, events_table, generations_table, members_table, versions_table

REGISTRY = {
    generations_table: generations_table.c.number,
    versions_table: versions_table.c.generation,
    members_table: members_table.c.generation,
    aliases_table: aliases_table.c.generation,
    events_table: events_table.c.generation,
}
"""Tables of the registry, parents before children, and the generation of a row."""


@contextmanager
def open_copy(state: State) -> Iterator[State]:
    """Open an empty state in a temporary folder that can read the stored files of another."""
    with TemporaryDirectory(prefix="pointsman-") as folder:
        engine = connect(address_file(Path(folder) / "catalogue.db"))
        try:
            yield State(Path(folder), engine, LayeredStore(Path(folder) / "files", state.files))
        finally:
            engine.dispose()


def copy_generation(state: State, number: int, copy: State) -> None:
    """Copy the rows that a generation wrote, also those that were set aside since."""
    with state.engine.connect() as source, copy.engine.begin() as target:
        for table, owner in REGISTRY.items():
            _copy(source, target, table, sa.select(table).where(owner == number))
        for table in state_tables():
            _insert(target, table, read_state_rows(source, table, [number]))


def copy_registry(state: State, number: int, copy: State) -> None:
    """Copy a generation's rows of the registry that the copy lacks: who was active in it, but nothing else it wrote."""
    with state.engine.connect() as source, copy.engine.begin() as target:
        if target.execute(sa.select(generations_table.c.number).where(generations_table.c.number == number)).first():
            return
        for table in (generations_table, members_table, aliases_table):
            _copy(source, target, table, sa.select(table).where(REGISTRY[table] == number))


def copy_named(state: State, table: sa.Table, column: sa.ColumnElement[Any], names: Sequence[Any], copy: State) -> None:
    """Copy the rows of a table that does not move with generations whose ``column`` is among some names."""
    with state.engine.connect() as source, copy.engine.begin() as target:
        there = set(target.execute(sa.select(column)).scalars())
        wanted = [name for name in names if name not in there]
        for part in in_parts(wanted):
            _copy(source, target, table, sa.select(table).where(column.in_(part)))


def copy_other_versions(state: State, number: int, copy: State) -> None:
    """Copy the versions of earlier generations that are not ancestors of ``number``: their numbers are taken."""
    led_here = load_lineage(state, number)
    taken = versions_table.c.generation
    query = sa.select(versions_table).where(taken < number, taken.not_in(led_here))
    known = sa.select(versions_table.c.id)
    with state.engine.connect() as source, copy.engine.begin() as target:
        present = set(target.execute(known).scalars())
        rows = [dict(row) for row in source.execute(query).mappings() if row["id"] not in present]
        _insert(target, versions_table, rows)


def copy_versions(state: State, copy: State) -> None:
    """Copy every version, so that its number and name stay taken, but not what became of it."""
    with state.engine.connect() as source, copy.engine.begin() as target:
        _copy(source, target, versions_table, sa.select(versions_table))


def copy_costs(state: State, number: int, copy: State) -> None:
    """Copy the measured costs of a generation's versions, so that later decisions by cost are the same."""
    measured = sa.select(versions_table.c.id, versions_table.c.predict_us).where(versions_table.c.generation == number)
    with state.engine.connect() as source, copy.engine.begin() as target:
        for version, predict_us in source.execute(measured).all():
            changed = versions_table.update().where(versions_table.c.id == version)
            target.execute(changed.values(predict_us=predict_us))


def read_written(state: State, number: int) -> dict[str, list[dict[str, Any]]]:
    """Return by table the rows that a generation wrote, in a fixed order and without volatile columns."""
    written = {}
    with state.engine.connect() as connection:
        for table, owner in REGISTRY.items():
            rows = connection.execute(sa.select(table).where(owner == number)).mappings()
            written[table.name] = _lasting(table, [dict(row) for row in rows])
        for table in state_tables():
            written[table.name] = _lasting(table, read_state_rows(connection, table, [number]))
    return written


def _lasting(table: sa.Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns if not column.info.get("volatile")]
    return sorted(({name: row[name] for name in names} for row in rows), key=repr)


def _copy(source: sa.Connection, target: sa.Connection, table: sa.Table, query: sa.Select[Any]) -> None:
    _insert(target, table, [dict(row) for row in source.execute(query).mappings()])


def _insert(target: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        target.execute(table.insert(), rows)
