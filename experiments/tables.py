"""Tables of the experiments: every trial of every search, every run that became a version, and feature gains."""

import sqlalchemy as sa

from pointsman.common.storage.catalogue import VOLATILE, generation_column, metadata

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
    sa.Column("train", sa.JSON, nullable=False),
    sa.Column("test", sa.JSON, nullable=False),
    sa.Column("failure", sa.String, nullable=False),
    sa.Column("finalist", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, info=VOLATILE),
)
"""``window``: newest batches learned from, null for all. ``baseline``: the prior's loss on the same folds. ``steps``:
the loss at the cheap first rung, then the mean over the folds so far, newest fold first. ``train`` and ``test``:
metrics on some learned rows and on the later rows of the newest fold, empty where a trial did not get that far."""

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

runs_table = sa.Table(
    "runs",
    metadata,
    generation_column(),
    sa.Column("version", sa.String, primary_key=True),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("input_columns", sa.String, nullable=False),
    sa.Column("features", sa.String, nullable=False),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("stages", sa.JSON, nullable=False),
    *(sa.Column(name, sa.Integer, nullable=True) for name in ("depth", "iterations", "bins")),
    sa.Column("train", sa.JSON, nullable=False),
    sa.Column("test", sa.JSON, nullable=False),
    sa.Column("train_rows", sa.Integer, nullable=False),
    sa.Column("test_rows", sa.Integer, nullable=False),
    *(sa.Column(name, sa.Float, nullable=True) for name in ("train_skill", "test_skill", "gap", "gap_error")),
    sa.Column("overfit", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, info=VOLATILE),
)
"""Every training that became a version. ``input_columns`` and ``features`` (what the model reads) are lists as text,
"['a', 'b']"; ``stages`` the class names of its steps; ``depth`` the limit of its trees, ``iterations`` rounds or trees.
``train`` and ``test`` are metrics at the version's threshold: on a sample of the rows it learned, and on rows of the
newest batch that its line predicted before it learned them. ``experiments.fit_metrics`` says what skill and gap are."""
