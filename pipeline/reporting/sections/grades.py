"""Grades of the selector: what its choices were worth on batches that nobody had learned, between their bars."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pointsman.meta.tables import grades_table
from pointsman.pipeline.reporting.charts.svg import (
    BLUE,
    FULL,
    GREEN,
    GREY,
    INK,
    PURPLE,
    SKY,
    VERMILLION,
    Chart,
    export,
    label_shares,
    sheet,
)
from pointsman.pipeline.reporting.charts.timeline import Timeline, lay_timeline
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS = (
    ("oracle", "oracle", GREEN, (0, (1, 1.5))),
    ("single_best", "best single in hindsight", PURPLE, (0, (4, 2))),
    ("last_best", "best on the last batch", GREY, (0, (2, 1))),
    ("best", "best of all in hindsight", SKY, (0, (3, 1.5))),
    ("single", "what mode single chose", VERMILLION, (0, (6, 2))),
    ("selected", "what mode all chose", BLUE, "solid"),
)
TOP = 0.5
"""Losses further above the champions' are cut off."""


@dataclass(frozen=True)
class GradeFigures:
    """Mean losses over the requests of a group, 'clean' or 'damaged', of one batch.

    Except for ``single`` and ``gain_single``, which are of mode single, what was chosen is what mode all chose.

    ``gain`` is by which share what was chosen beat the champions; ``error`` is the standard error of ``difference``,
    the mean row loss of what was chosen less that of the champions. ``calibration`` is the expected calibration error
    of each. ``best`` is of the best single model or ensemble in hindsight, None in grades of earlier releases;
    ``chosen`` counts the requests for which a line was chosen, the most frequent first.
    """

    batch: int
    group: str
    requests: int
    selected: float
    champion: float
    single: float
    last_best: float
    uniform: float
    single_best: float
    oracle: float
    difference: float
    error: float
    alarms: float
    gain: float | None
    gain_single: float | None
    calibration: Mapping[str, float]
    best: float | None
    chosen: Mapping[str, int]


def list_grades(history: History) -> tuple[GradeFigures, ...]:
    """Return the selector's grades, oldest batch first."""
    rows = list_rows(history.read(grades_table).sort_values(["batch", "group"]))
    return tuple(
        read_record(
            GradeFigures,
            row,
            gain=1 - row["selected"] / row["champion"] if row["champion"] else None,
            gain_single=1 - row["single"] / row["champion"] if row["champion"] else None,
            calibration=dict(row["calibration"]),
            chosen=dict(sorted((row["chosen"] or {}).items(), key=lambda one: (-one[1], one[0]))),
        )
        for row in rows
    )


def draw(history: History) -> Iterator[Chart]:
    """Yield the chart of grades, where there are any."""
    grades = history.ask(list_grades)
    if grades:
        yield draw_grades(grades, history.mode, history.ask(lay_timeline))


def draw_grades(grades: Sequence[GradeFigures], mode: str, timeline: Timeline) -> Chart:
    """Draw the loss of what was chosen against the champions', on clean and on damaged input, between its bars."""
    groups = list(dict.fromkeys(grade.group for grade in grades))
    with sheet(FULL, 0.7 + 2.1 * len(groups)) as figure:
        rows = figure.subplots(len(groups), squeeze=False)[:, 0]
        for axes, group in zip(rows, groups, strict=True):
            own = [grade for grade in grades if grade.group == group and grade.champion]
            _draw_group(axes, own, "single" if mode == "single" else "selected", timeline)
            axes.set_title(f"{group} input: loss relative to the champions' (below 0 is better)")
            timeline.decorate(axes)
        handles, labels = rows[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=6)
        label = "Loss of what was chosen relative to the champions, by batch, on clean and on damaged input"
        return export(figure, "grades", label, timeline.note)


def _draw_group(axes: "Axes", grades: Sequence[GradeFigures], served: str, timeline: Timeline) -> None:
    highest = 0.0
    for name, label, colour, style in BARS:
        known = {grade.batch: (getattr(grade, name), grade.champion) for grade in grades}
        relative = {batch: loss / bar - 1 for batch, (loss, bar) in known.items() if loss is not None}
        highest = max([highest, *relative.values()])
        width = 2 if name == served else 1.2
        observed = timeline.spread(relative)
        axes.plot(timeline.places, observed, color=colour, linestyle=style, marker=".", linewidth=width, label=label)
    axes.axhline(0, color=INK, linewidth=1.2, label="two champions")
    if highest > TOP:
        axes.set_ylim(top=TOP)
    label_shares(axes.yaxis)


SECTION = Section("grades", reads=(grades_table,), figures={"grades": list_grades}, draw=draw)
