"""A worker: one thread that does jobs in the order in which they came.

Python computes in one thread at a time, so a second one would only delay every answer. What a stopped service
still computes does not keep it from ending: the thread is a daemon.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
Job = tuple["asyncio.Future[Any]", asyncio.AbstractEventLoop, Callable[[], Any]]


class Worker:
    """Runs jobs of an event loop beside it, first come, first served."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, job: Callable[[], T], seconds: float) -> T:
        """Return what a job returns, or raise what it raises; TimeoutError after ``seconds``.

        A job that has not begun by then never does; what one that has begun returns is thrown away.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.put((done, loop, job))
        async with asyncio.timeout(seconds):
            return await done

    def _work(self) -> None:
        while True:
            done, loop, job = self._jobs.get()
            if done.cancelled():
                continue
            returned, raised = None, None
            try:
                returned = job()
            except BaseException as error:
                raised = error
            with suppress(RuntimeError):  # the loop is closed: the service has ended
                loop.call_soon_threadsafe(_settle, done, returned, raised)
            del done, job, returned, raised  # nothing of a request is kept until the next one comes


def _settle(done: "asyncio.Future[Any]", returned: Any, raised: BaseException | None) -> None:
    if done.cancelled():
        return
    if raised is None:
        done.set_result(returned)
    else:
        done.set_exception(raised)
