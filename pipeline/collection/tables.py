"""The catalogue's record of batches."""

import sqlalchemy as sa

from pointsman.common.storage.catalogue import FILE, created_at, generation_column, metadata

batches = sa.Table(
    "batches",
    metadata,
    generation_column(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("by_hand", sa.Boolean, nullable=False, default=False),
    sa.Column("file", sa.Text, nullable=False, info=FILE),
    sa.Column("clean_file", sa.Text, info=FILE),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("columns", sa.Integer, nullable=False),
    sa.Column("start", sa.DateTime),
    sa.Column("end", sa.DateTime),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("late_rows", sa.Integer, nullable=False, default=0),
    sa.Column("time_format", sa.Text),
    sa.Column("quarantined", sa.Integer, nullable=False, default=0),
    sa.Column("metaparameters", sa.JSON, nullable=False, default=dict),
    created_at(),
)
"""One row a batch. ``status`` is 'accepted' or 'rejected'; ``by_hand`` marks a file given with ``update -file`` and a
rejected batch taken again, which the cursor knows nothing of; ``file`` names the raw Parquet file and ``clean_file``
the cleaned one; ``time_format`` is the notation of its times, null where it is the stream's."""
