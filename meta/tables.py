"""Tables of the meta layer: examples to learn from, grades of the selector, and the decisions it took."""

import sqlalchemy as sa

from common.database import created_at, metadata

meta_examples_table = sa.Table(
    "meta_examples",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("condition", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("metafeatures", sa.JSON, nullable=False),
    sa.Column("losses", sa.JSON, nullable=False),
)
"""``losses`` maps each line to its mean row loss on rows that its model had not learned from."""

grades_table = sa.Table(
    "grades",
    metadata,
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("examples", sa.Integer, nullable=False),
    sa.Column("selected", sa.Float, nullable=False),
    sa.Column("champion", sa.Float, nullable=False),
    sa.Column("single_best", sa.Float, nullable=False),
    sa.Column("oracle", sa.Float, nullable=False),
    sa.Column("switched", sa.Float, nullable=False),
)
"""Mean loss over a batch's examples of what the selector of before that batch chose, and of its bounds."""

decisions_table = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("request", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("metafeatures", sa.JSON, nullable=False),
    sa.Column("expected", sa.JSON, nullable=False),
    sa.Column("served", sa.JSON, nullable=False),
    sa.Column("output", sa.String, nullable=False),
    created_at(),
)
"""``expected`` maps each active version to its expected loss relative to the champion's (0 = as good, -0.1 = a tenth
less); ``served`` maps 'version/reason' to the number of rows that it answered."""
