"""Whether this version can read a catalogue: its protocol number, and tables and columns that came later."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateColumn

from pointsman.common.errors import StateError
from pointsman.common.storage.addresses import is_read_only, show_address
from pointsman.common.storage.postgresql import wait_for_tables

PROTOCOL = 3
"""Raised by a change that older versions would read or write wrongly. New tables and nullable columns are not such
changes. Since 3 the transactions of an SQLite catalogue are in a journal, which an older version would not write."""

protocol_table = sa.Table(
    "protocol", sa.MetaData(), sa.Column("number", sa.Integer, primary_key=True, autoincrement=False)
)
journal_table = sa.Table(
    "journal",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("negative", sa.Integer, nullable=False),
)
"""One row: how many transactions an SQLite catalogue has had, and the same below zero, which shows damage to either."""


@dataclass(frozen=True)
class _Stored:
    """What was found in a catalogue: its protocol number, None where it has none, and what it lacks."""

    protocol: int | None
    absent_tables: frozenset[str]
    absent_columns: tuple[sa.Column[object], ...]

    @property
    def is_up_to_date(self) -> bool:
        return self.protocol == PROTOCOL and not self.absent_tables and not self.absent_columns


def bring_up_to_date(engine: Engine, metadata: sa.MetaData) -> None:
    """Make the tables and columns that a catalogue lacks; StateError where a newer or another version wrote it.

    A catalogue that lacks nothing is only read. One that may not be written is served without what it lacks: who reads
    that is told so.
    """
    with engine.connect() as connection:
        if _look_at(connection, metadata).is_up_to_date or is_read_only(engine.url):
            return
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # of processes that start at once, one makes the tables
        elif engine.dialect.name == "postgresql":
            wait_for_tables(connection)
        stored = _look_at(connection, metadata)
        metadata.create_all(connection)
        for column in stored.absent_columns:
            _add_column(connection, column)
        protocol_table.create(connection, checkfirst=True)
        if engine.dialect.name == "sqlite":
            journal_table.create(connection, checkfirst=True)
        if stored.protocol != PROTOCOL:
            connection.execute(protocol_table.delete())
            connection.execute(protocol_table.insert().values(number=PROTOCOL))
        connection.commit()


def _look_at(connection: Connection, metadata: sa.MetaData) -> _Stored:
    columns = {
        table: {column["name"] for column in stored}
        for (_, table), stored in sa.inspect(connection).get_multi_columns().items()
    }
    known = protocol_table.name in columns
    protocol = connection.scalar(sa.select(sa.func.max(protocol_table.c.number))) if known else None
    shown = show_address(connection.engine.url)
    if protocol is not None and protocol > PROTOCOL:
        raise StateError(
            f"The catalogue at '{shown}' follows protocol {protocol} and this version of Pointsman knows {PROTOCOL}; "
            "use the newer version that wrote it, or name another state_dir."
        )
    here = [table for table in metadata.sorted_tables if table.name in columns]
    absent = [column for table in here for column in table.columns if column.name not in columns[table.name]]
    for column in absent:  # one that must be filled cannot be added to rows that are there
        if not column.nullable and column.server_default is None:
            raise StateError(
                f"The catalogue at '{shown}' has no column '{column.name}' in its table '{column.table.name}', so "
                "another version of Pointsman wrote it; use that version, or name another state_dir."
            )
    return _Stored(protocol, frozenset(metadata.tables) - frozenset(columns), tuple(absent))


def _add_column(connection: Connection, column: sa.Column[object]) -> None:
    table = connection.dialect.identifier_preparer.format_table(column.table)
    described = CreateColumn(column).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {described}")
