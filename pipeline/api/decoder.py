"""Parquet bodies are decoded in a process of their own, since bytes that are not Parquet can crash it.

The library that reads them is written in C++ and made for files of one's own. Here its process may die, take too long
or want too much memory, and the service only says that the body cannot be read.
"""

import multiprocessing
import signal
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from pointsman.common.config import ServiceConfig
from pointsman.pipeline.api.bodies import MB
from pointsman.pipeline.api.parquet import CHARACTERS, read_parquet_rows
from pointsman.pipeline.api.reading import Brought, Columns
from pointsman.pipeline.api.refusal import Refused

BYTES_BESIDES = 300 * MB
"""What the process may use beyond what it has when it starts and what cells may decode to."""


class Decoder:
    """Reads Parquet bodies, one at a time; the first, and the next after one that ended it, starts the process."""

    def __init__(self, limits: ServiceConfig) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def read(self, body: bytes, columns: Columns) -> Brought:
        """Return the rows of a body; Refused where it cannot be read."""
        with self._lock:
            if self._process is None or not self._process.is_alive():
                self._end()
                self._start()
            pipe = self._pipe
            assert pipe is not None
            try:
                pipe.send((body, columns))
                answer = pipe.recv() if pipe.poll(self._limits.seconds) else None
            except (EOFError, OSError):
                self._end()
                raise Refused(400, "The body is no Parquet file that can be read (its reader gave up).") from None
            if answer is None:
                self._end()
                raise Refused(503, "The body could not be decoded in time (service.seconds).", retry_after=1)
        if isinstance(answer, Refused):
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        self._end()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=decode, args=(far_end, self._limits), name="decoder", daemon=True)
        self._process.start()
        far_end.close()

    def _end(self) -> None:
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if pipe:
            pipe.close()
        if process:
            process.kill()
            process.join()


def decode(pipe: Connection, limits: ServiceConfig) -> None:
    """Answer bodies with their rows or a refusal until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service ends this process when it ends
    bound_memory(int(CHARACTERS * limits.max_mb * MB) + BYTES_BESIDES)
    while True:
        try:
            body, columns = pipe.recv()
        except EOFError:
            return
        try:
            answer: Brought | Refused = read_parquet_rows(body, columns, limits)
        except Refused as refusal:
            answer = refusal
        pipe.send(answer)


def bound_memory(more: int) -> None:
    """Limit this process to so many more bytes than it uses now, where the system can do that."""
    try:
        import resource

        import psutil
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + more,) * 2)
