"""Restoring: whether an SQLite catalogue is damaged, and its copy and journal in the place of one that is."""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from pointsman.common.errors import StateError
from pointsman.common.storage.addresses import PATIENCE, may_only_read, open_for_reading
from pointsman.common.storage.backup import (
    Assembled,
    assemble,
    carry_out,
    check_pages,
    check_pages_of,
    find_sound_copy,
    name_backup,
    read_number,
    read_number_of,
)
from pointsman.common.storage.differences import find_differences
from pointsman.common.storage.files import explain_writing, name_temporary, sync_folder
from pointsman.common.storage.journal import (
    GENERATION,
    Broken,
    Transaction,
    lock_journal,
    name_journal,
    read_journal,
    read_reach,
)

LEAST_BYTES = 100
"""The header of an SQLite file."""
BEHIND = "it lacks what its journal holds"
_BUSY = {3, 5, 6, 7, 8, 10, 13, 14, 23}
"""SQLite's codes for a file that is sound and cannot be used now: busy, read-only, on a full disk and the like."""


def is_busy(error: Exception) -> bool:
    """Return whether SQLite could not use a file that may be sound."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def find_loss(catalogue: Path) -> str:
    """Return why a catalogue that existed once is lost, '' where it is there or has no copy.

    SQLite would silently create a new one.
    """
    if not name_backup(catalogue).is_file():
        return ""
    if not catalogue.is_file():
        return "the file is gone"
    return "the file is cut off" if catalogue.stat().st_size < LEAST_BYTES else ""


def catch_up(catalogue: Path) -> str:
    """Carry out in a catalogue the transactions that only its journal has, and return a sentence on them, '' for none.

    They are lacking where a process was killed before its commit, or an older file was put in the catalogue's place.
    Raises sqlite3.DatabaseError where they do not follow on what is there: it may be another state's.
    """
    reach = read_reach(name_journal(catalogue))
    if reach is None or reach.newest <= read_number(catalogue):
        return ""
    with closing(sqlite3.connect(catalogue, PATIENCE, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # nobody is between journal and commit now
        number = read_number_of(connection)
        with lock_journal(catalogue):
            lacking = read_journal(name_journal(catalogue)).follow(number)
            if lacking and (differing := _compare(catalogue, connection, number)):
                raise sqlite3.DatabaseError(differing)
        carry_out(connection, lacking)
        connection.execute("COMMIT")
    if not lacking:
        return ""
    rows = ", ".join(one.rows for one in lacking)
    return (
        f"The catalogue '{catalogue}' lacked {_count(len(lacking))} of its journal ({rows}), as after a process was "
        "killed or an older file was put in its place; they are carried out now"
    )


def _count(transactions: int) -> str:
    return "1 transaction" if transactions == 1 else f"{transactions} transactions"


def _is_behind(catalogue: Path, number: int) -> bool:
    """Return whether a catalogue lacks what its journal holds; one that writes at the moment is waited for."""
    reach = read_reach(name_journal(catalogue))
    if reach is None or reach.newest <= number:
        return False
    if may_only_read(catalogue):
        return bool(read_journal(name_journal(catalogue)).follow(number))
    with closing(sqlite3.connect(catalogue, PATIENCE, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        journal, number = read_journal(name_journal(catalogue)), read_number_of(connection)
        connection.execute("ROLLBACK")
    return bool(journal.follow(number))


def restore_backup(catalogue: Path, reason: str) -> str:
    """Put copy and journal in the place of a damaged catalogue, which is kept aside, and return a sentence on it.

    StateError where the copy is not sound, or the catalogue is sound after all. The caller holds the update lock.
    """
    if reason == BEHIND:
        with suppress(sqlite3.DatabaseError):  # then it is no older state of the same catalogue
            if told := catch_up(catalogue):
                return told
    # Between noticing the damage and taking the lock, another process may have restored the copy.
    if not find_damage(catalogue):
        raise StateError(
            f"The catalogue '{catalogue}' is sound again; run this once more, or check it: python run.py check."
        )
    temporary = name_temporary(catalogue)
    try:
        with lock_journal(catalogue), explain_writing(catalogue):
            try:
                assembled = assemble(catalogue, temporary)
                check_pages(temporary)
            except (StateError, sqlite3.DatabaseError) as error:
                raise StateError(
                    f"The catalogue '{catalogue}' is damaged ({reason}) and has no sound copy beside it "
                    f"({str(error).removesuffix('.')}); restore it from a backup of the state."
                ) from error
            told = _describe_restored(catalogue, assembled)
            aside = _move_aside(catalogue)
            os.replace(temporary, catalogue)
            sync_folder(catalogue.parent)
    finally:
        temporary.unlink(missing_ok=True)
    kept = f" and is kept as '{aside.name}'" if aside else ""
    return f"The catalogue '{catalogue}' was damaged ({reason}){kept}; {told}"


def _move_aside(catalogue: Path) -> Path | None:
    """Rename a damaged catalogue and return its new name, None where it is gone."""
    aside = catalogue.with_name(f"{catalogue.stem}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}{catalogue.suffix}")
    there = catalogue.exists()
    # The log goes with the file it belongs to: beside the copy, SQLite might apply it.
    for ending in ("", "-wal", "-shm"):
        with_ending = Path(f"{catalogue}{ending}")
        if with_ending.exists():
            os.replace(with_ending, f"{aside}{ending}")
    return aside if there else None


def _describe_restored(catalogue: Path, assembled: Assembled) -> str:
    """Return what takes a catalogue's place, and what is known to have been and is missing in it."""
    journal = assembled.journal
    if not journal.copies:
        since = find_newest_row(name_backup(catalogue))
        return (
            f"its copy has taken its place, and without a journal beside it all that was written since {since} is "
            "missing: labels, inferences and decisions"
        )
    told = "its copy has taken its place"
    if assembled.since:
        told += f" with the {_count(assembled.since)} of the journal since then"
    newest = max(journal.newest, _find_number(catalogue))
    if newest <= assembled.number:
        return f"{told}, and nothing that was acknowledged is missing"
    lines: list[Transaction | Broken] = [*journal.transactions, *journal.broken]
    told_of = sorted((one.number or newest, one.rows) for one in lines)
    lost = [rows for number, rows in told_of if number > assembled.number]
    named = f" ({', '.join(filter(None, lost))})" if any(lost) else ""
    broken = ", ".join(str(one.line) for one in journal.broken)
    why = f"line {broken} of '{name_journal(catalogue).name}' cannot be read" if broken else "the journal lacks them"
    return f"{told}, and transactions {assembled.number + 1} to {newest}{named} are missing, since {why}"


def find_newest_row(catalogue: Path) -> str:
    """Return when the newest row of a catalogue was written, in words; a file's own time may be that of its copying."""
    with closing(open_for_reading(catalogue)) as connection:
        dated = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%created_at%'"
        ).fetchall()
        times = [connection.execute(f'SELECT MAX(created_at) FROM "{table}"').fetchone()[0] for (table,) in dated]
    newest = max(filter(None, times), default="")
    return f"its newest row of {newest[:16]} UTC" if newest else "it was begun"


def _find_number(catalogue: Path) -> int:
    """Return what a damaged catalogue still tells of its last transaction, 0 where nothing."""
    try:
        return read_number(catalogue) if catalogue.is_file() else 0
    except (sqlite3.DatabaseError, ValueError, TypeError):
        return 0


def find_faults(catalogue: Path, damage: str) -> list[tuple[str, str]]:
    """Return what is wrong with a catalogue, its copy and its journal, each as a sentence's begin and what mends it.

    ``damage`` is what ``find_damage`` found of the catalogue itself.
    """
    if damage:
        return [
            (f"The catalogue '{catalogue}' is damaged ({damage})", "puts its copy and journal in its place"),
            *_find_faults_beside(catalogue, 0),
        ]
    return _find_faults_beside(catalogue, read_number(catalogue))


def _find_faults_beside(catalogue: Path, number: int) -> list[tuple[str, str]]:
    """Return what is wrong with copy and journal; they should lead to the transaction ``number`` of the catalogue."""
    journal, path = read_journal(name_journal(catalogue)), name_journal(catalogue)
    anew = "makes copy and journal anew of the catalogue"
    faults = []
    for one in journal.broken:
        named = f" (transaction {one.number}: {one.rows})" if one.number is not None else ""
        faults.append((f"Line {one.line} of the journal '{path}' cannot be read{named}", anew))
    try:
        base = find_sound_copy(catalogue)
    except (StateError, sqlite3.DatabaseError) as error:
        return [*faults, (str(error).removesuffix("."), anew)]
    reached = base + len(journal.follow(base))
    if not journal.copies:
        faults.append((f"There is no journal '{path}' of what came after the copy", anew))
    elif reached < number and not journal.broken:
        faults.append((f"The journal '{path}' leads to transaction {reached} and not to {number}", anew))
    if any(one.kind == GENERATION and one.number <= number for one in journal.follow(base)):
        faults.append((f"The copy '{name_backup(catalogue)}' was not made anew after the newest generation", anew))
    return faults


def find_damage(catalogue: Path) -> str:
    """Return why a catalogue is damaged, '' where it is sound: its pages are, and it holds what copy and journal do.

    Without a sound copy there is nothing to hold its rows against. StateError where it cannot be looked at now.
    """
    if not catalogue.is_file() or catalogue.stat().st_size < LEAST_BYTES:
        return find_loss(catalogue) or "the file is cut off"
    try:
        with closing(open_for_reading(catalogue)) as connection:
            connection.execute("BEGIN")  # others may write meanwhile; this looks at one moment
            check_pages_of(connection)
            number = read_number_of(connection)
            if differing := _compare(catalogue, connection, number):
                return differing
        return BEHIND if _is_behind(catalogue, number) else ""
    except (sqlite3.Error, ValueError, TypeError) as error:
        if is_busy(error):
            raise StateError(f"The catalogue '{catalogue}' cannot be checked ({error}).") from error
        return str(error)


def _compare(catalogue: Path, connection: sqlite3.Connection, number: int) -> str:
    """Return how a catalogue that is open differs from its copy and journal up to the transaction ``number``.

    '' where it does not, or there is no sound copy to hold it against.
    """
    folder = Path(tempfile.gettempdir()) if may_only_read(catalogue) else catalogue.parent
    temporary = name_temporary(folder / catalogue.name)
    try:
        if find_sound_copy(catalogue) > number:
            return "it is older than its copy"
        assemble(catalogue, temporary, number)
        with closing(sqlite3.connect(temporary)) as other:
            found = find_differences(connection, other)
    except StateError:
        return ""
    finally:
        temporary.unlink(missing_ok=True)
    return f"it differs from its copy and journal: {', '.join(found)}" if found else ""
