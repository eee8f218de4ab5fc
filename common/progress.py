"""Progress through a long file or an update: on a terminal a bar with the time left, else lines in the log."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


STAGES = {
    "collection": "collecting the batch",
    "analysis": "judging its quality",
    "preparation": "making the training set",
    "prequential": "evaluating models before they learn",
    "labels": "matching labels",
    "drift": "judging drift",
    "bouts": "comparing with challengers",
    "search": "searching",
    "newcomers": "predicting out of fold",
    "promotion": "deciding who stays",
    "training": "fitting models",
    "selection": "choosing what serves",
    "associations": "mining rules",
}
"""Stages as they are stored, in the words in which they are told."""
SILENT_SECONDS = 10.0
"""Longest silence of an update."""
TOLD_SECONDS = 0.1
"""Shortest stage that has a line of its own."""


class StageProgress:
    """What an update is doing: a bar a stage on a terminal, else a line a stage and one every SILENT_SECONDS.

    ``label`` stands before what is told; it may change between stages.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._stage, self._done, self._planned = "", 0, 0
        self._started = self._told = time.monotonic()
        self._bar: Any = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Tell of a stage while it lasts, and how long it took."""
        self._stage, self._done, self._planned = STAGES.get(name, name), 0, 0
        self._started = self._told = time.monotonic()
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,), name="progress", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            if self._bar is not None:
                self._bar.close()
                self._bar = None
            seconds = time.monotonic() - self._started
            if seconds >= TOLD_SECONDS and not sys.stderr.isatty():
                _log.info("%s: %s: %.1f s", self.label, self._stage, seconds)

    def count(self, done: int, planned: int) -> None:
        """Take in how many steps of the stage are done; more may be planned later."""
        self._done, self._planned = done, planned

    def _watch(self, ended: threading.Event) -> None:
        """Move the bar or break the silence, from a thread of its own: a fit may take minutes."""
        while not ended.wait(min(0.5, SILENT_SECONDS)):
            if sys.stderr.isatty():
                self._move_bar()
            elif time.monotonic() - self._told >= SILENT_SECONDS:
                self._told = time.monotonic()
                _log.info("%s: %s: %s", self.label, self._stage, self._describe(self._told - self._started))

    def _move_bar(self) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(desc=f"{self.label}: {self._stage}", file=sys.stderr, leave=False)
        self._bar.total = self._planned or None
        self._bar.n = self._done
        self._bar.refresh()

    def _describe(self, seconds: float) -> str:
        if not self._done or self._done == self._planned:  # before the first, and while all are being stored
            return f"{seconds:.0f} s so far"
        left = seconds / self._done * (self._planned - self._done)
        return f"{self._done} of {self._planned} done, about {left:.0f} s left"
