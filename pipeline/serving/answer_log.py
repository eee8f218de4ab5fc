"""The answer log: what a service answered, kept by a thread of its own, so that no answer ever waits for it."""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import StateError, first_line
from pointsman.common.storage.state import State, run_restored
from pointsman.pipeline.labels.served_rows import is_logged
from pointsman.pipeline.serving.served_requests import ServedRequest, prepare_requests, write_requests
from pointsman.pipeline.serving.shadow import Shadow

log = logging.getLogger(__name__)

MOST_QUEUED, MOST_QUEUED_ROWS = 5_000, 200_000
"""Most requests and rows that may wait; what comes beyond is dropped and counted."""
FLUSH_SECONDS = 1.0
FLUSH_ROWS = 20_000
PATIENCE = 60.0
"""Seconds for which a closing log goes on trying to write what it holds."""
LONGEST_PAUSE = 5.0
"""Seconds between two attempts to write."""


class AnswerLog:
    """Books served requests in batches, one transaction each, from a bounded queue.

    ``dropped`` counts requests that found the queue full or could not be written before the log was closed.
    """

    def __init__(self, config: Config, state: State) -> None:
        self.dropped = 0
        self._config, self._state = config, state
        self._shadow = Shadow(config.labels.shadow_rows) if config.labels.shadow else None
        self._waiting: queue.SimpleQueue[ServedRequest] = queue.SimpleQueue()
        self._requests = self._rows = 0
        self._ids: dict[str, int] = {}
        self._counting = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answer-log", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Requests that are not written yet."""
        return self._requests

    def list_waiting(self) -> dict[str, int]:
        """Return the requests that are not written yet, with their rows."""
        with self._counting:
            return dict(self._ids)

    def add(self, served: ServedRequest) -> bool:
        """Take a request, if it belongs to the share that is logged; return whether it was taken. Never waits."""
        if not is_logged(served.id, self._config.labels.log_share):
            return False
        with self._counting:
            full = self._requests >= MOST_QUEUED or self._rows + len(served.rows) > MOST_QUEUED_ROWS + FLUSH_ROWS
            if full or self._closing.is_set():
                self.dropped += 1
                return False
            self._requests += 1
            self._rows += len(served.rows)
            self._ids[served.id] = len(served.rows)
            self._waiting.put(served)
        return True

    def close(self) -> None:
        """Write what waits and stop."""
        with self._counting:
            self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self._closing.is_set() and self._waiting.empty()):
            taken = self._take()
            if taken:
                written = self._write(taken)
                with self._counting:
                    self._requests -= len(taken)
                    self._rows -= sum_rows(taken)
                    for one in taken:
                        self._ids.pop(one.id, None)
                    self.dropped += len(taken) - written

    def _take(self) -> list[ServedRequest]:
        """Return the requests of the next second, or as many as a transaction may hold."""
        taken: list[ServedRequest] = []
        until = time.monotonic() + FLUSH_SECONDS
        while sum_rows(taken) < FLUSH_ROWS and (left := until - time.monotonic()) > 0:
            if self._closing.is_set() and self._waiting.empty():
                break
            try:
                taken.append(self._waiting.get(timeout=min(left, 0.1)))
            except queue.Empty:
                continue
        return taken

    def _write(self, taken: Sequence[ServedRequest]) -> int:
        """Write requests, trying again while the catalogue is locked or a disk is full; return how many it wrote."""
        pause, given_up = 0.1, None
        # Scoring in the shadow is given up first when the queue fills: an answer that is logged counts for more.
        shadow = self._shadow if self._shadow and self._shadow.is_due and self._requests < MOST_QUEUED / 2 else None
        try:
            prepared = prepare_requests(self._config, taken, shadow)
            while True:
                try:
                    run_restored(self._state, partial(write_requests, self._state, prepared))
                    return len(taken)
                except (StateError, OSError, sa.exc.OperationalError) as error:
                    log.warning("%d served requests could not be logged yet: %s", len(taken), first_line(error))
                if self._closing.is_set():  # a service that stops waits a bounded time for the catalogue
                    given_up = given_up or time.monotonic() + PATIENCE
                    if time.monotonic() > given_up:
                        break
                time.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
            log.error("%d served requests are not logged: the log was closed before they could be", len(taken))
        except Exception as error:  # whatever is wrong with a request, the others are to be logged
            if len(taken) > 1:
                return sum(self._write([one]) for one in taken)
            log.error("%d served requests are not logged: %s", len(taken), first_line(error))
        return 0


def sum_rows(taken: Sequence[ServedRequest]) -> int:
    """Return how many rows some requests have together."""
    return sum(len(one.rows) for one in taken)
