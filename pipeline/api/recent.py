"""What this process answered in the last hour: a bucket a minute, so that memory and a look at it stay small."""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MINUTES = 60
STEPS = 20
"""Latencies are counted in steps of a twentieth of a power of ten, so a quantile is right within 12 %."""
LEAST_SECONDS = 1e-6
FALLBACK = "fallback"
"""How the reason of a row begins that another model answered than is meant for such rows."""


@dataclass
class Minute:
    """What was answered in one minute of the clock ``at``; seconds are counted by their step."""

    at: int
    requests: int = 0
    failed: int = 0
    rows: int = 0
    fallen: int = 0
    expected: float = 0.0
    expected_rows: int = 0
    seconds: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class LastHour:
    """Requests for predictions of the last hour; what nothing is known of is None.

    failed:         requests that got a status from 500 on
    fallback_share: of the rows, those whose reason is a fallback
    expected_loss:  mean over rows of the loss that was expected of their answers
    median_seconds, slow_seconds: how long half and 95 % of requests took at most
    """

    requests: int
    failed: int
    rows: int
    fallback_share: float | None
    expected_loss: float | None
    median_seconds: float | None
    slow_seconds: float | None


class Recent:
    """Counts what is answered; threads may add and look at the same time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        self._lock = threading.Lock()
        self.answered = 0
        """Requests that were answered since the process began."""

    def add_request(self, status: int, seconds: float) -> None:
        """Count a request for predictions that is done."""
        with self._lock:
            minute = self._find_minute()
            minute.requests += 1
            minute.failed += status >= 500
            self.answered += status < 400
            minute.seconds[round(STEPS * math.log10(max(seconds, LEAST_SECONDS)))] += 1

    def add_rows(self, served: Mapping[tuple[str, str], int], expected: float | None) -> None:
        """Count rows by version and reason, with the mean loss that is expected of their answers where it is known."""
        rows = sum(served.values())
        with self._lock:
            minute = self._find_minute()
            minute.rows += rows
            minute.fallen += sum(count for (_, reason), count in served.items() if reason.startswith(FALLBACK))
            if expected is not None:
                minute.expected += rows * expected
                minute.expected_rows += rows

    def summarise(self) -> LastHour:
        """Return what the last hour adds up to."""
        with self._lock:
            since = self._now() - MINUTES
            minutes = [minute for minute in self._minutes if minute.at > since]
            seconds = sum((minute.seconds for minute in minutes), Counter[int]())
        rows, expected_rows = sum(one.rows for one in minutes), sum(one.expected_rows for one in minutes)
        return LastHour(
            requests=sum(one.requests for one in minutes),
            failed=sum(one.failed for one in minutes),
            rows=rows,
            fallback_share=sum(one.fallen for one in minutes) / rows if rows else None,
            expected_loss=sum(one.expected for one in minutes) / expected_rows if expected_rows else None,
            median_seconds=find_quantile(seconds, 0.5),
            slow_seconds=find_quantile(seconds, 0.95),
        )

    def _find_minute(self) -> Minute:
        now = self._now()
        if not self._minutes or self._minutes[-1].at != now:
            self._minutes.append(Minute(now))
        return self._minutes[-1]

    def _now(self) -> int:
        return int(self._clock() // 60)


def find_quantile(steps: Mapping[int, int], share: float) -> float | None:
    """Return the seconds within which a share of requests was answered, by their counts a step; None without any.

    >>> find_quantile({}, 0.5), find_quantile({-40: 90, -20: 10}, 0.5), find_quantile({-40: 90, -20: 10}, 0.95)
    (None, 0.01, 0.1)
    """
    wanted, reached = share * sum(steps.values()), 0
    for step, count in sorted(steps.items()):
        reached += count
        if reached >= wanted:
            return float(10.0 ** (step / STEPS))
    return None
