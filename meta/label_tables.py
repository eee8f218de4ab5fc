"""Tables of late labels: what arrived, whenever it did, and what became of it."""

import sqlalchemy as sa

from common.database import VOLATILE, metadata, utc_now

labels_table = sa.Table(
    "labels",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("request", sa.String, nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("stream_time", sa.DateTime, nullable=True),
    sa.Column("arrived_at", sa.DateTime, nullable=False, default=utc_now, info=VOLATILE),
)
"""Labels of served rows as they arrived, one row each. A corrected label is another row, and the newest counts; none is
ever removed. ``label`` is a class, or a number in digits; ``stream_time`` is the newest time of any row that had been
served when it arrived: the stream's own clock."""
