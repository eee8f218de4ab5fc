"""The answer log: what a service answered, kept by a thread of its own, so that no answer ever waits for it."""

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from common.config import Config
from common.database import Draft
from common.errors import first_line
from common.sampling import spread_rows
from common.state import State
from meta.flags import RowKind
from meta.plan import name_kind
from meta.tables import decisions_table
from pipeline.answered_rows import AnsweredRows, find_newest_time, join_answered, keep_rows, save_answered
from pipeline.predictor import Choice, Predictor, ReadRows
from pipeline.serving.answer import Answer

log = logging.getLogger(__name__)

MOST_QUEUED = 5_000
"""Requests that wait at most; what comes beyond is dropped and counted."""
FLUSH_SECONDS = 1.0
FLUSH_ROWS = 20_000
PATIENCE = 60.0
"""Seconds for which a closing log goes on trying to write what it holds."""


@dataclass(frozen=True, eq=False)
class ServedRequest:
    """A request and what it was answered. A row's id is '<id>-<position from 0>'.

    at:      when, in UTC without a zone
    origin:  who asked, as decisions show it
    keys:    the raw rows, as far as they hold ``labels.key_columns``; None where they hold none
    columns: the inputs that the request had; None for all of them
    """

    id: str
    at: datetime
    origin: str
    predictor: Predictor
    keys: pd.DataFrame | None
    rows: ReadRows
    choice: Choice
    answer: Answer
    columns: Sequence[str] | None = None


def is_logged(request: str, share: float) -> bool:
    """Return whether a request is among the share that is logged: the same for an id whoever asks.

    >>> is_logged("a", 1.0), is_logged("a", 0.0), is_logged("a", 0.5) == is_logged("a", 0.5)
    (True, False, True)
    """
    return int.from_bytes(hashlib.sha256(request.encode()).digest()[:8], "big") < share * 2**64


class AnswerLog:
    """Books served requests in batches, one transaction each, from a bounded queue.

    ``dropped`` counts requests that found the queue full or could not be written before the log was closed.
    """

    def __init__(self, config: Config, state: State) -> None:
        self.dropped = 0
        self._config, self._state = config, state
        self._waiting: queue.Queue[ServedRequest] = queue.Queue(MOST_QUEUED)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answer-log", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Requests that wait to be written."""
        return self._waiting.qsize()

    def add(self, served: ServedRequest) -> bool:
        """Take a request, if it belongs to the share that is logged; return whether it was taken. Never waits."""
        if self._closing.is_set() or not is_logged(served.id, self._config.labels.log_share):
            return False
        try:
            self._waiting.put_nowait(served)
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def close(self) -> None:
        """Write what waits and stop."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self._closing.is_set() and self._waiting.empty()):
            taken = self._take()
            if taken:
                self._write(taken)

    def _take(self) -> list[ServedRequest]:
        """Return the next requests: what comes within a second, as long as it is not too many rows."""
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

    def _write(self, taken: Sequence[ServedRequest]) -> None:
        """Write requests, again and again while the catalogue is locked or a disk is full."""
        pause, given_up = 0.1, None
        while True:
            try:
                write_requests(self._config, self._state, taken)
                return
            except Exception as error:  # whatever fails, answers go on, and what was answered is still here
                log.warning("%d served requests could not be logged yet: %s", len(taken), first_line(error))
            if self._closing.is_set():
                given_up = given_up or time.monotonic() + PATIENCE
                if time.monotonic() > given_up:
                    self.dropped += len(taken)
                    log.error("%d served requests are not logged: the log was closed", len(taken))
                    return
            time.sleep(pause)
            pause = min(5.0, pause * 2)


def sum_rows(taken: Sequence[ServedRequest]) -> int:
    """Return the rows of some requests."""
    return sum(len(one.rows) for one in taken)


def write_requests(config: Config, state: State, taken: Sequence[ServedRequest]) -> None:
    """Store the rows of requests, one file a generation, and book their decisions in one transaction."""
    by_generation: dict[int, list[ServedRequest]] = {}
    for served in taken:
        by_generation.setdefault(served.predictor.generation.number, []).append(served)
    draft = Draft()
    for requests in by_generation.values():
        kept = [keep_served(config, one) for one in requests]
        file = save_answered(state.files, join_answered(kept))
        first_rows = np.cumsum([0, *map(len, kept)])
        draft.add(decisions_table, [
            describe_served(served, rows) | {"rows_file": file, "first_row": int(first)}
            for served, rows, first in zip(requests, kept, first_rows[:-1], strict=True)
        ])  # fmt: skip
    draft.commit(state.engine)


def keep_served(config: Config, served: ServedRequest) -> AnsweredRows:
    """Return the rows of a request that are kept: all, or ``selection.matched_rows`` evenly spread ones."""
    rows = spread_rows(len(served.rows), config.selection.matched_rows)
    schema = served.predictor.schema
    inputs = served.rows.inputs.iloc[rows]
    named = None if served.keys is None else served.keys.iloc[rows]
    columns = list(served.columns if served.columns is not None else schema.inputs)
    return keep_rows(schema, inputs, columns, served.answer.outputs[rows], rows, named, config.labels.key_columns)


def describe_served(served: ServedRequest, kept: AnsweredRows) -> dict[str, Any]:
    """Return the row of the decisions table, without what no later look at it needs."""
    described = served.predictor.describe(served.choice)
    counts = served.choice.profile.counts
    present = {name_kind(kind) for kind in RowKind if counts[kind]}
    return described | {
        "id": served.id,
        "request": served.origin,
        "rows": len(served.rows),
        "profile": shorten_profile(described["profile"]),
        "weights": {kind: weights for kind, weights in described["weights"].items() if kind in present},
        "estimate": None,
        "failures": dict(served.answer.failures),
        "served": served.answer.count_served(),
        "output": "",
        "key_columns": list(served.columns or ()),
        "kept_rows": len(kept),
        "newest_time": find_newest_time(kept.inputs, served.predictor.schema, served.at),
        "created_at": served.at,
    }


def shorten_profile(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile in JSON without the numbers that are 0; ``Profile.from_json`` knows that they are.

    >>> shorten_profile({"metafeatures": {"a": 0.0, "b": 1.0}, "counts": (1, 0), "quality": ((0.5,), (0.0,)),
    ...                  "shares": {"x": (0.0, 0.0, 0.0), "y": (1.0, 0.0, 0.0)}})
    {'metafeatures': {'b': 1.0}, 'counts': (1, 0), 'quality': [[0.5], []], 'shares': {'y': (1.0, 0.0, 0.0)}}
    """
    return dict(profile) | {
        "metafeatures": {name: number for name, number in profile["metafeatures"].items() if number},
        "quality": [list(row) if any(row) else [] for row in profile["quality"]],
        "shares": {name: shares for name, shares in profile["shares"].items() if any(shares)},
    }
