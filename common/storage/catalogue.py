"""The catalogue: one SQL database, each package owning its tables, written in one commit per update."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pointsman.common.errors import ConfigError, DamagedCatalogue, StateError, first_line
from pointsman.common.extras import missing_driver
from pointsman.common.storage.addresses import PATIENCE, address_read_only, may_only_read, show_address
from pointsman.common.storage.backup import find_catalogue
from pointsman.common.storage.failures import explain_failures
from pointsman.common.storage.migrations import bring_up_to_date
from pointsman.common.storage.postgresql import prepare_postgresql
from pointsman.common.storage.recording import record, want_copy

metadata = sa.MetaData()

T = TypeVar("T")

MOST_AT_ONCE = 500
"""Values that one statement asks for, well below what databases permit."""

VOLATILE = {"volatile": True}
"""Column ``info`` for clock times, durations and memory: what two runs on the same data may differ in."""


FILE, MANIFEST = {"file": "one"}, {"file": "manifest"}
"""Column ``info`` for the name of a stored file, and of one that lists others."""

MOVES = {"moves": True}
"""Column ``info`` of the generation that a row of the live state belongs to."""

ROW_OF = "row_of"
"""Column ``info`` that names the column with the table whose row a JSON cell holds."""


def utc_now() -> datetime:
    """Return the present time in UTC, without a zone, as every catalogue column holds it."""
    return datetime.now(UTC).replace(tzinfo=None)


def created_at() -> sa.Column[datetime]:
    """Return the column that says when a row was written."""
    return sa.Column("created_at", sa.DateTime, nullable=False, default=utc_now, info=VOLATILE)


def generation_column() -> sa.Column[int]:
    """Return the column that makes a table part of the live state: the generation that wrote the row.

    Rows leave and return with their generation when the state is rolled back; tables without it are a log that stays.
    """
    return sa.Column("generation", sa.Integer, nullable=False, index=True, info=MOVES)


def is_state(table: sa.Table) -> bool:
    """Return whether a table's rows move with the generation that wrote them."""
    return "generation" in table.columns and "moves" in table.columns["generation"].info


def state_tables() -> list[sa.Table]:
    """Return the tables whose rows move with their generation, parents before children."""
    return [table for table in metadata.sorted_tables if is_state(table)]


def connect(url: str | sa.URL, recorded: bool = False) -> Engine:
    """Return an engine on the catalogue at ``url``, its tables created; ``recorded``, SQLite keeps a journal beside it.

    SQLite runs in WAL mode, so that inference reads while an update commits; in a folder that may not be written it is
    only read. Raises ConfigError where ``url`` is not a database URL or has no driver here, StateError where the
    catalogue cannot be opened, or another version of Pointsman wrote it.
    """
    engine = _make_engine(url)
    stated = sa.make_url(url)
    if recorded and (catalogue := find_catalogue(stated)) and not _is_read_only(stated):
        record(engine, catalogue)
    explain_failures(engine)
    try:
        bring_up_to_date(engine, metadata)
    except (sa.exc.SQLAlchemyError, ValueError, TypeError) as error:  # of options of the URL that the driver refuses
        reason = first_line(error.__cause__ or error)
        shown = show_address(engine.url)
        raise StateError(f"The catalogue at '{shown}' cannot be opened ({reason}); check database_url.") from error
    return engine


def _make_engine(url: str | sa.URL) -> Engine:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # what cannot be parsed may hold a password anywhere, so it is not shown
        raise ConfigError(
            "database_url is no database URL; write one such as sqlite:///catalogue.db or "
            "postgresql+psycopg://user:password@host/database, or null for SQLite in state_dir."
        ) from None
    # A server may have closed a pooled connection; a file does not. Parameters are cells, which no error may show.
    try:
        engine = sa.create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite", hide_parameters=True)
    except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
        shown = show_address(parsed)
        if isinstance(error, ImportError) and (refusal := missing_driver(shown, "database_url")):
            raise refusal from error
        raise ConfigError(
            f"The catalogue at '{shown}' has no driver here or an option it refuses ({first_line(error)}); "
            "install the driver or correct database_url."
        ) from error
    if _is_read_only(parsed):
        return sa.create_engine(address_read_only(Path(str(parsed.database))), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
    elif engine.dialect.name == "postgresql":
        prepare_postgresql(engine)
    return engine


def _is_read_only(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite" and bool(url.database) and may_only_read(Path(str(url.database)))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA busy_timeout=30000")  # first, since others may be at work already
    _turn_to_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _turn_to_wal(connection: Any) -> None:
    """Switch to WAL mode. Of processes that do so at once, SQLite turns all but one away without waiting."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)


class Draft:
    """The rows of one commit, collected until it makes all of them visible at once.

    Rows of the live state belong to ``generation``, the one that the commit creates; without one it writes logs alone.
    """

    def __init__(self, generation: int | None = None) -> None:
        self.generation = generation
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def add(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Hold rows for ``table``, in the order in which they are to be written."""
        owner = {"generation": self.generation} if is_state(table) else {}
        self._rows.setdefault(table.name, []).extend({**row, **owner} for row in rows)

    def commit(self, engine: Engine, first: Callable[[sa.Connection], None] | None = None) -> None:
        """Write everything in one transaction, parents before children; ``first`` runs in it before that."""
        with engine.begin() as connection:
            if first:
                first(connection)
            for table in metadata.sorted_tables:
                if rows := self._rows.get(table.name):
                    connection.execute(table.insert(), rows)
            if self.generation is not None:
                want_copy(connection)
        self._rows.clear()


def read_rows(engine: Engine, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """Return the rows of a query as dictionaries."""
    names, rows = read_tuples(engine, query)
    return [dict(zip(names, row, strict=True)) for row in rows]


def in_parts(wanted: Sequence[T]) -> list[Sequence[T]]:
    """Return the values that a query asks for in parts, since databases limit how many one statement may have.

    >>> [len(part) for part in in_parts(range(1_200))]
    [500, 500, 200]
    """
    return [wanted[start : start + MOST_AT_ONCE] for start in range(0, len(wanted), MOST_AT_ONCE)]


def read_tuples(engine: Engine, query: sa.Select[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of a query's columns, and its rows, for queries of very many."""
    try:
        with engine.connect() as connection:
            found = connection.execute(query)
            return list(found.keys()), [tuple(row) for row in found]
    except ValueError as error:  # a cell that is no JSON, or no date
        raise DamagedCatalogue(show_address(engine.url), first_line(error)) from error
