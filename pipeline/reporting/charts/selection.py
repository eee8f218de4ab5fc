"""Charts of selection: the grades of its choices, and what moves the loss."""

from collections.abc import Sequence

from matplotlib.ticker import PercentFormatter

from pipeline.reporting.charts.svg import BLUE, FULL, GREEN, GREY, INK, PURPLE, SKY, VERMILLION, Chart, export, sheet
from pipeline.reporting.charts.timeline import Timeline
from pipeline.reporting.figures.influence import Influence
from pipeline.reporting.report import Report

BARS = (
    ("oracle", "oracle", GREEN, (0, (1, 1.5))),
    ("single_best", "best single in hindsight", PURPLE, (0, (4, 2))),
    ("last_best", "best on the last batch", GREY, (0, (2, 1))),
    ("best", "best of all in hindsight", SKY, (0, (3, 1.5))),
    ("single", "what mode single chose", VERMILLION, (0, (6, 2))),
    ("selected", "what mode all chose", BLUE, "solid"),
)
TOP = 0.5
DIRECTED = 0.15
"""A weaker correlation than this has no direction to speak of."""


def draw_grades(report: Report, timeline: Timeline) -> Chart:
    """Draw the loss of what was chosen against the champions', on clean and on damaged input, between its bars."""
    groups = list(dict.fromkeys(grade.group for grade in report.grades))
    served = "single" if report.mode == "single" else "selected"
    with sheet(FULL, 0.7 + 2.1 * len(groups)) as figure:
        rows = figure.subplots(len(groups), squeeze=False)[:, 0]
        for axes, group in zip(rows, groups, strict=True):
            grades = [grade for grade in report.grades if grade.group == group and grade.champion]
            highest = 0.0
            for name, label, colour, style in BARS:
                known = {grade.batch: (getattr(grade, name), grade.champion) for grade in grades}
                relative = {batch: loss / bar - 1 for batch, (loss, bar) in known.items() if loss is not None}
                highest = max([highest, *relative.values()])
                axes.plot(range(len(timeline)), timeline.spread(relative), color=colour, linestyle=style, marker=".",
                          linewidth=2 if name == served else 1.2, label=label)  # fmt: skip
            axes.axhline(0, color=INK, linewidth=1.2, label="two champions")
            if highest > TOP:
                axes.set_ylim(top=TOP)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
            axes.set_title(f"{group} input: loss relative to the champions' (below 0 is better)")
            timeline.decorate(axes)
        handles, labels = rows[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=6)
        label = "Loss of what was chosen relative to the champions, by batch, on clean and on damaged input"
        return export(figure, "grades", label, timeline.note)


def draw_influences(name: str, label: str, influences: Sequence[Influence]) -> Chart:
    """Draw how strongly each column moves the loss, and which way."""
    shown = influences[::-1]
    with sheet(FULL, 0.8 + 0.22 * len(shown)) as figure:
        axes = figure.subplots()
        for row, one in enumerate(shown):
            worse, better = one.direction > DIRECTED, one.direction < -DIRECTED
            axes.barh(row, one.importance, color=VERMILLION if worse else GREEN if better else GREY)
        axes.set_yticks(range(len(shown)), [one.name.replace("_", " ") for one in shown])
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("share of the explained differences in loss")
        axes.grid(visible=False, axis="y")
        for words, colour in (("more is worse", VERMILLION), ("more is better", GREEN), ("no direction", GREY)):
            axes.barh(0, 0, color=colour, label=words)
        figure.legend(loc="outside upper right", ncols=3)
        return export(figure, name, label, "")
