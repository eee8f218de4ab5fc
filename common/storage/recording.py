"""Recording: every transaction of an SQLite catalogue is in its journal before it is committed.

What is acknowledged to a user is a transaction that was committed, so whatever becomes of the catalogue's file, its
copy and the journal hold it.
"""

import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, ExceptionContext

from pointsman.common.errors import DamagedCatalogue, StateError, first_line
from pointsman.common.storage.backup import begin_journal, read_number_of
from pointsman.common.storage.journal import (
    GENERATION,
    TRANSACTION,
    VOID,
    Statement,
    append,
    lock_journal,
    make_transaction,
    name_journal,
    read_newest,
    write_line,
)
from pointsman.common.storage.restoring import BEHIND, find_loss

_CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP)\b", re.IGNORECASE)
_STATEMENTS, _WRITTEN, _KIND, _FILE = "statements", "written", "kind", "file"
"""Keys of what a connection carries: its statements and the kind of its transaction, the number that was written for
it, and the file that it opened."""

_ADVANCE = (
    "INSERT INTO journal (id, number, negative) VALUES (1, 1, -1) "
    "ON CONFLICT (id) DO UPDATE SET number = number + 1, negative = negative - 1"
)


def want_copy(connection: Connection) -> None:
    """Note in the transaction that a copy is to be made after it: where none was, the next command says so."""
    connection.info[_KIND] = GENERATION


def record(engine: Engine, catalogue: Path) -> None:
    """Have an engine on an SQLite catalogue write its transactions into the journal.

    A connection to a file that is gone, or that another has taken the place of, raises DamagedCatalogue.
    """

    @sa.event.listens_for(engine, "do_connect")
    def look(*_: Any) -> None:
        if lost := find_loss(catalogue):  # SQLite would make an empty one
            raise DamagedCatalogue(str(catalogue), lost)

    @sa.event.listens_for(engine, "connect")
    def remember(_connection: Any, held: Any) -> None:
        held.info[_FILE] = _identify(catalogue)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        for key in (_STATEMENTS, _WRITTEN, _KIND):
            connection.info.pop(key, None)

    @sa.event.listens_for(engine, "after_cursor_execute")
    def note(connection: Connection, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool) -> None:
        if _CHANGES.match(sql):
            connection.info.setdefault(_STATEMENTS, []).append(Statement(sql, parameters, many))

    @sa.event.listens_for(engine, "commit")
    def write(connection: Connection) -> None:
        if statements := connection.info.pop(_STATEMENTS, None):
            _write(connection, catalogue, statements)

    @sa.event.listens_for(engine, "handle_error")
    def take_back(context: ExceptionContext) -> None:
        number = context.connection.info.pop(_WRITTEN, None) if context.connection else None
        # It was the commit that failed, and its lock is still held. Where even this cannot be written, it is carried
        # out later, although its command said that it failed: what is sent again counts once.
        if number is not None:
            with suppress(StateError), lock_journal(catalogue):
                append(name_journal(catalogue), write_line(f"{VOID} {number} -"))


def _write(connection: Connection, catalogue: Path, statements: list[Statement]) -> None:
    """Write a transaction, its number with it, into the journal; the catalogue lets one at a time come here."""
    stored: Any = connection.connection.driver_connection
    stored.execute(_ADVANCE)
    try:
        number = read_number_of(stored)
    except sqlite3.DatabaseError as error:  # a number that is off would take the place of another transaction
        raise DamagedCatalogue(str(catalogue), first_line(error)) from error
    line = make_transaction(number, statements, connection.info.pop(_KIND, TRANSACTION)).write()
    with lock_journal(catalogue):
        if _identify(catalogue) != connection.info[_FILE]:
            raise DamagedCatalogue(str(catalogue), "another file has taken its place")
        if not name_journal(catalogue).is_file():
            begin_journal(catalogue)
        if read_newest(name_journal(catalogue)) >= number:  # the new one would take another's place
            raise DamagedCatalogue(str(catalogue), BEHIND)
        append(name_journal(catalogue), line)
    connection.info[_WRITTEN] = number


def _identify(catalogue: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None where there is none."""
    try:
        found = os.stat(catalogue)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
