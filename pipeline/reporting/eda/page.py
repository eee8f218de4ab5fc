"""The page of an exploration: what is known of the rows, their target, how inputs go with it, and the table itself."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.redaction import as_told
from pointsman.pipeline.reporting.charts.chart import Chart, to_columns
from pointsman.pipeline.reporting.charts.colours import BLUE, SERIES
from pointsman.pipeline.reporting.charts.layers import NUMBERS, SHARES, colour_by, draw_by_batch, line, measure, tell
from pointsman.pipeline.reporting.charts.scripts import describe_charts
from pointsman.pipeline.reporting.eda.table import render_table
from pointsman.pipeline.reporting.eda.target import ColumnRelation, Level
from pointsman.pipeline.reporting.formats import MONTHS, describe_move
from pointsman.pipeline.reporting.history import list_rows
from pointsman.pipeline.reporting.long_words import cut_long_words
from pointsman.pipeline.reporting.shell import gather_parts, wrap_page
from pointsman.pipeline.reporting.templates import open_templates

FOLDER = Path(__file__).parent
NOTABLE = 2.0
"""Multiples of the noise from which a distance is marked."""
MOST_RELATIONS = 24
MOST_LINES = 40
MOST_CLASSES = len(SERIES)


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
    """Return the page. It needs no other file and no network; the part by skrub runs its own scripts."""
    body = (
        open_templates(FOLDER, FOLDER.parent)
        .get_template("page.html")
        .render(
            page=exploration,
            course=draw_course(exploration) if len(exploration.course) > 1 else None,
            relations=exploration.relations[:MOST_RELATIONS],
            others=exploration.relations[MOST_RELATIONS:],
            scale=find_scale(exploration),
            colours=SERIES,
            breaches=list_breaches(exploration.checks),
            moved=list_moved(exploration.drift),
            threshold=NOTABLE,
            table=render_table(exploration.table),
        )
    )
    months = {int(level.label): format_end(level) for level in exploration.course}
    base = describe_charts(list(months), months, [], {})
    parts = gather_parts(base, [FOLDER / "page.css"], [FOLDER / "page.js"])
    return wrap_page(exploration.title, cut_long_words(as_told(body)), parts, is_foreign=True)


def draw_course(exploration: Exploration) -> Chart:
    """Draw the target's level over time or by batch: a line for each name, the most frequent classes only."""
    course, names = exploration.course, exploration.names
    means = np.nan_to_num(np.array([level.means for level in course])).mean(axis=0)
    shown = sorted(np.argsort(-means, kind="stable")[:MOST_CLASSES])
    rows = [(int(level.label), names[place], level.means[place], level.rows) for place in shown for level in course]
    what, form = describe_level(exploration), NUMBERS if exploration.task == "regression" else SHARES
    y = measure("level", what, form, zero=exploration.task != "regression")
    several = len(names) > 1
    told = tell(*(["name"] if several else []), ("batch", exploration.unit), ("level", what, form), "rows")
    chart = draw_by_batch(
        "course",
        f"{exploration.target} {exploration.unit} by {exploration.unit}",
        to_columns(("batch", "name", "level", "rows"), rows),
        [line(y, told, colour_by("name", [names[place] for place in shown]) if several else BLUE)],
    )
    return replace(chart, titles={})  # the numbers stand in a table below


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


def format_end(level: Level) -> str:
    """Return the month in which a block of rows ended, '' where its rows have no time."""
    return f"{MONTHS[level.end.month - 1]} {level.end.year % 100:02d}" if level.end else ""
