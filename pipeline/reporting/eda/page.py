"""The page of an exploration: what is known of the rows, their target, how inputs go with it, and the table itself."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.redaction import as_told
from pointsman.pipeline.reporting import formats
from pointsman.pipeline.reporting.eda.svg import BLUE, FULL, SERIES, Chart, export, label_numbers, sheet
from pointsman.pipeline.reporting.eda.table import render_table
from pointsman.pipeline.reporting.eda.target import ColumnRelation, Level
from pointsman.pipeline.reporting.formats import describe_move
from pointsman.pipeline.reporting.history import list_rows
from pointsman.pipeline.reporting.templates import open_templates, read_styles

FOLDER = Path(__file__).parent
NOTABLE = 2.0
"""Multiples of the noise from which a distance is marked."""
MOST_RELATIONS = 24
MOST_LINES = 40
MOST_CLASSES = len(SERIES)
MOST_TICKS = 9
COLOURS = ("blue", "vermillion", "green", "purple", "amber", "sky", "olive", "grey")
"""The page's names of SERIES, for bars of classes."""


@dataclass(frozen=True, eq=False)
class Exploration:
    """Everything the page shows of some rows.

    title, origin: what they are and where they come from
    rows:      how many there are; ``table`` holds those that are shown, typed
    start, end: their first and last time, if they have one
    notes:     sentences worth reading first
    target:    the target's name and the ``names`` of its levels; empty where no row is labelled
    course:    its level over time or by batch, as ``unit`` says
    checks, drift: rows of these two tables of the catalogue
    """

    title: str
    origin: str
    rows: int
    table: pd.DataFrame
    start: datetime | None
    end: datetime | None
    notes: tuple[str, ...]
    target: str
    task: str
    names: tuple[str, ...]
    overall: Level | None
    course: tuple[Level, ...]
    unit: str
    relations: tuple[ColumnRelation, ...]
    checks: pd.DataFrame
    drift: pd.DataFrame


def render_exploration(exploration: Exploration) -> str:
    """Return the page. It needs no other file and no network; the part by skrub runs its own script."""
    environment = open_templates(FOLDER)
    page = environment.get_template("template.html").render(
        page=exploration,
        css=read_styles(FOLDER.parent / "base.css", FOLDER.parent / "style.css", FOLDER / "style.css"),
        course=draw_course(exploration) if len(exploration.course) > 1 else None,
        relations=exploration.relations[:MOST_RELATIONS],
        others=exploration.relations[MOST_RELATIONS:],
        scale=find_scale(exploration),
        colours=[f"var(--{name})" for name in COLOURS],
        breaches=list_breaches(exploration.checks),
        moved=list_moved(exploration.drift),
        threshold=NOTABLE,
        table=render_table(exploration.table),
    )
    return as_told(page)


def draw_course(exploration: Exploration) -> Chart:
    """Draw the target's level over time or by batch: a line for each name, the most frequent classes only."""
    course, names = exploration.course, exploration.names
    means = np.array([level.means for level in course])
    shown = sorted(np.argsort(-np.nan_to_num(means).mean(axis=0), kind="stable")[:MOST_CLASSES])
    with sheet(FULL, 2.4) as figure:
        axes = figure.subplots()
        for place, colour in zip(shown, SERIES, strict=False):
            axes.plot(
                means[:, place], color=colour if len(names) > 1 else BLUE, marker="o", markersize=3, label=names[place]
            )
        step = max(1, -(-len(course) // MOST_TICKS))
        # Counted from the end, so that the newest block always has its label.
        places = list(range(len(course)))[::-1][::step]
        labels = [
            f"{course[place].label}\n{formats.format_date(course[place].end).partition(' ')[2][-8:]}"
            if exploration.unit == "batch"
            else _say_day(course[place].end)
            for place in places
        ]
        axes.set_xticks(places, labels)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(describe_level(exploration))
        label_numbers(axes.yaxis)
        if exploration.task != "regression":
            axes.set_ylim(bottom=0)
        if len(names) > 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return export(figure, "course", f"{exploration.target} {exploration.unit} by {exploration.unit}")


def describe_level(exploration: Exploration) -> str:
    """Return what a level of the target is.

    It is the mean of a number, the share of the positive class, or the shares of all classes.
    """
    if exploration.task == "regression":
        return f"mean of {exploration.target}"
    return f"share of '{exploration.names[0]}'" if len(exploration.names) == 1 else "share of each class"


def find_scale(exploration: Exploration) -> tuple[float, float]:
    """Return the lowest and highest level that bars of all relations share; 0 is always between them."""
    levels = [level.means[0] for one in exploration.relations[:MOST_RELATIONS] for level in one.groups]
    known = [level for level in levels if np.isfinite(level)] or [0.0]
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    return (low, high) if high > low else (0.0, 1.0)


def list_breaches(checks: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what was breached, a line for each check and column, with how often and the last message."""
    breached = checks[~checks["passed"].astype(bool)].sort_values(["batch", "position"], ascending=[False, True])
    lines = []
    for _key, own in breached.groupby(["code", "column"], sort=False):
        newest = list_rows(own.head(1))[0]
        lines.append(newest | {"times": len(own), "first": int(own["batch"].min())})
    return lines[:MOST_LINES]


def list_moved(drift: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the columns by how far they lay from the training rows, each in the batch where it lay farthest."""
    multiples = (drift["distance"] / drift["noise"].clip(lower=1e-3)).astype(float)
    farthest = drift.assign(multiple=multiples).sort_values(["multiple", "column"], ascending=[False, True])
    lines = list_rows(farthest.drop_duplicates("column").head(MOST_LINES))
    return [line | {"how": describe_move(line["role"], line["detail"])} for line in lines]


def _say_day(moment: Any) -> str:
    return "" if moment is None else formats.format_date(moment.date())
