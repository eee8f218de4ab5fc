"""Facts about requests: what answered them, what their labels showed, and whether labels come."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.task import Task
from pointsman.meta.corrections import load_corrected
from pointsman.meta.label_tables import MATURITY_DAYS, labels_table, settled_requests_table, settlements_table
from pointsman.meta.tables import decisions_table, regrets_table
from pointsman.pipeline.reporting.health.facts import Answered, DamagedColumn, Labels, Ledger
from pointsman.pipeline.reporting.loss_scale import measure_noise, pool, to_unit

NEWEST_REQUESTS = 500
"""Requests that are looked at, the newest ones."""
NEWEST_BATCHES = 8
"""Batches whose labels tell what answers cost now: what was long ago is in the report."""
NOTABLE = 0.15
"""Share of a column's cells from which damage is named."""
MOST_COME = 0.8
"""Share of labels that came within the time by which they are expected."""
GUESSED_DAYS = 30
"""When labels are expected where none ever came, unless batches lie further apart than half of that."""
WATCHED_DAYS = 180
"""How far back labels are missed."""


def read_answered(state: State, live: int) -> Answered:
    """Return what the newest generation that answered anything answered; ``live`` is the number of the live one."""
    table = decisions_table.c
    newest = sa.select(sa.func.max(table.generation)).scalar_subquery()
    asked = (table.id, table.generation, table.created_at, table.rows, table.served, table.failures, table.profile)
    query = sa.select(*asked).where(table.generation == newest).order_by(table.created_at.desc(), table.id)
    rows = read_rows(state.engine, query.limit(NEWEST_REQUESTS))
    if not rows:
        return Answered()
    by_reason: Counter[str] = Counter()
    failures: dict[str, str] = {}
    for row in rows:
        for pair, count in row["served"].items():
            by_reason[pair.partition("/")[2]] += count
        failures |= row["failures"]
    fallen = [row["id"] for row in rows if any("/fallback:" in pair for pair in row["served"])]
    return Answered(
        generation=rows[0]["generation"],
        requests=len(rows),
        rows=sum(by_reason.values()),
        fallbacks={reason: count for reason, count in by_reason.items() if reason.startswith("fallback:")},
        example=(fallen or [rows[0]["id"]])[0],
        failures=failures,
        damaged=average_damage([(row["profile"].get("shares", {}), row["rows"]) for row in rows]),
        since=rows[-1]["created_at"],
        is_now=rows[0]["generation"] == live,
    )


def average_damage(requests: Sequence[tuple[Mapping[str, Sequence[float]], int]]) -> tuple[DamagedColumn, ...]:
    """Return the columns of requests, each with its rows, that are notably damaged on average, the most damaged first.

    >>> average_damage([({"a": (1.0, 0.0, 0.0), "b": (0.0, 0.1, 0.3)}, 10), ({}, 10)])
    (DamagedColumn(name='a', is_missing=True, share=0.5), DamagedColumn(name='b', is_missing=False, share=0.2))
    """
    rows = sum(count for _, count in requests)
    missing: dict[str, float] = defaultdict(float)
    strange: dict[str, float] = defaultdict(float)
    for shares, count in requests:
        for name, (lost, out_of_range, unseen) in shares.items():
            missing[name] += lost * count
            strange[name] += (out_of_range + unseen) * count
    worst = {name: max(missing[name], strange[name]) / rows for name in missing}
    found = [DamagedColumn(name, missing[name] >= strange[name], share) for name, share in worst.items()]
    notable = [one for one in found if one.share >= NOTABLE]
    return tuple(sorted(notable, key=lambda one: (-one.share, one.name)))


def read_ledger(state: State, task: Task) -> Ledger:
    """Return what answers cost and what the champion's would have, by the labels of the newest batches."""
    table = regrets_table.c
    newest = sa.select(sa.func.max(table.batch)).scalar_subquery()
    query = sa.select(regrets_table).where(table.batch > newest - NEWEST_BATCHES)
    entries = load_corrected(state, regrets_table, query)
    return add_up([(row["rows"], row["served"], row["champion"]) for row in entries], task)


def add_up(entries: Sequence[tuple[int, float, float]], task: Task) -> Ledger:
    """Return what entries of rows, mean row loss and the champion's add up to.

    >>> add_up([(10, 0.5, 0.4), (30, 0.5, 0.4)], Task.BINARY)
    Ledger(entries=2, rows=40, served=0.5, champion=0.4, error=None)
    """
    rows = [count for count, _, _ in entries]
    owns, others = [loss for _, loss, _ in entries], [loss for _, _, loss in entries]
    if not sum(rows):
        return Ledger()
    served, champion = (to_unit(pool(losses, rows), task) for losses in (owns, others))
    return Ledger(len(entries), sum(rows), served, champion, measure_noise(owns, others, rows, task))


def read_labels(state: State, now: datetime, period_days: float | None) -> Labels:
    """Return how many answered rows should have a label by now, and how many of them do."""
    query = sa.select(settlements_table.c.maturity).order_by(settlements_table.c.batch.desc()).limit(24)
    usual = find_usual_days([row["maturity"] for row in read_rows(state.engine, query)])
    due = usual or max(GUESSED_DAYS, ceil(2 * (period_days or 0)))
    table = decisions_table.c
    watched = sa.and_(
        table.created_at <= now - timedelta(days=due),
        table.created_at > now - timedelta(days=due + WATCHED_DAYS),
        table.kept_rows.is_not(None),
    )
    ids = sa.select(table.id).where(watched)
    rows = _count(state, sa.select(sa.func.sum(table.kept_rows).label("rows")).where(watched))
    label = labels_table.c
    by_id = sa.select(label.request, label.position).where(label.request.in_(ids)).distinct().subquery()
    settled = settled_requests_table.c
    by_batch = sa.select(sa.func.sum(settled.rows).label("rows")).where(settled.request.in_(ids))
    labelled = _count(state, sa.select(sa.func.count().label("rows")).select_from(by_id)) + _count(state, by_batch)
    return Labels(due, rows, min(rows, labelled), usual is not None)


def find_usual_days(maturities: Sequence[Mapping[str, Mapping[str, int]]]) -> int | None:
    """Return the number of days, one of MATURITY_DAYS, within which most labels came; None where none came.

    >>> find_usual_days([{"2026-01": {"1": 2, "30": 7, "later": 1}}]), find_usual_days([{}])
    (30, None)
    """
    counts: Counter[str] = Counter()
    for by_month in maturities:
        for by_age in by_month.values():
            counts.update(by_age)
    total, reached = sum(counts.values()), 0
    if not total:
        return None
    for days in MATURITY_DAYS:
        reached += counts[str(days)]
        if reached >= MOST_COME * total:
            return days
    return MATURITY_DAYS[-1]


def _count(state: State, query: sa.Select[Any]) -> int:
    return int(read_rows(state.engine, query)[0]["rows"] or 0)
