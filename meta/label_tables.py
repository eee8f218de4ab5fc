"""Tables of late labels: what arrived, whenever it did, and what became of it."""

import sqlalchemy as sa

from pointsman.common.storage.catalogue import FILE, VOLATILE, created_at, generation_column, metadata, utc_now

MATURITY_DAYS = (1, 7, 30, 91, 365)
"""Days after which the report looks how many labels have come."""

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
"""Labels of served rows as they arrived, one row each, of rows that were logged and kept. A corrected label is another
row, and the newest counts; none is ever removed. ``label`` is a class, or a number in digits; ``stream_time`` is the
newest time of any row that had been served when it arrived: the stream's own clock."""

early_labels_table = sa.Table(
    "early_labels",
    metadata,
    sa.Column("request", sa.String, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("stream_time", sa.DateTime, nullable=True),
    sa.Column("arrived_at", sa.DateTime, nullable=False, default=utc_now, info=VOLATILE),
)
"""Labels of requests that are not logged yet: few, and for a while. Once the request is logged they become labels."""

refused_labels_table = sa.Table(
    "refused_labels",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, info=VOLATILE),
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
    created_at(),
)
"""How many labels were not taken, or let go before their request was logged, by cause: a row a file, or of a service a
minute in which that happened."""

settled_labels_table = sa.Table(
    "settled_labels",
    metadata,
    generation_column(),
    sa.Column("label", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.String, nullable=True),
)
"""The labels that an update took, by their number; those that none took yet wait for the next. ``outcome`` says what a
label does not count for, and why; it is null where it counts for everything, and where an earlier release took it."""

settled_requests_table = sa.Table(
    "settled_requests",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("request", sa.String, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("positions", sa.JSON, nullable=False),
)
"""Served requests for which a batch brought labels: for how many of their rows, and for which."""

settlements_table = sa.Table(
    "settlements",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("gap", sa.String, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("delays", sa.JSON, nullable=False),
    sa.Column("clock", sa.String, nullable=True),
    sa.Column("maturity", sa.JSON, nullable=False, info=VOLATILE),
)
"""What an update knew of labels: ``gap``, which its folds kept to; how many ``labels`` by id it took and of how many
served ``rows`` its batch brought the label; their ``delays`` in stream time, as evenly spaced quantiles in seconds; the
request that told the stream's ``clock``; and ``maturity``, the labels by the month in which their rows were served and
by the days until they came."""

live_records_table = sa.Table(
    "live_records",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("served_by", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("classes", sa.JSON, nullable=False),
    sa.Column("profile", sa.JSON, nullable=False),
    sa.Column("versions", sa.JSON, nullable=False),
    sa.Column("losses", sa.JSON, nullable=False),
    sa.Column("file", sa.String, nullable=False, info=FILE),
)
"""Served rows in no batch whose labels an update took with a ``batch``, by the generation that served them: what its
``versions``, by line, predicted for them. ``losses`` are mean row losses by line."""

live_repeats_table = sa.Table(
    "live_repeats",
    metadata,
    generation_column(),
    sa.Column("by_batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("served_by", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows", sa.JSON, nullable=False),
)
"""Rows of live records, by position, that no longer count: ``by_batch`` has them itself or brought another label."""

batch_digests_table = sa.Table(
    "batch_digests",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("file", sa.String, nullable=False, info=FILE),
)
"""Digests of the inputs, and of the columns that name a row, of every row of an accepted batch."""
