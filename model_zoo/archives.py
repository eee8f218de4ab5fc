"""Stored archives are checked before they are unpacked: one that would fill the memory is refused."""

import io
from zipfile import BadZipFile, ZipFile

LARGEST_UNPACKED = 2**31
"""Bytes that an archive may unpack to. A forest of the largest training table has a tenth of it."""


def check_archive(stored: bytes) -> None:
    """Raise ValueError where bytes are not a zip archive, or would unpack to more than LARGEST_UNPACKED.

    Sizes are those of the archive's own directory; no entry yields more bytes than are written there.

    >>> check_archive(b"no archive")
    Traceback (most recent call last):
    ValueError: it is no archive
    """
    try:
        with ZipFile(io.BytesIO(stored)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except BadZipFile:
        raise ValueError("it is no archive") from None
    if unpacked > LARGEST_UNPACKED:
        raise ValueError(f"it would unpack to {unpacked} bytes, and at most {LARGEST_UNPACKED} are allowed")
