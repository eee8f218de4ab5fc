"""The report of the summary, made beside the service: in a process of its own, once for a generation."""

import logging
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from pointsman.common.config import Config
from pointsman.common.errors import PointsmanError, first_line
from pointsman.common.program import get_program, set_program

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """A report and the generation that it is about."""

    generation: int
    html: bytes


class ReportMaker:
    """Has reports made, one at a time; ``failure`` is why the newest attempt failed, '' if it did not."""

    def __init__(self, config: Config) -> None:
        self.page: Page | None = None
        self.failure = ""
        self._config = config
        self._making = 0
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def ask(self, generation: int) -> bool:
        """Return whether the report of a generation is there; where it is not, have it made."""
        with self._lock:
            if self.page and self.page.generation == generation:
                return True
            if not self._making:
                self._making, self.failure = generation, ""
                try:
                    self._pool = ProcessPoolExecutor(1, get_context("spawn"), set_program, (get_program(),))
                    self._pool.submit(make_report, self._config).add_done_callback(self._take)
                except OSError as error:  # no process can be started now; the next request tries again
                    log.error("The report could not be made: %s", first_line(error))
                    self._making, self.failure = 0, "No report can be made at the moment; ask again later."
            return False

    def close(self) -> None:
        """End the making of a report without waiting for it."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, made: Future[tuple[bytes, str]]) -> None:
        error = None if made.cancelled() else made.exception()
        html, sentence = (b"", "The report was not finished.") if made.cancelled() or error else made.result()
        with self._lock:
            if html:
                self.page = Page(self._making, html)
            self.failure, self._making = sentence, 0
            pool, self._pool = self._pool, None
        if sentence and pool:
            log.error("The report could not be made: %s", error or sentence)
        if pool:
            pool.shutdown(wait=False)


def make_report(config: Config) -> tuple[bytes, str]:
    """Return the page and '', or b'' and why there is none. Runs in a process of its own, after everything else."""
    from pointsman.pipeline.summary import summarise

    if hasattr(os, "nice"):
        os.nice(10)
    try:
        return summarise(config).read_bytes(), ""
    except (PointsmanError, OSError) as error:
        return b"", str(error)
