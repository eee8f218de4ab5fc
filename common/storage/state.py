"""The state of one Pointsman: its catalogue, its files and the lock that keeps updates apart."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pointsman.common.config import Config
from pointsman.common.errors import DamagedCatalogue, StateError
from pointsman.common.storage.addresses import address_file
from pointsman.common.storage.backup import find_catalogue, find_loss, restore_backup
from pointsman.common.storage.catalogue import connect
from pointsman.common.storage.files import FileStore, explain_writing, sweep
from pointsman.common.storage.postgresql import hold_shared_lock

_log = logging.getLogger(__name__)


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
    try:
        catalogue = find_catalogue(sa.make_url(url)) if config.database_url is None else None
        # Asked before it is opened: SQLite would make an empty catalogue in the place of a lost one.
        if catalogue and (lost := find_loss(catalogue)):
            raise DamagedCatalogue(str(catalogue), lost)
        engine = connect(url)
    except DamagedCatalogue as damage:
        _log.warning("%s.", _restore(folder, url, damage))
        engine = connect(url)
    try:
        yield State(folder, engine, FileStore(folder / "files"))
    except DamagedCatalogue as damage:
        # The caller's block cannot be run twice, so it ends here; run again, the command finds the copy in its place.
        engine.dispose()
        raise StateError(f"{_restore(folder, url, damage)}; run this again.") from damage
    finally:
        engine.dispose()


def name_url(config: Config) -> str | sa.URL:
    """Return where the catalogue of a state is."""
    return config.database_url or address_file(config.state_dir / "catalogue.db")


def has_state(config: Config) -> bool:
    """Return whether there is a state; a lost catalogue whose copy is left counts.

    A catalogue on a server is taken to be there, since only asking the server would tell.
    """
    try:
        catalogue = find_catalogue(sa.make_url(name_url(config)))
    except (sa.exc.ArgumentError, ValueError):  # opening it says what is wrong with it
        return True
    return catalogue is None or catalogue.is_file() or bool(find_loss(catalogue))


def _restore(folder: Path, url: str | sa.URL, damage: DamagedCatalogue) -> str:
    """Restore the catalogue from its copy under the update lock, and return a sentence on that."""
    catalogue = find_catalogue(sa.make_url(url))
    if catalogue is None:
        raise damage
    with _lock_file(folder, "update"):
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
        _lock_file(state.folder, command),
        hold_shared_lock(state.engine, command) if _is_shared(state.engine) else nullcontext(),
    ):
        if command == "update":
            sweep(state.files.folder)
        yield


@contextmanager
def _lock_file(folder: Path, command: str) -> Iterator[None]:
    path = folder / f"{command}.lock"
    with explain_writing(path):
        file = path.open("a+")  # not emptied before it is locked: who is refused reads the holder's number in it
    with file:
        if not _try_lock(file.fileno()):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StateError(
                f"Another {command} (process {holder}) holds '{path}'; run this one again when it is done."
            )
        with explain_writing(path):
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
        yield


def _is_shared(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def _try_lock(handle: int) -> bool:
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
