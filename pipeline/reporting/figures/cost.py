"""What runs cost: seconds by stage, processor seconds and memory of updates, rows a second of requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.pipeline.reporting.history import History

MOST_REQUESTS = 60


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What some rows cost: seconds by stage in the order in which they ran, processor seconds and peak memory."""

    rows: int
    seconds: float
    cpu_seconds: float
    rows_per_second: float
    peak_mb: float
    stages: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class UpdateCost(Cost):
    """One update."""

    batch: int


@dataclass(frozen=True, kw_only=True)
class RequestCost(Cost):
    """One answered request; its seconds, by stage too, leave out the start of the program."""

    request: str


@dataclass(frozen=True, kw_only=True)
class ServiceCost(Cost):
    """What the service answered by one generation."""

    generation: int
    requests: int


@dataclass(frozen=True)
class CostFigures:
    """Updates, oldest first, the newest requests of files, and the service by generation, oldest first."""

    updates: tuple[UpdateCost, ...]
    requests: tuple[RequestCost, ...]
    service: tuple[ServiceCost, ...]


def compute_costs(history: History) -> CostFigures:
    """Return what each update and each of the newest requests cost."""
    rows = history.performance.sort_values("id")
    updates = [_sum_update(str(subject), run) for subject, run in _group(rows, "update")]
    requests = [_sum_request(str(subject), run) for subject, run in _group(rows, "inference")]
    served = [_sum_service(str(subject), run) for subject, run in _group(rows, "serve")]
    return CostFigures(
        tuple(sorted(updates, key=lambda one: one.batch)),
        tuple(requests[-MOST_REQUESTS:]),
        tuple(sorted(served, key=lambda one: one.generation)),
    )


def _group(rows: pd.DataFrame, command: str) -> list[tuple[object, pd.DataFrame]]:
    return list(rows[rows["command"] == command].groupby("subject", sort=False))


def _sum_update(subject: str, run: pd.DataFrame) -> UpdateCost:
    """A subject is 'batch 7'."""
    return UpdateCost(batch=_read_number(subject), **_sum(run, int(run["rows"].iloc[-1])))


def _sum_request(subject: str, run: pd.DataFrame) -> RequestCost:
    """The same request may be answered more than once: its newest answer counts."""
    begins = run["stage"] == run["stage"].iloc[0]
    newest = run[run["id"] >= run.loc[begins, "id"].max()]
    return RequestCost(request=subject, **_sum(newest, int(newest["rows"].iloc[-1])))


def _sum_service(subject: str, run: pd.DataFrame) -> ServiceCost:
    """A subject is 'generation 7', booked once a minute, a row a stage; every request has been predicted."""
    booked = run[run["stage"] == "prediction"]
    requests, rows = int(booked["requests"].sum()), int(booked["rows"].sum())
    return ServiceCost(generation=_read_number(subject), requests=requests, **_sum(run, rows))


def _read_number(subject: str) -> int:
    return int(subject.rpartition(" ")[2])


def _sum(run: pd.DataFrame, rows: int) -> dict[str, Any]:
    """Return the fields of a Cost."""
    seconds = float(run["seconds"].sum())
    return {
        "rows": rows,
        "seconds": seconds,
        "cpu_seconds": float(run["cpu_seconds"].sum()),
        "rows_per_second": rows / max(seconds, 1e-9),
        "peak_mb": float(run["peak_mb"].max()),
        "stages": _sum_stages(run),
    }


def _sum_stages(run: pd.DataFrame) -> dict[str, float]:
    stages = run.groupby("stage", sort=False)["seconds"].sum()
    return {str(stage): float(seconds) for stage, seconds in stages.items()}
