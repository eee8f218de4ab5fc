"""Requests: what answered them, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from pointsman.meta.tables import decisions_table
from pointsman.pipeline.reporting.history import History, list_rows, read_moment, read_record
from pointsman.pipeline.reporting.section import Section

MOST_REQUESTS = 15


@dataclass(frozen=True)
class ServedFigure:
    """Rows of requests that a version answered for one reason."""

    version: str
    reason: str
    rows: int
    share: float


@dataclass(frozen=True)
class Request:
    """One answered request."""

    id: str
    answered_at: datetime
    generation: int
    name: str
    rows: int
    version: str
    reason: str
    alarm: str
    expected: float | None


@dataclass(frozen=True)
class DecisionFigures:
    """What requests were answered by; ``newest`` is bounded."""

    requests: int
    rows: int
    served: tuple[ServedFigure, ...]
    newest: tuple[Request, ...]


def read_decisions(history: History) -> pd.DataFrame:
    """Return the newest answers."""
    return history.read_newest(decisions_table.c.created_at)


def compute_decisions(history: History) -> DecisionFigures:
    """Return how many rows each version answered, and why, over all requests."""
    decisions = history.ask(read_decisions)
    counts: dict[str, int] = {}
    for served in decisions["served"]:
        for pair, rows in served.items():
            counts[pair] = counts.get(pair, 0) + int(rows)
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    newest = decisions.sort_values(["created_at", "id"], ascending=False).head(MOST_REQUESTS)
    return DecisionFigures(
        requests=len(decisions),
        rows=total,
        served=tuple(ServedFigure(*pair.split("/", 1), rows, rows / total) for pair, rows in ordered),  # type: ignore[call-arg, arg-type]
        newest=tuple(_read_request(row) for row in list_rows(newest)),
    )


def _read_request(row: Mapping[str, Any]) -> Request:
    moment, expected = read_moment(row["created_at"]), row["expected"].get("loss")
    return read_record(Request, row, answered_at=moment, name=row["request"], expected=expected)


SECTION = Section("requests", reads=(read_decisions,), figures={"decisions": compute_decisions})
