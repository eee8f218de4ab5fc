"""Big things are files named by their content: written to a temporary name, synced, then renamed."""

import errno
import hashlib
import io
import logging
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pointsman.common.errors import StateError, first_line

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

STORED_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]+)*")
"""Names of stored files: a digest and endings. Nothing that comes from a catalogue is opened by another name."""

TEMPORARY_NAME = re.compile(r"\.[0-9a-f]{8}-[0-9]+-[0-9a-f]+\.tmp(-journal|-wal|-shm)?")
"""Names of files that are being written, as ``name_temporary`` gives them, and of what SQLite keeps beside such a one:
no other file is ever swept."""

PRIVATE = 0o600
"""Rights of a file of answers: it holds what people asked about."""
_BINARY = getattr(os, "O_BINARY", 0)

UNCHANGED = "nothing that was committed before is lost"
FULL = f"free some space and run this again; {UNCHANGED}"
READ_ONLY = "it may be read but not written here; give this user the right to write, or name another state_dir"

SECONDS_LEFT_ALONE = 3600
"""How long a half-written file of another machine is left alone, since it may still be finished."""


def compute_digest(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def save_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either its old bytes or all the new ones, whatever happens.

    StateError names the file where the disk is full or may not be written.
    """
    with open_atomically(path) as file:
        file.write(content)


@contextmanager
def open_atomically(path: Path, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file that appears as ``path`` once the block ends, and not at all where the block fails.

    A ``private`` one is for its owner alone, whatever the umask says; any other has the rights that the umask leaves.
    StateError names the file where the disk is full or may not be written.
    """
    temporary = name_temporary(path)
    with explain_writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            rights = PRIVATE if private else 0o666
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, rights), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def explain_writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses while a file is written into StateError."""
    try:
        yield
    except OSError as error:
        reasons = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: READ_ONLY, errno.EACCES: READ_ONLY}
        advice = reasons.get(error.errno or 0, f"look at the disk and the folder; {UNCHANGED}")
        raise StateError(f"The file '{path}' cannot be written ({error.strerror or error}); {advice}.") from error


def name_temporary(path: Path) -> Path:
    """Return a name beside ``path`` to write under, which tells machine and process."""
    return path.with_name(f".{_name_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")


def sweep(folder: Path, deep: bool = True) -> None:
    """Remove the files that killed processes left half-written in a folder and, if ``deep``, in its subfolders.

    Those of this machine stay while their process runs, those of another machine for an hour.
    """
    for temporary in folder.rglob(".*.tmp*") if deep else folder.glob(".*.tmp*"):
        if not TEMPORARY_NAME.fullmatch(temporary.name):
            continue
        with suppress(OSError):  # another process may sweep, or finish its file, at the same time
            machine, process, *_ = temporary.name.removeprefix(".").split("-")
            here = machine == _name_machine()
            if not is_alive(int(process)) if here else time.time() - temporary.stat().st_mtime > SECONDS_LEFT_ALONE:
                temporary.unlink()


def is_alive(process: int) -> bool:
    """Return whether a process of this machine still runs."""
    if os.name != "posix":
        import psutil

        return bool(psutil.pid_exists(process))
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _name_machine() -> str:
    return compute_digest(socket.gethostname().encode())[:8]


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power cut (a no-op where folders cannot be opened)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FileStore:
    """Immutable files under one folder, each named by the SHA-256 of its content.

    Saving the same content twice keeps one file, so a retry after a kill doubles nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return where the file of that name lies, whether or not it exists.

        Raises StateError for a name that this store never gives, which could lead out of its folder.
        """
        if not STORED_NAME.fullmatch(name):
            raise StateError(
                f"The catalogue names {name!r}, which is no file of the store '{self.folder}'; "
                "restore the state from a backup."
            )
        return self.folder / name[:2] / name

    def save(self, content: bytes, suffix: str) -> str:
        """Store ``content`` and return its name: digest plus ``suffix`` (such as '.parquet')."""
        name = compute_digest(content) + suffix
        path = self.path(name)
        if path.exists():
            with suppress(OSError):  # a store that cannot be written to holds it all the same
                os.utime(path)  # garbage collection leaves young files alone
        else:
            save_atomically(path, content)
        return name

    def repair(self, content: bytes, suffix: str) -> str:
        """Store ``content`` as ``save`` does, also over a file of that name that was altered."""
        name = compute_digest(content) + suffix
        try:
            self.load(name)
        except StateError:
            save_atomically(self.path(name), content)
        return name

    def load_if_sound(self, name: str) -> bytes | None:
        """Return what ``load`` does, or None with a warning: for files that a command can do without."""
        try:
            return self.load(name)
        except StateError as error:
            _log.warning("%s; this goes on without it", str(error).rpartition(";")[0] or error)
            return None

    def load(self, name: str) -> bytes:
        """Return the content of a stored file; StateError where it is missing or was altered."""
        path = self.path(name)
        try:
            content = path.read_bytes()
        except OSError:
            raise StateError(f"The stored file '{path}' is missing; restore it from a backup of the state.") from None
        if compute_digest(content) != name.partition(".")[0]:
            raise StateError(f"The stored file '{path}' was altered; restore it from a backup of the state.")
        return content

    def save_table(self, table: "pd.DataFrame") -> str:
        """Store a table as Parquet and return its name."""
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, compression="zstd")
        return self.save(buffer.getvalue(), ".parquet")

    def load_table(self, name: str, columns: list[str] | None = None) -> "pd.DataFrame":
        """Return a stored table, or some of its columns; StateError where it is no table or lacks a column."""
        import pandas as pd

        content = self.load(name)
        try:
            return pd.read_parquet(io.BytesIO(content), columns=columns)
        except Exception as error:  # stored bytes may be anything, and Parquet has errors of many kinds
            raise StateError(
                f"The stored file '{self.path(name)}' is no table that can be read ({first_line(error)}); "
                "restore it from a backup of the state."
            ) from error


class LayeredStore(FileStore):
    """A store that writes to its own folder and reads what is not there from another, which stays as it is."""

    def __init__(self, folder: Path, below: FileStore) -> None:
        super().__init__(folder)
        self.below = below

    def path(self, name: str) -> Path:
        """Return where the file of that name lies: in this store, or in the one below if it is there."""
        own, other = super().path(name), self.below.path(name)
        return other if other.exists() and not own.exists() else own
