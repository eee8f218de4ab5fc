"""Table of the experiments: every trial of every search, also the pruned and the failed ones."""

import sqlalchemy as sa

from common.database import VOLATILE, metadata

trials_table = sa.Table(
    "trials",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("variant", sa.String, nullable=False),
    sa.Column("window", sa.Integer, nullable=True),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("loss", sa.Float, nullable=True),
    sa.Column("baseline", sa.Float, nullable=False),
    sa.Column("fold_losses", sa.JSON, nullable=False),
    sa.Column("steps", sa.JSON, nullable=False),
    sa.Column("failure", sa.String, nullable=False),
    sa.Column("finalist", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, info=VOLATILE),
)
"""``window``: newest batches learned from, null for all. ``baseline``: the prior's loss on the same folds. ``steps``:
the loss at the cheap first rung, then the mean over the folds so far, newest fold first."""
