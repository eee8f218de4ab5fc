"""Tables of the policy backtest: what was replayed, every finished step of it, and what came out."""

import sqlalchemy as sa

from pointsman.common.storage.catalogue import VOLATILE, created_at, metadata

backtests_table = sa.Table(
    "backtests",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("replayed", sa.JSON, nullable=False),
    sa.Column("outcomes", sa.JSON, nullable=False, info=VOLATILE),
    sa.Column("recommended", sa.JSON, nullable=False),
    sa.Column("advice", sa.JSON, nullable=True),
    created_at(),
)
"""One row a finished backtest. ``id`` is a digest of everything it depends on; seconds in ``outcomes`` are measured."""

backtest_fits_table = sa.Table(
    "backtest_fits",
    metadata,
    sa.Column("backtest", sa.String, primary_key=True),
    sa.Column("trained", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seconds", sa.Float, nullable=False, info=VOLATILE),
)

backtest_meetings_table = sa.Table(
    "backtest_meetings",
    metadata,
    sa.Column("backtest", sa.String, primary_key=True),
    sa.Column("trained", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("losses", sa.JSON, nullable=False),
    sa.Column("drifted", sa.Boolean, nullable=False),
    sa.Column("estimated", sa.Float, nullable=True),
    sa.Column("outputs", sa.LargeBinary, nullable=True),
)
"""See ``simulation.Evaluation``, a meeting in the words of earlier releases. A step, one fit with its evaluations, is
committed as a whole."""
