"""The one seam to several cores or machines: a map over independent tasks, by threads or on a Dask cluster.

A task is a pure function of what it shares with the others and of its own, and runs on one thread, so that how many
workers there are, and where, changes no result.
"""

import hashlib
import logging
import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from pointsman.common.errors import ConfigError, first_line
from pointsman.common.extras import missing_extra
from pointsman.common.time_limit import Allowance

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class InterruptedAgain(KeyboardInterrupt):
    """A second Ctrl-C, while the first one waits for what has begun: nothing goes on after it."""


ANSWER_SECONDS = 10
"""How long a Dask scheduler, and then its first worker, may take to answer."""


@dataclass(frozen=True)
class Workers:
    """Where tasks run: in ``count`` threads of this process or, with a ``scheduler``, on a Dask cluster.

    Threads, since what takes long (growing trees, boosting, searching neighbours) leaves Python and lets others go on,
    while processes take seconds to start and each needs the tables once more.

    scheduler: address of a Dask scheduler, such as tcp://10.0.0.5:8786, whose workers have Pointsman installed; each
               worker process runs one task at a time, so give it one thread (dask worker --nworkers 4 --nthreads 1)
    """

    count: int = 1
    scheduler: str | None = None

    def share(self, shared: Shared, tell: Callable[[int, int], None] | None = None) -> "Crew[Shared]":
        """Return workers that all know ``shared``; on a cluster each is given it once.

        ``tell`` is called with the number of tasks that are done, and of all of them, as they end.
        """
        return Crew(self, shared, tell)


@dataclass
class Crew(Generic[Shared]):
    """Workers that know what their tasks share, which a cluster has to pickle and threads use at the same time."""

    workers: Workers
    shared: Shared
    tell: Callable[[int, int], None] | None = None
    _packed: np.ndarray | None = field(default=None, init=False, repr=False)
    _digest: str = field(default="", init=False, repr=False)

    def map(
        self,
        function: Callable[[Shared, Task], Answer],
        tasks: Iterable[Task],
        allow: Allowance | None = None,
        costs: Sequence[float] | None = None,
    ) -> list[Answer]:
        """Return ``function(shared, task)`` of each task, in their order; of the first ones that time allows.

        With ``costs``, in any unit, the dearest task begins first, where time ends nothing: one that begins last is
        waited for while other workers have nothing to do (longest processing time first, Graham 1969).
        """
        listed = list(tasks)
        if costs is not None and allow is None and (self.workers.count > 1 or self.workers.scheduler):
            order = sorted(range(len(listed)), key=lambda place: -costs[place])
            answered = dict(zip(order, self.map(function, [listed[place] for place in order]), strict=True))
            return [answered[place] for place in range(len(listed))]
        answers: list[Answer] = []
        while len(answers) < len(listed):
            count = allow(len(answers), len(listed)) if allow else len(listed)
            if not count:
                break
            with closing(self._answer(function, listed[len(answers) : len(answers) + count])) as begun:
                for answer in begun:
                    answers.append(answer)
                    if self.tell:
                        self.tell(len(answers), len(listed))
        return answers

    def _answer(
        self, function: Callable[[Shared, Task], Answer], tasks: Sequence[Task]
    ) -> Generator[Answer, None, None]:
        """Yield the answers to tasks that begin together, in their order."""
        if self.workers.scheduler is not None:
            yield from self._send(function, tasks)
            return
        with limit_libraries():
            if self.workers.count == 1 or len(tasks) < 2:
                yield from (_run(function, self.shared, task) for task in tasks)
                return
            running = [self._pool.submit(_run, function, self.shared, task) for task in tasks]
            try:
                yield from (one.result() for one in running)
            finally:  # after an error or Ctrl-C what has not begun never does
                going = [one for one in running if not one.cancel() and not one.done()]
                _wait(going)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """The threads, which go with the crew: what a thread keeps (bins) serves its later tasks, too."""
        return ThreadPoolExecutor(self.workers.count, "worker", initializer=limit_libraries)

    def _send(self, function: Callable[[Shared, Task], Answer], tasks: Sequence[Task]) -> Iterable[Answer]:
        """Let a cluster run the tasks; it hands over all answers at once."""
        import joblib

        if self._packed is None:
            # An array of bytes is what Dask sends to a worker once.
            self._packed = np.frombuffer(pickle.dumps(self.shared), dtype=np.uint8)
            self._digest = hashlib.blake2b(self._packed.data).hexdigest()
        with joblib.parallel_config(backend="dask", client=_find_cluster(self.workers.scheduler)):
            run = joblib.Parallel(batch_size=1, pre_dispatch="all")
            return run(joblib.delayed(_work)(self._packed, self._digest, function, task) for task in tasks)


_known: dict[str, Any] = {}
_working = threading.Lock()


def _work(packed: np.ndarray, digest: str, function: Callable[[Any, Any], Any], task: Any) -> Any:
    """Run a task in a worker of a cluster, which keeps what the tasks of one crew share.

    It does one task at a time, also where Dask gave it more threads.
    """
    with _working:
        if digest not in _known:
            _known.clear()
            _known[digest] = pickle.loads(packed.data)
        with limit_libraries():
            return _run(function, _known[digest], task)


def _run(function: Callable[[Any, Any], Any], shared: Any, task: Any) -> Any:
    """Run a task. What it runs in parallel itself, as scikit-learn does, stays in its thread, also on a cluster."""
    import joblib

    with joblib.parallel_config(backend="threading", n_jobs=1):
        return function(shared, task)


def _wait(going: Sequence[Future[Any]]) -> None:
    """Wait for tasks that were given up but have begun: nothing of them may run beside what comes next."""
    try:
        if going:
            log.info("waiting for %d tasks that have begun", len(going))
        wait(going)
    except KeyboardInterrupt as interrupt:
        raise InterruptedAgain from interrupt


def limit_libraries() -> AbstractContextManager[Any]:
    """Hold every numeric library to one thread from now on: last digits, and who wins a tie, depend on their number.

    OpenMP has a limit for each thread of Python, BLAS one for the process: so it is set around a map and by each of its
    threads. As a context it ends with it.
    """
    import sklearn  # noqa: F401 - only what is loaded already can be held to one thread
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _find_cluster(scheduler: str | None) -> Any:
    """Return a client of the Dask scheduler at an address; ConfigError where none answers."""
    try:
        import distributed
    except ImportError:
        raise missing_extra("dask", f"The key 'workers.scheduler' is '{scheduler}' and needs Dask") from None
    try:
        client = distributed.get_client(scheduler, timeout=ANSWER_SECONDS)
        client.wait_for_workers(1, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The key 'workers.scheduler' is '{scheduler}', where no Dask cluster answers "
            f"({first_line(error)}); start one with 'dask scheduler' and 'dask worker', or set the key to null."
        ) from error
    return client


def map_in_threads(
    function: Callable[[Task], Answer], tasks: Sequence[Task], threads: int | None = None
) -> list[Answer]:
    """Return ``function(task)`` of each task, in their order, by as many threads as there are cores.

    For what leaves Python to a library that lets other threads go on, as predictions do.

    >>> map_in_threads(abs, [-1, 2, -3], threads=2)
    [1, 2, 3]
    """
    count = min(len(tasks), count_cores() if threads is None else threads)
    if count <= 1:
        return [function(task) for task in tasks]
    with ThreadPoolExecutor(count, "map") as pool:
        return list(pool.map(function, tasks))


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
