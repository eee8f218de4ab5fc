"""Tables of the analysis: quality results, profiles, quarantined rows and data drift of every batch."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import generation_column, metadata
from pointsman.common.storage.rows import make_row

if TYPE_CHECKING:  # whoever reads these tables needs no rows of a batch
    from pointsman.common.records import CheckResult, ColumnDrift, ColumnProfile, QuarantinedRow

quality_table = sa.Table(
    "quality",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("code", sa.String, nullable=False),
    sa.Column("dimension", sa.String, nullable=False),
    sa.Column("column", sa.String, nullable=False),
    sa.Column("share", sa.Float, nullable=True),
    sa.Column("threshold", sa.Float, nullable=True),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
"""One row a check and column; two rules on one column are two rows. ``share`` is null where a check does not apply."""

profiles_table = sa.Table(
    "profiles",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("column", sa.String, primary_key=True),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("missing_share", sa.Float, nullable=False),
    sa.Column("distinct", sa.Integer, nullable=False),
    sa.Column("stats", sa.JSON, nullable=False),
)
"""``stats`` holds the other fields of a ColumnProfile."""

quarantine_table = sa.Table(
    "quarantine",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reason", sa.String, nullable=False),
)
"""``row`` is the position in the batch's raw file. What became of it follows from the decisions on it: see
``pipeline.quality.tables.quarantined_rows``."""

drift_table = sa.Table(
    "drift",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("column", sa.String, primary_key=True),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("distance", sa.Float, nullable=False),
    sa.Column("noise", sa.Float, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)
"""``detail`` holds the other fields of a ColumnDrift."""


def quality_rows(batch: int, checks: "Iterable[CheckResult]") -> list[dict[str, Any]]:
    """Return the rows of ``quality_table`` for a batch."""
    return [make_row(check, batch=batch, position=place) for place, check in enumerate(checks)]


def profile_rows(batch: int, profile: "Iterable[ColumnProfile]") -> list[dict[str, Any]]:
    """Return the rows of ``profiles_table`` for a batch."""
    return [_split(make_row(column, batch=batch), profiles_table, "stats") for column in profile]


def quarantine_rows(batch: int, quarantined: "Iterable[QuarantinedRow]") -> list[dict[str, Any]]:
    """Return the rows of ``quarantine_table`` for a batch."""
    return [make_row(row, batch=batch) for row in quarantined]


def drift_rows(batch: int, drift: "Iterable[ColumnDrift]") -> list[dict[str, Any]]:
    """Return the rows of ``drift_table`` for a batch."""
    return [_split(make_row(column, batch=batch), drift_table, "detail") for column in drift]


def _split(row: dict[str, Any], table: sa.Table, rest: str) -> dict[str, Any]:
    """Put the cells that have a column of their own there, and all others into the JSON column ``rest``."""
    own = {name: cell for name, cell in row.items() if name in table.columns}
    return own | {rest: {name: cell for name, cell in row.items() if name not in own}}
