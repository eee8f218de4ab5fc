"""Tables of drift: the sketch of every batch, the tests it was put to, the alarms they raised and what was done."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import FILE, generation_column, metadata
from pointsman.common.storage.rows import make_row

if TYPE_CHECKING:  # who reads tables of drift need not load what judges it
    from pointsman.pipeline.drift.verdict import DriftAlarm, DriftTest

sketches_table = sa.Table(
    "sketches",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("file", sa.String, nullable=False, info=FILE),
)

drift_tests_table = sa.Table(
    "drift_tests",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("drift", sa.String, primary_key=True),
    sa.Column("column", sa.String, primary_key=True),
    sa.Column("aspect", sa.String, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("error", sa.Float, nullable=False),
    sa.Column("p_value", sa.Float, nullable=True),
    sa.Column("alarm", sa.Boolean, nullable=False),
    sa.Column("kept", sa.Float, nullable=True),
)
"""See ``pipeline.drift.verdict.DriftTest``."""

alarms_table = sa.Table(
    "alarms",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rank", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("drift", sa.String, nullable=False),
    sa.Column("column", sa.String, nullable=False),
    sa.Column("aspects", sa.JSON, nullable=False),
    sa.Column("p_value", sa.Float, nullable=False),
    sa.Column("damage", sa.Float, nullable=True),
    sa.Column("since", sa.JSON, nullable=False),
)
"""Alarms of a batch, the most damaging first. ``damage`` is the mean row loss of the serving model that the drift
explains, null where no model served yet; ``since`` maps detectors to the time at which they saw its loss change."""

responses_table = sa.Table(
    "responses",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("drift", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
)
"""What alarms set off: the action, the alarm in words that caused it, and what came of it."""


def drift_test_rows(batch: int, tests: "Iterable[DriftTest]") -> list[dict[str, Any]]:
    """Return the rows of ``drift_tests_table`` for a batch."""
    return [make_row(test, batch=batch) for test in tests]


def alarm_rows(batch: int, alarms: "Iterable[DriftAlarm]") -> list[dict[str, Any]]:
    """Return the rows of ``alarms_table`` for a batch, whose alarms come in order of damage."""
    return [make_row(alarm, batch=batch, rank=rank) for rank, alarm in enumerate(alarms, start=1)]
