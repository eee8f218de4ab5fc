"""The state of one Switchyard: its catalogue, its files and the lock that keeps updates apart."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Engine

from common.config import Config
from common.database import connect
from common.errors import StateError
from common.files import FileStore
from common.postgresql import hold_shared_lock


@dataclass(frozen=True)
class State:
    """Where a run reads from and commits to."""

    folder: Path
    engine: Engine
    files: FileStore


@contextmanager
def open_state(config: Config) -> Iterator[State]:
    """Open (and on first use create) the state that ``config`` names."""
    folder = config.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"The state folder '{folder}' cannot be created ({error.strerror}); set state_dir.") from error
    engine = connect(config.database_url or f"sqlite:///{folder / 'catalogue.db'}")
    try:
        yield State(folder, engine, FileStore(folder / "files"))
    finally:
        engine.dispose()


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
    path = state.folder / f"{command}.lock"
    with path.open("a+") as file:
        if not _try_lock(file.fileno()):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StateError(
                f"Another {command} (process {holder}) holds '{path}'; run this one again when it is done."
            )
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        with hold_shared_lock(state.engine, command) if _is_shared(state.engine) else nullcontext():
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
