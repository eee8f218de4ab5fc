"""Sketches, tests and alarms of earlier batches, as the catalogue has them."""

from dataclasses import dataclass

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.rows import read_record
from pointsman.common.storage.state import State
from pointsman.pipeline.drift.sketch import Sketch
from pointsman.pipeline.drift.tables import alarms_table, drift_tests_table, sketches_table
from pointsman.pipeline.drift.verdict import Drift, DriftTest

MOST_PAST = 60
"""Earlier batches, at most, that the newest one is held against."""

PastTest = tuple[int, DriftTest]
"""A test and the number of its batch."""


@dataclass(frozen=True)
class KindVerdict:
    """What the tests of one kind said of a batch: their alarms, and how probable the least probable of them was.

    ``chance`` is that of a stable batch to show as much in any of them; None where none could be judged yet.
    """

    alarms: int
    chance: float | None


def load_sketches(state: State, most: int, after: int = 0, until: int | None = None) -> list[Sketch]:
    """Return the sketches of the newest ``most`` batches after one and until another, oldest first.

    Broken ones are left out.
    """
    table = sketches_table.c
    query = sa.select(sketches_table).where(table.batch > after).order_by(table.batch.desc()).limit(most)
    if until is not None:
        query = query.where(table.batch <= until)
    contents = [state.files.load_if_sound(row["file"]) for row in read_rows(state.engine, query)]
    return [Sketch.from_bytes(content) for content in contents[::-1] if content is not None]


def load_tests(state: State) -> list[PastTest]:
    """Return the tests of the newest batches, oldest batch first."""
    newest = read_rows(state.engine, sa.select(sa.func.max(drift_tests_table.c.batch).label("batch")))[0]["batch"]
    query = sa.select(drift_tests_table).where(drift_tests_table.c.batch > (newest or 0) - MOST_PAST)
    rows = read_rows(state.engine, query.order_by(*drift_tests_table.primary_key.columns))
    return [(row["batch"], read_record(DriftTest, row)) for row in rows]


def has_relation_changed(state: State, since: int) -> bool:
    """Return whether a batch after that number raised an alarm of concept drift."""
    query = sa.select(alarms_table.c.batch).where(alarms_table.c.batch > since, alarms_table.c.drift == Drift.CONCEPT)
    return bool(read_rows(state.engine, query.limit(1)))


def load_newest_verdict(state: State) -> dict[str, KindVerdict]:
    """Return by kind of drift what was found in the newest batch that was tested; {} before there is one."""
    table = drift_tests_table.c
    newest = sa.select(sa.func.max(table.batch)).scalar_subquery()
    tests = sa.select(
        table.drift, sa.func.min(table.p_value).label("least"), sa.func.count(table.p_value).label("size")
    )
    judged = read_rows(state.engine, tests.where(table.batch == newest).group_by(table.drift))
    raised = sa.select(alarms_table.c.drift).where(alarms_table.c.batch == newest)
    alarms = [row["drift"] for row in read_rows(state.engine, raised)]
    return {
        row["drift"]: KindVerdict(
            alarms.count(row["drift"]), None if row["least"] is None else 1 - (1 - row["least"]) ** row["size"]
        )
        for row in judged
    }
