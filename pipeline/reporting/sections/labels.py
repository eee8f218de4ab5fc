"""Late labels: how fast they come, which were of no use, and what each line was worth on served rows in no batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.label_tables import (
    MATURITY_DAYS,
    live_records_table,
    refused_labels_table,
    settled_labels_table,
    settlements_table,
)
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.labels.outcomes import REASONS, REFUSALS
from pointsman.pipeline.reporting.history import History, list_rows
from pointsman.pipeline.reporting.section import Section

MOST_MONTHS = 12
MOST_LINES = 20


@dataclass(frozen=True)
class MonthFigures:
    """Rows that were served and kept in a month, and which share of them was labelled within each of MATURITY_DAYS.

    A share is None until so many days have passed since the first of the month.
    """

    month: str
    rows: int
    labelled: int
    shares: tuple[float | None, ...]


@dataclass(frozen=True)
class LiveLine:
    """A line on served rows: its mean loss before it had learned from their time, and that of the best line there."""

    line: str
    rows: int
    loss: float
    best: float


@dataclass(frozen=True)
class UselessLabels:
    """Labels by id that do not count for everything: how many and why. ``taken``: by an update, else refused."""

    cause: str
    why: str
    taken: bool
    labels: int


@dataclass(frozen=True)
class LabelFigures:
    """Months, the newest first; lines, the most rows and the least loss first; the newest gap between folds.

    ``useless`` are labels that were refused when they came, then those that updates took in part or not at all.
    """

    days: tuple[int, ...]
    months: tuple[MonthFigures, ...]
    lines: tuple[LiveLine, ...]
    gap: str | None
    useless: tuple[UselessLabels, ...] = ()


def count_useless(history: History) -> tuple[UselessLabels, ...]:
    """Return how many labels were of no use, or not of every use, by cause."""
    refused, taken = refused_labels_table.c, settled_labels_table.c
    total = sa.func.sum(refused.labels).label("labels")
    queries = (
        (REFUSALS, False, sa.select(refused.cause, total).group_by(refused.cause)),
        (
            {str(outcome): why for outcome, why in REASONS.items()},
            True,
            sa.select(taken.outcome.label("cause"), sa.func.count().label("labels"))
            .where(taken.outcome.is_not(None))
            .group_by(taken.outcome),
        ),
    )
    found = []
    for words, is_taken, query in queries:
        counts = {row["cause"]: int(row["labels"]) for row in read_rows(history.state.engine, query)}
        found += [UselessLabels(word, why, is_taken, counts[word]) for word, why in words.items() if word in counts]
    return tuple(found)


def count_served(history: History) -> pd.DataFrame:
    """Return how many rows were served and kept by month."""
    moment, rows = decisions_table.c.created_at, decisions_table.c.kept_rows
    parts: list[Any] = [sa.extract("year", moment), sa.extract("month", moment)]
    query = sa.select(parts[0].label("year"), parts[1].label("month"), sa.func.sum(rows).label("rows"))
    found = read_rows(history.state.engine, query.where(rows.is_not(None)).group_by(*parts).order_by(*parts))
    months = [(f"{int(row['year'])}-{int(row['month']):02}", int(row["rows"])) for row in found]
    return pd.DataFrame(months, columns=["month", "rows"])


def compute_labels(history: History) -> LabelFigures:
    """Return how labels matured, by the clock: the time of serving, and that of a label's or its batch's arrival."""
    settlements, months = history.read(settlements_table), history.ask(count_served)
    counts: dict[str, dict[str, int]] = {}
    for maturity in settlements["maturity"]:
        for month, by_age in maturity.items():
            of_month = counts.setdefault(month, {})
            for age, count in by_age.items():
                of_month[age] = of_month.get(age, 0) + count
    served = dict(zip(months["month"], months["rows"].astype(int), strict=True))
    gaps = settlements.sort_values("batch")["gap"].tolist()
    return LabelFigures(
        days=MATURITY_DAYS,
        months=tuple(
            _describe_month(month, served[month], counts.get(month, {}), history.written_at)
            for month in sorted(served, reverse=True)[:MOST_MONTHS]
        ),
        lines=list_live_lines(history.read(live_records_table)),
        gap=gaps[-1] if gaps else None,
        useless=history.ask(count_useless),
    )


def _describe_month(month: str, rows: int, counts: Mapping[str, int], written_at: datetime) -> MonthFigures:
    within = np.cumsum([counts.get(str(days), 0) for days in MATURITY_DAYS])
    first = datetime.strptime(f"{month}-01", "%Y-%m-%d")
    shares = [
        min(1.0, float(count) / rows) if rows and first + timedelta(days=days) <= written_at else None
        for days, count in zip(MATURITY_DAYS, within, strict=True)
    ]
    return MonthFigures(month, rows, sum(counts.values()), tuple(shares))


def list_live_lines(live: pd.DataFrame) -> tuple[LiveLine, ...]:
    """Return what lines lost on served rows, over all live records that they are in."""
    found: dict[str, list[tuple[int, float, float]]] = {}
    for row in list_rows(live):
        best = min(row["losses"].values())
        for line, loss in row["losses"].items():
            found.setdefault(line, []).append((int(row["rows"]), loss, best))
    lines = []
    for line, known in found.items():
        rows, losses, best = (np.array(column, dtype=float) for column in zip(*known, strict=True))
        mean, least = (float(np.average(one, weights=rows)) for one in (losses, best))
        lines.append(LiveLine(line, int(rows.sum()), mean, least))
    return tuple(sorted(lines, key=lambda one: (-one.rows, one.loss, one.line))[:MOST_LINES])


SECTION = Section(
    "labels",
    reads=(settlements_table, live_records_table, count_served, count_useless),
    figures={"labels": compute_labels},
)
