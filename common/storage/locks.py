"""Locks of files, which the operating system frees when their holder dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointsman.common.storage.files import explain_writing


def try_lock(handle: int) -> bool:
    """Lock an open file for this process alone; return False, without waiting, where another holds it."""
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


@contextmanager
def wait_for_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is not there, as soon as whoever holds it is done.

    StateError where the file cannot be written.
    """
    with explain_writing(path):
        file = path.open("ab")
    with file:
        if os.name == "posix":
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        else:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
        yield
