"""Tables of what later batches are held against, and of what was decided about quarantined rows and batches."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import FILE, VOLATILE, created_at, generation_column, metadata
from pointsman.pipeline.quality.stored import quarantine_table

if TYPE_CHECKING:
    from pointsman.pipeline.quality.associations import AssociationRule

HELD, RELEASED, DISCARDED = "held", "released", "discarded"

fingerprints_table = sa.Table(
    "fingerprints",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows_file", sa.String, nullable=False, info=FILE),
    sa.Column("levels_file", sa.String, nullable=False, info=FILE),
)
"""One row an accepted batch: digests of its rows, and of every level that it or any batch before it had."""

associations_table = sa.Table(
    "associations",
    metadata,
    generation_column(),
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
    generation_column(),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("row", sa.Integer),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False, info=VOLATILE),
    sa.Column("why", sa.Text, nullable=False),
    created_at(),
    sa.PrimaryKeyConstraint("generation", "position"),
)
"""What a user made of a quarantined row, or of a rejected batch where ``row`` is null: 'released' or 'discarded'. A
later generation's decision on the same replaces an earlier one."""


def quarantined_rows() -> sa.Subquery:
    """Return every quarantined row (batch, row, reason) with its ``status``: 'held', or what was decided last."""
    decided, kept = quarantine_decisions_table.c, quarantine_table.c
    place = sa.func.row_number().over(partition_by=(decided.batch, decided.row), order_by=decided.generation.desc())
    ranked = sa.select(decided.batch, decided.row, decided.action, place.label("place")).subquery()
    same = sa.and_(ranked.c.batch == kept.batch, ranked.c.row == kept.row, ranked.c.place == 1)
    status = sa.func.coalesce(ranked.c.action, HELD).label("status")
    return (
        sa.select(kept.batch, kept.row, kept.reason, status).outerjoin_from(quarantine_table, ranked, same).subquery()
    )


retaken_table = sa.Table(
    "retaken",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rejected", sa.Integer, nullable=False, unique=True),
)
"""Batches that are the rows of a ``rejected`` one, which was released."""


def association_rows(batch: int, rules: "Iterable[AssociationRule]") -> list[dict[str, Any]]:
    """Return the rows of ``associations_table`` for a batch."""
    return [{"batch": batch, "position": place, **rule.to_json()} for place, rule in enumerate(rules)]
