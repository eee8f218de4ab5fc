"""The report that is kept beside the state, with a mark that says what it was made of: a glance tells if it is old."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pointsman import __version__
from pointsman.common.config import Config
from pointsman.common.storage.files import compute_digest, save_atomically

PAGE, MARK = "report.html", "report.mark.json"
BESIDE = frozenset({"service", "workers", "data_dir", "state_dir", "database_url", "mlflow"})
"""Keys of the configuration that no figure of the report follows from."""


@dataclass(frozen=True)
class Mark:
    """What a report was made of: the generation, the settings and the release. ``written_at`` is in UTC."""

    generation: int
    settings: str
    release: str
    written_at: datetime

    def is_like(self, other: "Mark") -> bool:
        """Return whether two reports are of the same generation, by the same settings and release."""
        return (self.generation, self.settings, self.release) == (other.generation, other.settings, other.release)


@dataclass(frozen=True)
class KeptPage:
    """A report as it was written, and its mark."""

    mark: Mark
    html: bytes


def mark_report(config: Config, generation: int, written_at: datetime) -> Mark:
    """Return the mark of a report."""
    settings = config.model_dump_json(by_alias=True, exclude=set(BESIDE))
    return Mark(generation, compute_digest(settings.encode())[:16], __version__, written_at)


def save_mark(mark: Mark, page: bytes, folder: Path) -> None:
    """Write what the page in a folder was made of, once the page is written."""
    told = asdict(mark) | {"written_at": mark.written_at.isoformat(), "page": compute_digest(page)}
    save_atomically(folder / MARK, json.dumps(told, indent=1).encode())


def load_kept(folder: Path) -> KeptPage | None:
    """Return the page that is kept in a folder; None where there is none, or it is not the one that its mark is of."""
    try:
        told = json.loads((folder / MARK).read_bytes())
        html = (folder / PAGE).read_bytes()
        if told.pop("page") != compute_digest(html):
            return None
        return KeptPage(Mark(**told | {"written_at": datetime.fromisoformat(told["written_at"])}), html)
    except (OSError, ValueError, TypeError, KeyError):  # nothing there, or no mark as it is written today
        return None
