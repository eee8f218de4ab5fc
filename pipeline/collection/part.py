"""What every source is made of: parts, each a table that can be loaded, and told apart before it is."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import pandas as pd

from pointsman.common.errors import DataError
from pointsman.common.formats import find_format
from pointsman.common.tabular.reader import read_table
from pointsman.common.wanted import Wanted


@dataclass(frozen=True)
class Part:
    """One table of a stream; a stream is the union of its parts.

    ``key`` is the same in every run; ``label`` names the part in messages; ``digest`` tells whether the content changed
    since it was last read, or is None where that is known only after loading.
    """

    key: str
    label: str
    load: Callable[[], pd.DataFrame]
    digest: str | None


class Source(Protocol):
    """Where a stream comes from. ``label`` names the source in messages."""

    @property
    def label(self) -> str: ...

    def parts(self) -> Sequence[Part]:
        """Return the parts as they are now, in a fixed order; DataError for a part that cannot be used."""
        ...


def describe_file(path: Path, data_dir: Path, wanted: Wanted | None = None) -> Part:
    """Return the file at ``path`` as a part: its key is the path below ``data_dir``, its digest that of its bytes.

    ``wanted`` says what it is read by.

    Raises DataError where the file does not exist or its format is not supported.
    """
    find_format(path)
    if path.is_dir():
        raise DataError(f"The path '{path}' is a folder; name a file in source.paths or set source.kind to folder.")
    key = path.relative_to(data_dir) if path.is_relative_to(data_dir) else path
    return Part(key.as_posix(), str(path), partial(read_table, path, wanted), compute_file_digest(path))


def compute_file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in blocks; DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError(
            f"The file '{path}' does not exist (looked for in '{path.parent.resolve()}'); check source.paths, which "
            "start at data_dir."
        ) from None
    except OSError as error:
        raise DataError(f"The file '{path}' cannot be read ({error.strerror}); check its permissions.") from error
