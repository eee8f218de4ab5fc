"""Folders into which files are dropped: every supported file in them is a part of the stream."""

import logging
from dataclasses import dataclass
from pathlib import Path

from pointsman.common.errors import DataError
from pointsman.common.formats import FORMATS
from pointsman.common.wanted import Wanted
from pointsman.pipeline.collection.part import Part, describe_file

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderSource:
    """Every supported file right in the folders, by name. Subfolders, hidden and empty files are left alone.

    That a copy of a file is not taken again is the cursor's business, which remembers contents.
    """

    paths: tuple[str, ...]
    data_dir: Path
    wanted: Wanted | None = None

    @property
    def label(self) -> str:
        return ", ".join(self.paths)

    def parts(self) -> tuple[Part, ...]:
        files = [file for path in self.paths for file in _list_files(self.data_dir / path)]
        return tuple(describe_file(file, self.data_dir, self.wanted) for file in dict.fromkeys(files))


def _list_files(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"The folder '{folder}' cannot be listed ({error.strerror}); check source.paths "
            "(relative paths start at data_dir)."
        ) from error
    return [entry for entry in entries if _is_usable(entry)]


def _is_usable(entry: Path) -> bool:
    reason = ""
    if not entry.is_file():
        reason = "it is no file"
    elif entry.name.startswith((".", "~")):
        reason = "it is hidden or temporary"
    elif not entry.name.lower().endswith(FORMATS):
        reason = f"its ending is none of {', '.join(FORMATS)}"
    elif entry.stat().st_size == 0:
        reason = "it is empty"
    if reason:
        _log.info("'%s' is ignored: %s.", entry, reason)
    return not reason
