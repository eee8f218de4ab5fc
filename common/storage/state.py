"""The state of one Pointsman: its catalogue, its files and the lock that keeps updates apart."""

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pointsman.common.config import Config
from pointsman.common.errors import DamagedCatalogue, LockHeld, PointsmanError, Restored, StateError, first_line
from pointsman.common.storage.addresses import address_file, show_address
from pointsman.common.storage.backup import find_catalogue, name_backup, read_number, save_backup
from pointsman.common.storage.catalogue import connect
from pointsman.common.storage.files import FileStore, explain_writing, sweep
from pointsman.common.storage.journal import name_journal, read_reach
from pointsman.common.storage.locks import try_lock
from pointsman.common.storage.postgresql import hold_shared_lock
from pointsman.common.storage.restoring import catch_up, find_damage, find_loss, is_busy, restore_backup

_log = logging.getLogger(__name__)

T = TypeVar("T")

_restoring = threading.Lock()

LONGEST_JOURNAL = 32_000_000
"""Bytes of a journal behind which the copy is made anew although no generation came."""


@dataclass(frozen=True)
class State:
    """Where a run reads from and commits to."""

    folder: Path
    engine: Engine
    files: FileStore


@contextmanager
def open_state(config: Config, must_exist: bool = False) -> Iterator[State]:
    """Open (and on first use create) the state that ``config`` names.

    With ``must_exist`` nothing is created: StateError says where there is none, and how to begin one.
    """
    folder = config.state_dir
    if must_exist and not has_state(config):
        raise StateError(
            f"There is no state in '{folder}' yet; run 'python run.py update' first, with the same configuration."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"The state folder '{folder}' cannot be created ({error.strerror}); set state_dir.") from error
    url = name_url(config)
    state = State(folder, _open_catalogue(folder, url), FileStore(folder / "files"))
    try:
        _settle_catalogue(state)
        trim_journal(state)
        yield state
    except DamagedCatalogue as damage:
        # The caller's block cannot be run twice, so it ends here; run again, the command finds the copy in its place.
        raise Restored(f"{restore(state, damage.reason)}; run this again.") from damage
    except PointsmanError:
        raise
    except Exception as error:  # what nobody foresaw may come of a cell that is not what it was
        if not (reason := _find_damage(state)):
            raise
        raise Restored(f"{restore(state, reason)}; run this again.") from error
    finally:
        state.engine.dispose()


def _open_catalogue(folder: Path, url: str | sa.URL) -> Engine:
    catalogue = find_file(url)
    try:
        # Asked before it is opened: SQLite would make an empty catalogue in the place of a lost one.
        if catalogue and (lost := find_loss(catalogue)):
            raise DamagedCatalogue(str(catalogue), lost)
        return connect(url, recorded=True)
    except StateError as error:
        # A table, or the number of its protocol, may be another one than what was stored.
        reason = error.reason if isinstance(error, DamagedCatalogue) else catalogue and find_damage(catalogue)
        if not reason:
            raise
        _log.warning("%s.", _restore(folder, url, DamagedCatalogue(str(catalogue), reason)))
        return connect(url, recorded=True)


def _settle_catalogue(state: State) -> None:
    """Bring a catalogue up to its journal, and make up for a copy or journal that is missing or late.

    DamagedCatalogue where the catalogue is older than its copy, or does not go with its journal.
    """
    if (catalogue := find_catalogue(state.engine.url)) is None:
        return
    number, reach = _read_number(catalogue), read_reach(name_journal(catalogue))
    if reach and reach.newest > number:
        _catch_up(catalogue)
        number = _read_number(catalogue)
    if reach and number < reach.base:
        raise DamagedCatalogue(str(catalogue), "it is older than its copy")
    if not number:  # an earlier release wrote it; both begin with the first transaction
        return
    missing = [path.name for path in (name_journal(catalogue), name_backup(catalogue)) if not path.is_file()]
    if missing:
        told = f"{' and '.join(missing)} beside the catalogue '{catalogue}' {'is' if len(missing) == 1 else 'are'} gone"
    elif reach and reach.base < reach.wanted <= number:
        told = "the copy of the catalogue could not be written after the newest generation"
    else:
        return
    with suppress(StateError), lock_folder(state.folder, "update"):  # who holds it makes the copy itself
        _log.warning("%s; made anew now", told)
        renew_copy(state, is_asked=bool(missing))


def _read_number(catalogue: Path) -> int:
    try:
        return read_number(catalogue)
    except sqlite3.DatabaseError as error:
        raise DamagedCatalogue(str(catalogue), first_line(error)) from error


def _catch_up(catalogue: Path) -> None:
    """Do what ``catch_up`` does, and tell of it; DamagedCatalogue where the catalogue does not go with its journal."""
    try:
        if told := catch_up(catalogue):
            _log.warning("%s", told)
    except sqlite3.DatabaseError as error:
        if not is_busy(error):
            raise DamagedCatalogue(str(catalogue), first_line(error)) from error
        _log.warning("the catalogue '%s' cannot be brought up to its journal now (%s)", catalogue, first_line(error))


def renew_copy(state: State, is_asked: bool = False) -> None:
    """Make the copy of a catalogue anew; say where it cannot be made, or not of the older copy, unless that is asked.

    The journal holds what the copy lacks.
    """
    try:
        reason = save_backup(state.engine, anew=is_asked)
    except StateError as error:
        _log.warning("%s", error)
        return
    if reason:
        _log.warning("the copy of the catalogue is made of itself: %s", reason)


def restore(state: State, reason: str) -> str:
    """Put copy and journal in the place of a damaged catalogue and return a sentence on it; the engine then opens that.

    StateError where there is no sound copy, the catalogue is sound, or an update is at work.
    """
    state.engine.dispose()
    return _restore(state.folder, state.engine.url, DamagedCatalogue(show_address(state.engine.url), reason))


def restore_place(folder: Path, url: str | None = None) -> str:
    """Do what ``restore_if_damaged`` does for the state in a folder that was not opened."""
    catalogue = find_file(url or address_file(folder / "catalogue.db"))
    try:
        if catalogue and name_backup(catalogue).is_file() and (damage := find_damage(catalogue)):
            with lock_folder(folder, "update"):
                return restore_backup(catalogue, damage)
    except StateError as error:
        _log.warning("%s", error)
    return ""


def restore_if_damaged(state: State) -> str:
    """Do what ``restore`` does where the catalogue is found damaged; '' where it is not, or cannot be restored now."""
    with _restoring:  # of threads that meet the damage at once, one restores
        if damage := _find_damage(state):
            try:
                return restore(state, damage)
            except StateError as error:
                _log.warning("%s", error)
    return ""


def run_restored(state: State, job: Callable[[], T]) -> T:
    """Return what a job returns that may be done twice; where the catalogue is damaged, it is restored in between.

    For what goes on for long, such as a service, beside which others may have restored the catalogue, too.
    """
    try:
        return job()
    except Exception as error:
        if isinstance(error, PointsmanError) and not isinstance(error, StateError):
            raise
        state.engine.dispose()  # its connections may be to a file that another has taken the place of
        told = restore_if_damaged(state)
        if told:
            _log.warning("%s", told)
        elif not isinstance(error, DamagedCatalogue):
            raise
    return job()


def trim_journal(state: State) -> None:
    """Make the copy of a catalogue anew where its journal has grown long, unless an update is at work."""
    catalogue = find_catalogue(state.engine.url)
    with suppress(StateError, FileNotFoundError):
        if catalogue and name_journal(catalogue).stat().st_size > LONGEST_JOURNAL:
            with lock_folder(state.folder, "update"):
                renew_copy(state)


def _find_damage(state: State) -> str:
    """Return why an SQLite catalogue is damaged, '' where it is sound or cannot be looked at."""
    catalogue = find_catalogue(state.engine.url)
    try:
        return find_damage(catalogue) if catalogue else ""
    except StateError:
        return ""


def find_file(url: str | sa.URL) -> Path | None:
    """Return the file of an SQLite catalogue, None for any other and for what is no URL, which opening it refuses."""
    try:
        return find_catalogue(sa.make_url(url))
    except (sa.exc.ArgumentError, ValueError):
        return None


def name_url(config: Config) -> str | sa.URL:
    """Return where the catalogue of a state is."""
    return config.database_url or address_file(config.state_dir / "catalogue.db")


def has_state(config: Config) -> bool:
    """Return whether there is a state; a lost catalogue whose copy is left counts.

    A catalogue on a server is taken to be there, since only asking the server would tell.
    """
    catalogue = find_file(name_url(config))
    return catalogue is None or catalogue.is_file() or bool(find_loss(catalogue))


def _restore(folder: Path, url: str | sa.URL, damage: DamagedCatalogue) -> str:
    """Restore the catalogue from its copy under the update lock, and return a sentence on that."""
    catalogue = find_catalogue(sa.make_url(url))
    if catalogue is None:
        raise damage
    with lock_folder(folder, "update"):
        return restore_backup(catalogue, damage.reason)


@contextmanager
def lock_updates(state: State) -> Iterator[None]:
    """Hold the update lock of a state; StateError names the process that holds it already.

    The operating system, or the server of the catalogue, frees the lock when its holder dies, so a killed update never
    blocks the next one.
    """
    with hold_lock(state, "update"):
        yield


@contextmanager
def hold_lock(state: State, command: str) -> Iterator[None]:
    """Hold the lock that keeps two runs of a command on one state apart, as ``lock_updates`` does for updates.

    Processes on one folder meet at a file in it, machines with folders of their own at the PostgreSQL they share.
    """
    with (
        lock_folder(state.folder, command),
        hold_shared_lock(state.engine, command) if _is_shared(state.engine) else nullcontext(),
    ):
        if command == "update":
            sweep(state.files.folder)
            sweep(state.folder, deep=False)  # copies that were half-made
            if catalogue := find_catalogue(state.engine.url):
                _catch_up(catalogue)
        yield


@contextmanager
def lock_folder(folder: Path, command: str) -> Iterator[None]:
    """Hold the lock of a command in a folder; StateError names the process that holds it already."""
    path = folder / f"{command}.lock"
    with explain_writing(path):
        file = path.open("a+")  # not emptied before it is locked: who is refused reads the holder's number in it
    with file:
        if not try_lock(file.fileno()):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise LockHeld(f"Another {command} (process {holder}) holds '{path}'; run this one again when it is done.")
        with explain_writing(path):
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
        yield


def _is_shared(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"
