"""Labels that were refused, told and booked once a minute, since a line for every post would be too many."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa

from pointsman.common.errors import StateError, first_line
from pointsman.common.storage.state import State
from pointsman.pipeline.labels.outcomes import book_refusals, describe_refusals

log = logging.getLogger(__name__)

BOOK_SECONDS = 60.0
ORIGIN = "/feedback"


class RefusalBook:
    """Sums up refused labels by cause. The first are told at once, what follows within a minute together."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._counts: Counter[str] = Counter()
        self._told_at = -BOOK_SECONDS
        self._lock = threading.Lock()

    def add(self, counts: Mapping[str, int]) -> None:
        """Take how many labels of one request were refused, by cause, and tell of all so far where it is time."""
        with self._lock:
            self._counts.update(counts)
            if self._counts and time.monotonic() - self._told_at >= BOOK_SECONDS:
                self._book()

    def close(self) -> None:
        """Tell of those that were not told of yet."""
        with self._lock:
            if self._counts:
                self._book()

    def _book(self) -> None:
        counts, self._counts = self._counts, Counter()
        self._told_at = time.monotonic()
        log.warning("labels were refused: %s", describe_refusals(counts))
        try:
            book_refusals(self._state, counts, ORIGIN)
        except (StateError, OSError, sa.exc.OperationalError) as error:  # the clients were told all the same
            log.warning("how many labels were refused could not be booked: %s", first_line(error))
