"""Tables of what later batches are held against, and of what was decided about quarantined rows and batches."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from common.database import created_at, metadata
from pipeline.analysis.quality.associations import AssociationRule

RELEASED, DISCARDED = "released", "discarded"

fingerprints_table = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows_file", sa.String, nullable=False),
    sa.Column("levels_file", sa.String, nullable=False),
)
"""One row an accepted batch: digests of its rows, and of every level that it or any batch before it had."""

associations_table = sa.Table(
    "associations",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("antecedents", sa.JSON, nullable=False),
    sa.Column("consequents", sa.JSON, nullable=False),
    sa.Column("support", sa.Float, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("lift", sa.Float, nullable=False),
    sa.Column("past", sa.JSON, nullable=False),
)
"""The association rules mined once ``batch`` was learned, strongest first; they are checked on the batches after it."""

quarantine_decisions_table = sa.Table(
    "quarantine_decisions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("row", sa.Integer),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    created_at(),
)
"""What a user made of a quarantined row, or of a rejected batch where ``row`` is null: 'released' or 'discarded'."""

retaken_table = sa.Table(
    "retaken",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rejected", sa.Integer, nullable=False, unique=True),
)
"""Batches that are the rows of a ``rejected`` one, which was released."""


def association_rows(batch: int, rules: Iterable[AssociationRule]) -> list[dict[str, Any]]:
    """Return the rows of ``associations_table`` for a batch."""
    return [{"batch": batch, "position": place, **rule.to_json()} for place, rule in enumerate(rules)]
