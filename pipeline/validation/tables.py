"""Tables of the validation: scores of versions on batches they had not learned from, and their comparisons."""

import sqlalchemy as sa

from pointsman.common.storage.catalogue import VOLATILE, generation_column, metadata

scores_table = sa.Table(
    "scores",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("version", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("metric", sa.String, primary_key=True),
    sa.Column("observed", sa.Float, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
)
"""``kind`` is 'prequential' (the whole batch, before anyone learned it) or 'out-of-fold'
(its clean record rows, by the first version of a line)."""

comparisons_table = sa.Table(
    "comparisons",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("contender", sa.String, primary_key=True),
    sa.Column("incumbent", sa.String, primary_key=True),
    sa.Column("difference", sa.Float, nullable=False),
    sa.Column("lower", sa.Float, nullable=False),
    sa.Column("upper", sa.Float, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
)
"""Mean row loss of the contender minus that of the incumbent on the same later rows, with its interval."""

bouts_table = sa.Table(
    "bouts",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("version", sa.String, primary_key=True),
    sa.Column("line", sa.String, nullable=False),
    sa.Column("way", sa.String, nullable=False),
    sa.Column("served_way", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("loss", sa.Float, nullable=False),
    sa.Column("difference", sa.Float, nullable=False),
    sa.Column("error", sa.Float, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, info=VOLATILE),
    sa.Column("served_seconds", sa.Float, nullable=False, info=VOLATILE),
    sa.Column("bytes", sa.Integer, nullable=False),
)
"""Challengers against what served, on a batch that neither had learned: see ``retrain_mode.PairedComparison``.

The table is named in the words of earlier releases: a bout is a paired comparison, a way a retrain mode."""
