"""What runs cost: seconds by stage, processor seconds and memory of updates, rows a second of requests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.common.performance import performance_table
from pointsman.pipeline.reporting.charts.svg import FULL, GREEN, INK, SERIES, Chart, export, label_numbers, sheet
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.section import Section

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
        yield draw_stages(costs.updates, history.ask(lay_timeline))
    if costs.requests:
        yield draw_requests(costs.requests)


def draw_stages(updates: Sequence[UpdateCost], timeline: Timeline) -> Chart:
    """Draw the seconds of every update by stage, with its processor time; below them rows a second and peak memory."""
    totals: dict[str, float] = {}
    for update in updates:
        for stage, seconds in update.stages.items():
            totals[stage] = totals.get(stage, 0.0) + seconds
    # The last colour is kept for all stages that have none of their own.
    named = sorted(totals, key=lambda stage: -totals[stage])[: len(SERIES) - 1]
    with sheet(FULL, 4.8) as figure:
        upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1.3, 1.3))
        places = range(len(timeline))
        # A batch without a cost counts 0: one NaN would take the whole stack above it off the chart.
        bottom = timeline.spread(dict.fromkeys(timeline.batches, 0.0))
        for stage, colour in zip([*named, "other stages"], SERIES, strict=False):
            spent = {one.batch: _sum_stage(one.stages, stage, named) for one in updates}
            heights = timeline.spread({batch: spent.get(batch, 0.0) for batch in timeline.batches})
            if heights.any():
                upper.bar(places, heights, bottom=bottom, color=colour, width=0.8, label=stage)
            bottom = bottom + heights
        cpu = timeline.spread({update.batch: update.cpu_seconds for update in updates})
        upper.plot(places, cpu, "_", color=INK, markersize=7, markeredgewidth=1.5, label="processor time")
        upper.set_title("Seconds an update takes")
        timeline.decorate(upper, labels=False)
        middle.plot(places, timeline.spread({one.batch: one.rows_per_second for one in updates}), color=INK, marker=".")
        middle.set_title("Rows a second")
        middle.set_ylim(0, 1.15 * max(update.rows_per_second for update in updates))
        timeline.decorate(middle, labels=False, letters=False)
        lower.plot(places, timeline.spread({one.batch: one.peak_mb for one in updates}), color=INK, marker=".")
        lower.set_title("Peak memory, MB")
        lower.set_ylim(0, 1.15 * max(update.peak_mb for update in updates))
        timeline.decorate(lower, letters=False)
        figure.legend(loc="outside upper left", ncols=5)
        return export(
            figure, "stages", "Seconds by stage, rows a second and peak memory of every update", timeline.note
        )


def draw_requests(requests: Sequence[RequestCost]) -> Chart:
    """Draw how many rows a second the newest requests were answered at."""
    with sheet(FULL, 1.9) as figure:
        axes = figure.subplots()
        axes.bar(range(len(requests)), [one.rows_per_second for one in requests], color=GREEN, width=0.7)
        axes.set_xticks([])
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("requests, the newest on the right")
        axes.set_title("Rows answered a second")
        label_numbers(axes.yaxis)
        return export(figure, "requests", f"Rows answered a second in the newest {len(requests)} requests")


def _sum_stage(stages: Mapping[str, float], stage: str, named: list[str]) -> float:
    if stage != "other stages":
        return float(stages.get(stage, 0.0))
    return float(sum(seconds for name, seconds in stages.items() if name not in named))


SECTION = Section("performance", reads=(read_performance,), figures={"performance": compute_costs}, draw=draw)
