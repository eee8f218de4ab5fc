"""What runs cost: seconds by stage, processor seconds and memory of updates, rows a second of requests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.common.performance import performance_table
from pointsman.pipeline.reporting.charts.chart import Chart, Layer, to_columns
from pointsman.pipeline.reporting.charts.colours import GREEN, INK, SERIES
from pointsman.pipeline.reporting.charts.layers import NUMBERS, bars, colour_by, draw_by_batch, line, measure, tell
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.section import Section

MOST_REQUESTS = 60
OTHER = "other stages"
STAGES = {"bouts": "challengers"}
"""Stages that are stored by another word than the one that readers know."""


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


def read_performance(history: History) -> pd.DataFrame:
    """Return the newest rows of what runs cost."""
    return history.read_newest(performance_table.c.id)


def compute_costs(history: History) -> CostFigures:
    """Return what each update and each of the newest requests cost."""
    rows = history.ask(read_performance).sort_values("id")
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


def draw(history: History) -> Iterator[Chart]:
    """Yield the charts of updates and of requests, where there were any."""
    costs = history.ask(compute_costs)
    if costs.updates:
        timeline = history.ask(lay_timeline)
        yield draw_stages(costs.updates, timeline)
        yield draw_measure("speed", "Rows a second", costs.updates, "rows_per_second", timeline)
        yield draw_measure("memory", "Peak memory in MB", costs.updates, "peak_mb", timeline)
    if costs.requests:
        yield draw_requests(costs.requests)


def draw_stages(updates: Sequence[UpdateCost], timeline: Timeline) -> Chart:
    """Draw the seconds of every update by stage, with its processor time."""
    totals: dict[str, float] = {}
    for update in updates:
        for stage, seconds in update.stages.items():
            totals[stage] = totals.get(stage, 0.0) + seconds
    # The last colour is kept for all stages that have none of their own.
    named = sorted(totals, key=lambda stage: -totals[stage])[: len(SERIES) - 1]
    rows = []
    for update in updates:
        bottom = 0.0
        for stage in (*named, OTHER) if update.batch in timeline else ():
            if seconds := _sum_stage(update.stages, stage, named):
                rows.append((update.batch, name_stage(stage), seconds, bottom, bottom + seconds, update.cpu_seconds))
                bottom += seconds
    columns = to_columns(("batch", "stage", "seconds", "bottom", "top", "processor seconds"), rows)
    y = measure("top", "seconds", NUMBERS, zero=True)
    told = tell(
        "batch", "stage", ("seconds", "seconds", ".2f"), ("processor seconds", "processor seconds in all", ".1f")
    )
    shown = [name_stage(stage) for stage in (*named, OTHER) if stage != OTHER or len(totals) > len(named)]
    tick: Layer = {
        "mark": {"type": "tick", "color": INK, "thickness": 2, "width": 14, "clip": True, "orient": "horizontal"},
        "encoding": {"y": y | {"field": "processor seconds"}, "tooltip": told},
    }
    return draw_by_batch(
        "stages",
        "Seconds of every update by stage, and its processor time as a dark tick",
        columns,
        [bars(y, told, colour_by("stage", shown), until="bottom"), tick],
        title="Seconds an update takes; the dark tick is its processor time",
        note=timeline.note,
    )


def draw_measure(name: str, title: str, updates: Sequence[UpdateCost], field: str, timeline: Timeline) -> Chart:
    """Draw one number of every update."""
    rows = [(one.batch, getattr(one, field)) for one in updates if one.batch in timeline]
    columns = to_columns(("batch", title.lower()), rows)
    y = measure(title.lower(), "", NUMBERS, zero=True)
    layers = [line(y, tell("batch", (title.lower(), title.lower(), NUMBERS)))]
    label = f"{title} of every update"
    return draw_by_batch(name, label, columns, layers, title=title, note=timeline.note, wide=False, height=110)


def draw_requests(requests: Sequence[RequestCost]) -> Chart:
    """Draw how many rows a second the newest requests were answered at."""
    rows = [(place, one.request, one.rows, one.rows_per_second) for place, one in enumerate(requests)]
    columns = to_columns(("place", "request", "rows", "rows a second"), rows)
    y = measure("rows a second", "rows a second", NUMBERS, zero=True)
    told = tell("request", ("rows", "rows", NUMBERS), ("rows a second", "rows a second", NUMBERS))
    x = {"field": "place", "type": "ordinal", "axis": {"title": "requests, the newest on the right", "labels": False}}
    spec = {
        "title": "Rows answered a second",
        "width": "container",
        "height": 110,
        "mark": {"type": "bar", "color": GREEN},
        "encoding": {"x": x, "y": y, "tooltip": told},
    }
    label = f"Rows answered a second in the newest {len(requests)} requests"
    titles = {name: name for name in columns if name != "place"}
    return Chart("requests", spec, columns, label, titles=titles)


def name_stage(stage: str) -> str:
    """Return a stage as readers call it; some are stored by a word of before.

    >>> name_stage("bouts"), name_stage("training")
    ('challengers', 'training')
    """
    return STAGES.get(stage, stage)


def _sum_stage(stages: Mapping[str, float], stage: str, named: list[str]) -> float:
    if stage != OTHER:
        return float(stages.get(stage, 0.0))
    return float(sum(seconds for name, seconds in stages.items() if name not in named))


SECTION = Section("performance", reads=(read_performance,), figures={"performance": compute_costs}, draw=draw)
