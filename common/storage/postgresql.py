"""The catalogue on PostgreSQL: types that hold what SQLite's hold, and a lock that machines share."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.compiler import compiles

from pointsman.common.errors import LockHeld
from pointsman.common.storage.addresses import show_address

LOCKS = {"catalogue": 1, "update": 2, "backtest": 3, "report": 4}
"""Numbers of advisory locks: while tables are made, and by command."""
PATIENCE = 1.0
"""Seconds for the server to notice that a lock's holder has died."""
_LOCK_SPACE = "abs(hashtext(current_schema()) % 1000000007)"
"""Advisory locks are shared by a database; a schema of it is a catalogue of its own."""


@compiles(sa.Integer, "postgresql")
def _compile_integer(*_arguments: Any, **_options: Any) -> str:
    return "BIGINT"  # an integer of SQLite has 64 bits


@compiles(sa.String, "postgresql")
@compiles(sa.Text, "postgresql")
def _compile_text(*_arguments: Any, **_options: Any) -> str:
    return 'TEXT COLLATE "C"'  # sorted by bytes as in SQLite, whatever the language of the server


def prepare_postgresql(engine: Engine) -> None:
    """Give every connection of an engine a name that others see, and a character in the place of NUL in text."""

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        from psycopg.types.string import StrDumper

        class Dumper(StrDumper):
            """Text as PostgreSQL takes it, which refuses NUL."""

            def dump(self, obj: str) -> Any:
                return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

        connection.adapters.register_dumper(str, Dumper)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('application_name', %s, false)", (name_process(),))
        connection.commit()


def name_process() -> str:
    """Return what a connection is called by: the process and its machine, within the 63 bytes that PostgreSQL keeps."""
    return f"pointsman process {os.getpid()} on {socket.gethostname()}"[:63]


def wait_for_tables(connection: Connection) -> None:
    """Keep others from making tables until this transaction ends."""
    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK_SPACE}, {LOCKS['catalogue']})"))


@contextmanager
def hold_shared_lock(engine: Engine, command: str) -> Iterator[None]:
    """Hold a command's lock on the catalogue; StateError names the process and machine that hold it already.

    The lock belongs to one connection, so the server frees it when its holder dies or is cut off.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # closed at the end and not pooled, which frees the lock
        if not _try_lock(connection, command):
            shown = show_address(engine.url)
            raise LockHeld(
                f"Another {command} ({_find_holder(connection, command)}) holds the catalogue at '{shown}'; run this "
                "one again when it is done."
            )
        yield


def _try_lock(connection: Connection, command: str) -> bool:
    query = sa.text(f"SELECT pg_try_advisory_lock({_LOCK_SPACE}, {LOCKS[command]})")
    until = time.monotonic() + PATIENCE
    while not connection.scalar(query):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _find_holder(connection: Connection, command: str) -> str:
    query = (
        "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = "
        f"current_database()) AND classid = {_LOCK_SPACE} AND objid = {LOCKS[command]} AND objsubid = 2"
    )
    return str(connection.scalar(sa.text(query)) or "unknown")
