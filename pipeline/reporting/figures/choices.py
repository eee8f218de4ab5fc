"""Choices over time: who was champion and why, how contenders compared, and what served requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from pointsman.pipeline.reporting.history import History, list_rows
from pointsman.registry.generations import Cause, Role
from pointsman.registry.words import show_word

MOST_EVENTS = 40
MOST_REQUESTS = 15
ROUTINE = ("updated", "refitted", "blended", "challenger", "production")
"""Events that befall nearly every version at every update."""

UNBOUNDED = 1e299
"""Interval ends beyond this stand for an interval without bounds."""


@dataclass(frozen=True)
class GenerationFigures:
    """A generation that led to the live one: its cause, who made it and why, and the lines that were active in it.

    ``production`` is the version that served typical requests in it, and ``promoted`` the one that serves every request
    by a person's decision, where one does.
    """

    number: int
    cause: str
    batch: int | None
    created_at: datetime
    champion: str | None
    champion_line: str | None
    production: str | None
    production_line: str | None
    lines: tuple[str, ...]
    promoted: str | None
    by_hand: bool
    who: str
    why: str


@dataclass(frozen=True)
class EventFigures:
    """Something that happened to a version."""

    generation: int
    batch: int | None
    version: str
    event: str
    reason: str


@dataclass(frozen=True)
class ComparisonFigures:
    """Mean row loss of a contender less that of an incumbent; an end without a bound is None."""

    batch: int
    contender: str
    incumbent: str
    difference: float
    lower: float | None
    upper: float | None
    rows: int
    outcome: str


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


def list_generations(history: History) -> tuple[GenerationFigures, ...]:
    """Return the generations that led to the live one, oldest first."""
    rows = {int(row["number"]): row for row in list_rows(history.generations)}
    serving = history.members[history.members["role"] != Role.CHALLENGER.value]
    members = serving.groupby("generation")["version"].agg(list).to_dict()
    listed = []
    for number in history.lineage():
        champion, production = history.champions.get(number), history.productions.get(number)
        listed.append(
            GenerationFigures(
                number=number,
                cause=rows[number]["cause"],
                batch=_whole(rows[number]["batch"]),
                created_at=pd.Timestamp(rows[number]["created_at"]).to_pydatetime(),
                champion=champion,
                champion_line=history.lines.get(champion) if champion else None,
                production=production,
                production_line=history.lines.get(production) if production else None,
                lines=tuple(sorted({history.lines[version] for version in members.get(number, [])})),
                promoted=next(
                    (one for one in members.get(number, []) if history.lines[one] == rows[number]["pinned"]), None
                ),
                by_hand=not Cause(rows[number]["cause"]).takes_batch,
                who=rows[number]["who"],
                why=rows[number]["why"],
            )
        )
    return tuple(listed)


def list_events(history: History) -> tuple[EventFigures, ...]:
    """Return what happened to versions, the newest first and bounded; routine events of the newest generation alone."""
    batches = history.generations.set_index("number")["batch"].to_dict()
    rows = history.events.sort_values(["generation", "position"], ascending=[False, True])
    rows = rows[~rows["event"].isin(ROUTINE) | (rows["generation"] == history.generation.number)]
    return tuple(
        EventFigures(
            int(row["generation"]),
            _whole(batches.get(row["generation"])),
            row["version"],
            show_word(row["event"]),
            row["reason"],
        )
        for row in list_rows(rows.head(MOST_EVENTS))
    )


def list_comparisons(history: History) -> tuple[ComparisonFigures, ...]:
    """Return every comparison, oldest batch first."""
    rows = list_rows(history.comparisons.sort_values("batch", kind="stable"))
    return tuple(
        ComparisonFigures(
            int(row["batch"]),
            row["contender"],
            row["incumbent"],
            float(row["difference"]),
            _bound(row["lower"]),
            _bound(row["upper"]),
            int(row["rows"]),
            row["outcome"],
        )
        for row in rows
    )


def compute_decisions(history: History) -> DecisionFigures:
    """Return how many rows each version answered, and why, over all requests."""
    counts: dict[str, int] = {}
    for served in history.decisions["served"]:
        for pair, rows in served.items():
            counts[pair] = counts.get(pair, 0) + int(rows)
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    newest = history.decisions.sort_values(["created_at", "id"], ascending=False).head(MOST_REQUESTS)
    return DecisionFigures(
        requests=len(history.decisions),
        rows=total,
        served=tuple(ServedFigure(*pair.split("/", 1), rows, rows / total) for pair, rows in ordered),  # type: ignore[call-arg, arg-type]
        newest=tuple(_read_request(row) for row in list_rows(newest)),
    )


def _read_request(row: Mapping[str, Any]) -> Request:
    answered_at = pd.Timestamp(row["created_at"]).to_pydatetime()
    return Request(
        row["id"],
        answered_at,
        int(row["generation"]),
        row["request"],
        int(row["rows"]),
        row["version"],
        row["reason"],
        row["alarm"],
        row["expected"].get("loss"),
    )


def _bound(end: float) -> float | None:
    return None if abs(end) > UNBOUNDED else float(end)


def _whole(number: float | None) -> int | None:
    return None if number is None or pd.isna(number) else int(number)
