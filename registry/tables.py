"""Tables of the registry: generations, versions, who is active in which generation, and what happened to whom."""

import sqlalchemy as sa

from common.database import VOLATILE, created_at, metadata

generations_table = sa.Table(
    "generations",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parent", sa.Integer, nullable=True),
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("batch", sa.Integer, nullable=True),
    sa.Column("cursor", sa.JSON, nullable=True),
    sa.Column("schema", sa.JSON, nullable=True),
    sa.Column("reference", sa.String, nullable=True),
    sa.Column("selector", sa.String, nullable=True),
    sa.Column("seed", sa.Integer, nullable=False),
    created_at(),
)

versions_table = sa.Table(
    "versions",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("line", sa.String, nullable=False),
    sa.Column("parent", sa.String, nullable=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("variant", sa.String, nullable=False),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("window", sa.Integer, nullable=True),
    sa.Column("masked", sa.Boolean, nullable=False),
    sa.Column("guarded", sa.Boolean, nullable=False),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("updates", sa.Integer, nullable=False),
    sa.Column("first_batch", sa.Integer, nullable=False),
    sa.Column("last_batch", sa.Integer, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("manifest", sa.String, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("fit_seconds", sa.Float, nullable=False, info=VOLATILE),
    created_at(),
)

members_table = sa.Table(
    "members",
    metadata,
    sa.Column("generation", sa.Integer, sa.ForeignKey("generations.number"), primary_key=True),
    sa.Column("version", sa.String, sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("role", sa.String, nullable=False),
)

events_table = sa.Table(
    "events",
    metadata,
    sa.Column("generation", sa.Integer, sa.ForeignKey("generations.number"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
)
