"""Tables of the experiments: every trial of every search, also the pruned and the failed ones, and feature gains."""

import sqlalchemy as sa

from common.database import VOLATILE, generation_column, metadata

trials_table = sa.Table(
    "trials",
    metadata,
    generation_column(),
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

feature_gains_table = sa.Table(
    "feature_gains",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("feature", sa.String, primary_key=True),
    sa.Column("gain", sa.Float, nullable=False),
    sa.Column("lower", sa.Float, nullable=False),
    sa.Column("upper", sa.Float, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("covered", sa.Boolean, nullable=False),
    sa.Column("used", sa.Boolean, nullable=False),
)
"""``gain``: mean row loss without the feature less that with it, on the folds of a batch. ``covered``: whether history
has been through its season; ``used``: whether models may learn it from this batch on."""
