"""Charts of what runs cost."""

from collections.abc import Mapping

from pointsman.pipeline.reporting.charts.svg import FULL, GREEN, INK, SERIES, Chart, export, label_numbers, sheet
from pointsman.pipeline.reporting.charts.timeline import Timeline
from pointsman.pipeline.reporting.report import Report


def draw_stages(report: Report, timeline: Timeline) -> Chart:
    """Draw the seconds of every update by stage, with its processor time; below them rows a second and peak memory."""
    updates = report.performance.updates
    totals: dict[str, float] = {}
    for update in updates:
        for stage, seconds in update.stages.items():
            totals[stage] = totals.get(stage, 0.0) + seconds
    named = sorted(totals, key=lambda stage: -totals[stage])[: len(SERIES) - 1]
    with sheet(FULL, 4.8) as figure:
        upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1.3, 1.3))
        places = range(len(timeline))
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


def draw_requests(report: Report) -> Chart:
    """Draw how many rows a second the newest requests were answered at."""
    requests = report.performance.requests
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
