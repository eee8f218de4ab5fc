"""What answering costs, summed up and booked once a minute, since a row for every request would be too many."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import sqlalchemy as sa

from pointsman.common.errors import StateError, first_line
from pointsman.common.performance import StageCost, measure_peak_mb, performance_table
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State, run_restored

log = logging.getLogger(__name__)

COMMAND = "serve"
BOOK_SECONDS = 60.0


class Laps:
    """The stages of one request, each from the end of the one before: seconds and processor seconds of its thread."""

    def __init__(self) -> None:
        self.costs: dict[str, tuple[float, float]] = {}
        self._at = time.perf_counter(), time.thread_time()

    def end(self, stage: str) -> None:
        """End a stage."""
        now = time.perf_counter(), time.thread_time()
        self.costs[stage] = now[0] - self._at[0], now[1] - self._at[1]
        self._at = now


@dataclass
class Sum:
    """Requests to one generation since the last booking."""

    requests: int = 0
    rows: int = 0
    stages: dict[str, StageCost] = field(default_factory=dict)

    def add(self, rows: int, costs: Mapping[str, tuple[float, float]]) -> None:
        """Add a request."""
        self.requests += 1
        self.rows += rows
        for stage, (seconds, cpu_seconds) in costs.items():
            spent = StageCost(stage, seconds, cpu_seconds, 0.0)
            self.stages[stage] = self.stages[stage] + spent if stage in self.stages else spent


class CostBook:
    """Sums up what requests cost and books it in the catalogue, a row a stage, from a thread of its own."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._sums: dict[int, Sum] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costs", daemon=True)
        self._thread.start()

    def add(self, generation: int, rows: int, costs: Mapping[str, tuple[float, float]]) -> None:
        """Take what one request of some rows cost, by stage."""
        with self._lock:
            self._sums.setdefault(generation, Sum()).add(rows, costs)

    def close(self) -> None:
        """Book what is left, and stop."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(BOOK_SECONDS):
            self._book()
        self._book()

    def _book(self) -> None:
        with self._lock:
            # Taken out under the lock, committed without it: an answer must never wait for the catalogue.
            sums, self._sums = self._sums, {}
        peak_mb = measure_peak_mb()
        draft = Draft()
        draft.add(
            performance_table,
            [
                {
                    "command": COMMAND,
                    "subject": f"generation {generation}",
                    "stage": stage,
                    "seconds": cost.seconds,
                    "cpu_seconds": cost.cpu_seconds,
                    "peak_mb": peak_mb,
                    "rows": one.rows,
                    "requests": one.requests,
                }
                for generation, one in sums.items()
                for stage, cost in one.stages.items()
            ],
        )
        try:
            if sums:
                run_restored(self._state, partial(draft.commit, self._state.engine))
        except (StateError, OSError, sa.exc.OperationalError) as error:  # figures to look at: no answer depends on them
            log.warning("what a minute of requests cost could not be booked: %s", first_line(error))
