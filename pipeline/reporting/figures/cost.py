"""What runs cost: seconds by stage, processor seconds and memory of updates, rows a second of requests."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.reporting.history import History

MOST_REQUESTS = 60


@dataclass(frozen=True)
class UpdateCost:
    """One update: seconds by stage in the order in which they ran."""

    batch: int
    rows: int
    seconds: float
    cpu_seconds: float
    rows_per_second: float
    peak_mb: float
    stages: Mapping[str, float]


@dataclass(frozen=True)
class RequestCost:
    """One answered request; its seconds, by stage too, leave out the start of the program."""

    request: str
    rows: int
    seconds: float
    cpu_seconds: float
    rows_per_second: float
    peak_mb: float
    stages: Mapping[str, float]


@dataclass(frozen=True)
class ServiceCost:
    """What the service answered by one generation."""

    generation: int
    requests: int
    rows: int
    seconds: float
    cpu_seconds: float
    rows_per_second: float
    peak_mb: float
    stages: Mapping[str, float]


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
    seconds, rows = float(run["seconds"].sum()), int(run["rows"].iloc[-1])
    return UpdateCost(
        batch=int(subject.rpartition(" ")[2]),
        rows=rows,
        seconds=seconds,
        cpu_seconds=float(run["cpu_seconds"].sum()),
        rows_per_second=rows / max(seconds, 1e-9),
        peak_mb=float(run["peak_mb"].max()),
        stages=_sum_stages(run),
    )


def _sum_request(subject: str, run: pd.DataFrame) -> RequestCost:
    """The same request may be answered more than once: its newest answer counts."""
    begins = run["stage"] == run["stage"].iloc[0]
    newest = run[run["id"] >= run.loc[begins, "id"].max()]
    seconds, rows = float(newest["seconds"].sum()), int(newest["rows"].iloc[-1])
    return RequestCost(
        request=subject,
        rows=rows,
        seconds=seconds,
        cpu_seconds=float(newest["cpu_seconds"].sum()),
        rows_per_second=rows / max(seconds, 1e-9),
        peak_mb=float(newest["peak_mb"].max()),
        stages=_sum_stages(newest),
    )


def _sum_service(subject: str, run: pd.DataFrame) -> ServiceCost:
    """A subject is 'generation 7', booked once a minute, a row a stage; every request has been predicted."""
    seconds, booked = float(run["seconds"].sum()), run[run["stage"] == "prediction"]
    rows = int(booked["rows"].sum())
    return ServiceCost(
        generation=int(subject.rpartition(" ")[2]),
        requests=int(booked["requests"].sum()),
        rows=rows,
        seconds=seconds,
        cpu_seconds=float(run["cpu_seconds"].sum()),
        rows_per_second=rows / max(seconds, 1e-9),
        peak_mb=float(run["peak_mb"].max()),
        stages=_sum_stages(run),
    )


def _sum_stages(run: pd.DataFrame) -> dict[str, float]:
    stages = run.groupby("stage", sort=False)["seconds"].sum()
    return {str(stage): float(seconds) for stage, seconds in stages.items()}
