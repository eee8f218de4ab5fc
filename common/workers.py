"""The one seam to several cores or machines: a map over independent tasks, run by joblib.

A task is a pure function of what it shares with the others and of its own, and runs on one thread, so that how many
workers there are, and where, changes no result.
"""

import hashlib
import logging
import os
import pickle
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from pointsman.common.errors import ConfigError, first_line
from pointsman.common.extras import missing_extra

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10
"""How long a Dask scheduler, and then its first worker, may take to answer."""


@dataclass(frozen=True)
class Workers:
    """Where tasks run: in ``count`` processes of this machine or, with a ``scheduler``, on a Dask cluster.

    scheduler: address of a Dask scheduler, such as tcp://10.0.0.5:8786, whose workers have Pointsman installed; each
               worker process runs one task at a time, so give it one thread (dask worker --nworkers 4 --nthreads 1)
    """

    count: int = 1
    scheduler: str | None = None

    def share(self, shared: Shared, tell: Callable[[int, int], None] | None = None) -> "Crew[Shared]":
        """Return workers that all know ``shared``; each is given it once.

        ``tell`` is called with the number of tasks that are done, and of all of them, as they end.
        """
        return Crew(self, shared, tell)


@dataclass
class Crew(Generic[Shared]):
    """Workers that know what their tasks share. It must be picklable unless one worker of this process does it all."""

    workers: Workers
    shared: Shared
    tell: Callable[[int, int], None] | None = None
    _packed: np.ndarray | None = field(default=None, init=False, repr=False)
    _digest: str = field(default="", init=False, repr=False)

    def map(self, function: Callable[[Shared, Task], Answer], tasks: Iterable[Task]) -> list[Answer]:
        """Return ``function(shared, task)`` of each task, in their order."""
        listed = list(tasks)
        workers = self.workers
        if workers.scheduler is None and (workers.count == 1 or len(listed) < 2):
            return self._gather((_run(function, self.shared, task) for task in listed), len(listed))
        import joblib

        if self._packed is None:
            # An array of bytes is what joblib maps into the memory of processes, and what Dask sends to a worker once.
            self._packed = np.frombuffer(pickle.dumps(self.shared), dtype=np.uint8)
            self._digest = hashlib.blake2b(self._packed.data).hexdigest()
        with joblib.parallel_config(**_describe_backend(workers)):
            # One by one as they end, but in their order; a cluster hands over all of them at once.
            run = joblib.Parallel(
                batch_size=1, pre_dispatch="all", return_as="list" if workers.scheduler else "generator"
            )
            answers = run(joblib.delayed(_work)(self._packed, self._digest, function, task) for task in listed)
            return self._gather(answers, len(listed))

    def _gather(self, answers: Iterable[Answer], planned: int) -> list[Answer]:
        gathered = []
        for answer in answers:
            gathered.append(answer)
            if self.tell:
                self.tell(len(gathered), planned)
        return gathered


_known: dict[str, Any] = {}
_working = threading.Lock()


def _work(packed: np.ndarray, digest: str, function: Callable[[Any, Any], Any], task: Any) -> Any:
    """Run a task in a worker, which keeps what the tasks of one crew share.

    It does one task at a time, also where Dask gave it more threads: what is shared, such as the bins of a table, is
    not made for two at once.
    """
    with _working:
        if digest not in _known:
            _known.clear()
            _known[digest] = pickle.loads(packed.data)
        return _run(function, _known[digest], task)


def _run(function: Callable[[Any, Any], Any], shared: Any, task: Any) -> Any:
    """Run a task on one thread of each numeric library: last digits, and who wins a tie, depend on their number.

    What it runs in parallel itself, as scikit-learn does, stays in its process and does not go back to the cluster.
    """
    import joblib
    import sklearn  # noqa: F401 - only what is loaded already can be held to one thread
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), joblib.parallel_config(backend="threading", n_jobs=1):
        return function(shared, task)


def _describe_backend(workers: Workers) -> dict[str, Any]:
    if workers.scheduler is None:
        # Each task keeps to one thread: cores are shared out by tasks already.
        return {"backend": "loky", "n_jobs": workers.count, "inner_max_num_threads": 1}
    try:
        import distributed
    except ImportError:
        raise missing_extra("dask", f"The key 'workers.scheduler' is '{workers.scheduler}' and needs Dask") from None
    try:
        client = distributed.get_client(workers.scheduler, timeout=ANSWER_SECONDS)
        client.wait_for_workers(1, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The key 'workers.scheduler' is '{workers.scheduler}', where no Dask cluster answers "
            f"({first_line(error)}); start one with 'dask scheduler' and 'dask worker', or set the key to null."
        ) from error
    return {"backend": "dask", "client": client}


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
