"""Tables of the registry: generations, versions, who is active in which generation, and what happened to whom.

They are the history of the state and never shrink: a rollback adds a generation, and what later ones had written to
other tables is set aside.
"""

import sqlalchemy as sa

from pointsman.common.storage.catalogue import FILE, MANIFEST, ROW_OF, VOLATILE, created_at, metadata

generations_table = sa.Table(
    "generations",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parent", sa.Integer, nullable=True),
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("batch", sa.Integer, nullable=True),
    sa.Column("cursor", sa.JSON, nullable=True),
    sa.Column("schema", sa.JSON, nullable=True),
    sa.Column("reference", sa.String, nullable=True, info=FILE),
    sa.Column("selector", sa.String, nullable=True, info=MANIFEST),
    sa.Column("pinned", sa.String, nullable=True),
    sa.Column("config", sa.String, nullable=True, info=FILE),
    sa.Column("stream", sa.JSON, nullable=True),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("who", sa.String, nullable=False, info=VOLATILE),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("digest", sa.String, nullable=True, info=VOLATILE),
    created_at(),
)
"""``parent`` is the generation it goes on from, which after a rollback is not the one before. ``config`` names the file
with the configuration it was made with; ``pinned`` is the line that serves by a person's decision. ``stream`` is which
stream it is of, null where an earlier release wrote it. ``digest`` is of what serving reads (``registry.digests``); an
earlier release kept none."""

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
    sa.Column("untuned", sa.String, nullable=True),
    sa.Column("manifest", sa.String, nullable=False, info=MANIFEST),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("fit_seconds", sa.Float, nullable=False, info=VOLATILE),
    sa.Column("trained_on", sa.JSON, nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("predict_us", sa.Float, nullable=False, info=VOLATILE),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("protocol", sa.Integer, nullable=False),
    sa.Column("environment", sa.JSON, nullable=False, info=VOLATILE),
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

aliases_table = sa.Table(
    "aliases",
    metadata,
    sa.Column("generation", sa.Integer, sa.ForeignKey("generations.number"), primary_key=True),
    sa.Column("alias", sa.String, primary_key=True),
    sa.Column("version", sa.String, sa.ForeignKey("versions.id"), nullable=False),
)

set_aside_table = sa.Table(
    "set_aside",
    metadata,
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("table", sa.String, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("row", sa.JSON, nullable=False, info={ROW_OF: "table"}),
)
"""Rows of generations that the live one does not go on from: what a rollback took out and its undoing brings back."""

dropped_table = sa.Table(
    "dropped",
    metadata,
    sa.Column("version", sa.String, sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    created_at(),
)
"""Versions whose models were removed to keep the store within its budget; what they were is still known."""
