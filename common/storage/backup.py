"""A copy of an SQLite catalogue, which with the journal of what came after it takes the place of a damaged one.

The copy is made anew after every generation: the older copy, with the transactions of the journal carried out on it
once more. So it never takes over damage from the catalogue, and holding the two against each other finds any.
PostgreSQL has backups of its own, and people who run it.
"""

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pointsman.common.errors import StateError
from pointsman.common.storage.addresses import open_for_reading
from pointsman.common.storage.files import FULL, compute_digest, explain_writing, name_temporary, sync_folder
from pointsman.common.storage.journal import (
    COPY,
    Journal,
    Transaction,
    append,
    lock_journal,
    name_journal,
    read_journal,
    rotate,
    write_line,
)


@dataclass(frozen=True)
class Assembled:
    """A catalogue made of its copy and its journal.

    number:  its last transaction
    since:   how many of its transactions come from the journal
    journal: what was read of it
    """

    number: int
    since: int
    journal: Journal


def find_catalogue(url: sa.URL) -> Path | None:
    """Return the file of an SQLite catalogue, None for any other and for one that is only read."""
    is_file = url.get_backend_name() == "sqlite" and url.database and "immutable" not in url.query
    return Path(str(url.database)) if is_file else None


def name_backup(catalogue: Path) -> Path:
    """Return where the copy of a catalogue lies.

    >>> name_backup(Path("state/catalogue.db")).name
    'catalogue.backup.db'
    """
    return catalogue.with_name(f"{catalogue.stem}.backup{catalogue.suffix}")


def save_backup(engine: Engine, anew: bool = False) -> str:
    """Make the copy of an SQLite catalogue anew, up to its newest transaction, and begin the journal behind it.

    Returns why it had to be made of the catalogue itself, '' where it was made of the older copy. StateError where
    there is no room, and then the older copy and the journal stay; a catalogue that is damaged is never copied.
    """
    catalogue = find_catalogue(engine.url)
    return copy_catalogue(catalogue, anew) if catalogue else ""


def copy_catalogue(catalogue: Path, anew: bool = False) -> str:
    """Do what ``save_backup`` does; ``anew`` makes the copy of the catalogue itself, as the first one is."""
    backup = name_backup(catalogue)
    temporary = name_temporary(backup)
    anew = anew or not (backup.is_file() or name_journal(catalogue).is_file())
    reason = ""
    try:
        with explain_writing(backup):
            if not anew:
                try:
                    number = assemble(catalogue, temporary, read_number(catalogue)).number
                except StateError as error:
                    reason = str(error).removesuffix(".")
            if anew or reason:
                number = _copy_whole(catalogue, temporary)
            check_pages(temporary)
            with lock_journal(catalogue):
                _take_place(catalogue, temporary, number)
    except sqlite3.OperationalError as error:
        raise StateError(f"The copy '{backup}' of the catalogue cannot be written ({error}); {FULL}.") from error
    except sqlite3.DatabaseError as error:
        raise StateError(
            f"The catalogue '{catalogue}' is damaged ({error}), so no copy of it took the place of '{backup}'; keep "
            "that, and move the damaged file away."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return reason


def begin_journal(catalogue: Path) -> None:
    """Copy a catalogue that has no journal yet and begin one behind the copy; to be called under the journal's lock."""
    temporary = name_temporary(name_backup(catalogue))
    try:
        with explain_writing(temporary):
            _take_place(catalogue, temporary, _copy_whole(catalogue, temporary))
    finally:
        temporary.unlink(missing_ok=True)


def _take_place(catalogue: Path, copied: Path, number: int) -> None:
    """Put a new copy in the older one's place. The journal names it before, so that a kill leaves one that it knows."""
    backup, journal, digest = name_backup(catalogue), name_journal(catalogue), compute_digest(copied.read_bytes())
    # On the disk before it takes the older copy's place, or a power cut could leave neither.
    with copied.open("rb") as file:
        os.fsync(file.fileno())
    if journal.is_file():
        append(journal, write_line(f"{COPY} {number} {digest}"))
    os.replace(copied, backup)
    sync_folder(backup.parent)
    rotate(journal, number, digest)


def _copy_whole(catalogue: Path, to: Path) -> int:
    """Copy a catalogue as it is now, and return the number of its last transaction."""
    with closing(sqlite3.connect(catalogue)) as stored, closing(sqlite3.connect(to)) as copied:
        stored.backup(copied)
        copied.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    return read_number(to)


def assemble(catalogue: Path, to: Path, most: int | None = None) -> Assembled:
    """Write the catalogue that the copy and the journal hold, up to the transaction ``most`` or as far as they go.

    StateError where the copy is gone or not what it was, or the journal does not lead from it to ``most``.
    """
    journal, base = read_journal(name_journal(catalogue)), find_sound_copy(catalogue)
    following = [one for one in journal.follow(base) if most is None or one.number <= most]
    reached = base + len(following)
    if most is not None and reached != most:
        raise StateError(f"The journal of '{catalogue}' leads to transaction {reached} and not to {most}.")
    with explain_writing(to):
        shutil.copyfile(name_backup(catalogue), to)
        try:
            _replay(to, following)
        except sqlite3.IntegrityError as error:
            raise StateError(f"The journal of '{catalogue}' does not go on from its copy ({error}).") from error
    return Assembled(reached, len(following), journal)


def find_sound_copy(catalogue: Path) -> int:
    """Return the number of the last transaction in the copy of a catalogue; StateError where it is not what it was."""
    backup, journal = name_backup(catalogue), read_journal(name_journal(catalogue))
    try:
        content = backup.read_bytes()
    except OSError:
        raise StateError(f"The copy '{backup}' of the catalogue is missing.") from None
    if not journal.copies:  # an earlier release made it, or the journal is lost
        check_pages(backup)
        return read_number(backup)
    digest = compute_digest(content)
    known = [number for number, stored in journal.copies if stored == digest]
    if not known:
        raise StateError(f"The copy '{backup}' of the catalogue was altered.")
    return known[-1]


def _replay(catalogue: Path, transactions: Sequence[Transaction]) -> None:
    """Carry out transactions on a copy that nobody else uses, all of them or none."""
    with closing(sqlite3.connect(catalogue, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=MEMORY")
        connection.execute("PRAGMA synchronous=OFF")  # it is brought to the disk as a whole
        connection.execute("BEGIN")
        carry_out(connection, transactions)
        connection.execute("COMMIT")


def carry_out(connection: sqlite3.Connection, transactions: Sequence[Transaction]) -> None:
    """Carry out transactions within the one that is open, and count them.

    Raises sqlite3.DatabaseError where they do not follow on what is there.
    """
    for transaction in transactions:
        for one in transaction.read():
            (connection.executemany if one.many else connection.execute)(one.sql, one.parameters)
    if transactions:
        last = transactions[-1].number
        connection.execute("REPLACE INTO journal (id, number, negative) VALUES (1, ?, ?)", (last, -last))


def read_number(catalogue: Path) -> int:
    """Return the number of a catalogue's last transaction; 0 where it counts none yet, as of an earlier release.

    Raises sqlite3.DatabaseError where it cannot be read.
    """
    with closing(open_for_reading(catalogue)) as connection:
        return read_number_of(connection)


def read_number_of(connection: sqlite3.Connection) -> int:
    """Return what ``read_number`` does of a file that is open."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchone():
        return 0
    rows = connection.execute("SELECT id, number, negative FROM journal").fetchall()
    if rows and rows != [(1, rows[0][1], -rows[0][1])]:
        raise sqlite3.DatabaseError("its count of transactions is broken")
    return int(rows[0][1]) if rows else 0


def check_pages(catalogue: Path) -> None:
    """Raise sqlite3.DatabaseError where SQLite finds a file's pages, or indexes, damaged."""
    with closing(open_for_reading(catalogue)) as connection:
        check_pages_of(connection)


def check_pages_of(connection: sqlite3.Connection) -> None:
    """Do what ``check_pages`` does for a file that is open."""
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found.splitlines()[-1])
