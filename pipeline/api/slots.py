"""How many requests may be worked on, or wait for that, at a time.

A body is read before, so that a slow sender takes no slot.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pointsman.pipeline.api.refusal import Refused


class Slots:
    """Counts requests that the worker has or that wait for it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a slot; Refused with 503 where all are taken."""
        if self.taken >= self.most:
            told = f"{self.most} requests wait for their answers (service.concurrent); send this one again."
            raise Refused(503, told, retry_after=1)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
