"""The report that the service shows: kept beside the state, and made anew in a process of its own."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from pointsman.common.config import Config
from pointsman.common.errors import LockHeld, PointsmanError, StateError, first_line
from pointsman.common.program import get_program, set_program
from pointsman.common.storage.catalogue import utc_now
from pointsman.common.storage.state import State, hold_lock, open_state
from pointsman.pipeline.reporting.kept import KeptPage, load_kept, mark_report

log = logging.getLogger(__name__)

FOLDER, LOCK = "report", "report"
OLD_SECONDS = 600.0
"""From this age on a report is made anew for the requests that have come since, when somebody asks for it."""
RETRY_SECONDS = 30.0
"""How long nothing is tried after an attempt that failed."""
PATIENCE = 900.0
"""Seconds that a process waits for another one that is making the same report, before it makes it itself."""


@dataclass(frozen=True)
class Shown:
    """A report to show, and whether it is of the generation that serves; ``answered`` are the requests before it."""

    page: KeptPage
    is_current: bool
    answered: int


class ReportMaker:
    """Has reports made, one at a time; ``failure`` is why the newest attempt failed, '' if it did not.

    Another process of the service, or the command, may have made the report: what it keeps beside the state is taken.
    """

    def __init__(self, config: Config, folder: Path) -> None:
        self.failure = ""
        self._config, self._folder = config, folder / FOLDER
        self._page: KeptPage | None = None
        self._answered = self._asked_at = self._asked_for = 0
        self._making, self._made_for, self._retry_at = False, 0, 0.0
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def ask(self, generation: int, answered: int) -> Shown | None:
        """Return the newest report there is; where it is not of ``generation``, or is old, have it made meanwhile.

        ``answered`` counts the requests that this process has answered: a report is old where some came after it.
        """
        wanted = mark_report(self._config, generation, utc_now())
        with self._lock:
            if self._page is None or not self._page.mark.is_like(wanted):
                kept = load_kept(self._folder)
                if kept and (self._page is None or kept.mark.is_like(wanted)):
                    self._page, self._answered = kept, 0
            page = self._page
            # What serves may be older than the newest generation, which is broken then: the report is of that one.
            is_current = page is not None and (page.mark.is_like(wanted) or self._made_for == generation)
            age = (wanted.written_at - page.mark.written_at).total_seconds() if page else 0.0
            is_old = age > OLD_SECONDS and answered > self._answered
            if (not is_current or is_old) and not self._making and time.monotonic() >= self._retry_at:
                self._begin(generation, answered)
            return Shown(page, is_current, self._answered) if page else None

    def close(self) -> None:
        """End the making of a report without waiting for it."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, generation: int, answered: int) -> None:
        """Start the process that makes a report; the caller holds the lock."""
        self._making, self._asked_at, self._asked_for, self.failure = True, answered, generation, ""
        after = self._page.mark.written_at if self._page else None
        try:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), set_program, (get_program(),))
            made = self._pool.submit(make_report, self._config, generation, after)
            made.add_done_callback(self._take)
        except OSError as error:  # no process can be started now; the next request tries again
            log.error("The report could not be made: %s", first_line(error))
            self._making, self.failure = False, "No report can be made at the moment; ask again later."

    def _take(self, made: "Future[tuple[KeptPage | None, str]]") -> None:
        error = None if made.cancelled() else made.exception()
        page, sentence = (None, "The report was not finished.") if made.cancelled() or error else made.result()
        with self._lock:
            if page:
                self._page, self._answered, self._made_for = page, self._asked_at, self._asked_for
            else:
                self._retry_at = time.monotonic() + RETRY_SECONDS
            self.failure, self._making = sentence, False
            pool, self._pool = self._pool, None
        if sentence and pool:
            log.error("The report could not be made: %s", error or sentence)
        if pool:
            pool.shutdown(wait=False)


def make_report(config: Config, generation: int, after: datetime | None) -> tuple[KeptPage | None, str]:
    """Return a report written ``after`` a moment and '', or None and why there is none.

    Runs in a process of its own, after everything else. Of several processes that are asked for the same report, one
    makes it and the others take what it keeps.
    """
    from pointsman.pipeline.summary import make_summary, save_summary

    if hasattr(os, "nice"):
        os.nice(10)
    try:
        with open_state(config, must_exist=True) as state, take_turn(state):
            kept = load_kept(state.folder / FOLDER)
            wanted = mark_report(config, generation, utc_now())
            if kept and kept.mark.is_like(wanted) and (after is None or kept.mark.written_at > after):
                return kept, ""
            summary = make_summary(config, state)
            try:
                save_summary(summary, state)
            except StateError as error:  # such as a state that may only be read: the page is shown all the same
                log.warning("the report is not kept: %s", error)
            return KeptPage(summary.mark, summary.page.encode()), ""
    except (PointsmanError, OSError) as error:
        return None, str(error)


@contextmanager
def take_turn(state: State) -> Iterator[None]:
    """Wait until no other process makes a report of the state; where there can be no lock, go on without one."""
    until = time.monotonic() + PATIENCE
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(hold_lock(state, LOCK))
                break
            except LockHeld:
                if time.monotonic() > until:
                    break
                time.sleep(0.5)
            except StateError:
                break
        yield
