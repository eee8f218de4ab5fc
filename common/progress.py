"""Progress through a long file: on a terminal a bar with rows a second and the time left, else lines in the log."""

import logging
import sys
import time
from typing import Any

_log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """Progress through one file, whose number of rows is not known before its end."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.rows = 0
        self.started = self.told = time.monotonic()
        self.bar: Any = None

    def add(self, rows: int, done: float) -> None:
        """Show that ``rows`` more rows are done, and now a share ``done`` of the file; a short file shows nothing."""
        self.rows += rows
        if self.rows == rows and done >= 1:
            return
        if self.bar is None and sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(desc=self.label, unit=" rows", unit_scale=True, file=sys.stderr, leave=False)
        if self.bar is not None:
            self.bar.total = round(self.rows / max(done, 1e-9))
            self.bar.update(rows)
        elif time.monotonic() - self.told > SECONDS_BETWEEN_LINES:
            self.told = time.monotonic()
            seconds = self.told - self.started
            left = seconds / max(done, 1e-9) - seconds
            _log.info("%s: %d rows, %.0f a second, about %.0f s left", self.label, self.rows, self.rows / seconds, left)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
