"""Tables of the analysis: quality checks, column profiles, quarantined rows and drift, batch by batch."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from common.database import metadata
from common.records import CheckResult, ColumnProfile, QuarantinedRow
from pipeline.analysis.drift import ColumnDrift

quality_table = sa.Table(
    "quality",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("code", sa.String, primary_key=True),
    sa.Column("column", sa.String, primary_key=True),
    sa.Column("dimension", sa.String, nullable=False),
    sa.Column("share", sa.Float, nullable=True),
    sa.Column("threshold", sa.Float, nullable=True),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)

profiles_table = sa.Table(
    "profiles",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("column", sa.String, primary_key=True),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("missing_share", sa.Float, nullable=False),
    sa.Column("distinct", sa.Integer, nullable=False),
    sa.Column("statistics", sa.JSON, nullable=False),
)

quarantine_table = sa.Table(
    "quarantine",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False, default="held"),
)
"""``row`` is the position in the raw batch, whose file keeps the row itself."""

drift_table = sa.Table(
    "drift",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("column", sa.String, primary_key=True),
    sa.Column("distance", sa.Float, nullable=False),
    sa.Column("noise", sa.Float, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)


def quality_rows(batch: int, checks: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """Return the rows of the quality table."""
    return [{**asdict(check), "batch": batch, "severity": check.severity.value} for check in checks]


def profile_rows(batch: int, profile: Sequence[ColumnProfile]) -> list[dict[str, Any]]:
    """Return the rows of the profiles table."""
    plain = ("column", "role", "missing_share", "distinct")
    return [
        {
            "batch": batch,
            **{name: described[name] for name in plain},
            "statistics": {name: described[name] for name in described if name not in plain},
        }
        for described in map(asdict, profile)
    ]


def quarantine_rows(batch: int, rows: Sequence[QuarantinedRow]) -> list[dict[str, Any]]:
    """Return the rows of the quarantine table."""
    return [{"batch": batch, "row": row.row, "reason": row.reason, "status": "held"} for row in rows]


def drift_rows(batch: int, drifts: Sequence[ColumnDrift]) -> list[dict[str, Any]]:
    """Return the rows of the drift table."""
    return [{"batch": batch, **asdict(drift)} for drift in drifts]
