"""Tables of the meta layer: records to learn from, grades of the selector, decisions, their regret, and estimates."""

import sqlalchemy as sa

from pointsman.common.storage.catalogue import FILE, created_at, generation_column, metadata

record_rows_table = sa.Table(
    "record_rows",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("first_row", sa.Integer, nullable=False),
    sa.Column("classes", sa.JSON, nullable=False),
    sa.Column("parts", sa.JSON, nullable=False),
    sa.Column("profiles", sa.JSON, nullable=False),
    sa.Column("file", sa.String, nullable=False, info=FILE),
)
"""The labelled rows of a batch that lines have a record of: the clean batch from ``first_row`` on and damaged copies.
``profiles`` are what selection would know of each part; targets, kinds and qualities of rows lie in ``file``."""

records_table = sa.Table(
    "records",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("line", sa.String, primary_key=True),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("losses", sa.JSON, nullable=False),
    sa.Column("file", sa.String, nullable=False, info=FILE),
)
"""What a line predicted for the rows of a batch before it learned them: 'prequential' by its version of then, or
'out-of-fold' where it was registered later. ``losses`` are mean row losses by part; the predictions lie in ``file``."""

grades_table = sa.Table(
    "grades",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("group", sa.String, primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
    *(
        sa.Column(name, sa.Float, nullable=False)
        for name in (
            "selected",
            "champion",
            "single",
            "last_best",
            "uniform",
            "single_best",
            "oracle",
            "difference",
            "error",
            "alarms",
        )
    ),
    sa.Column("margins", sa.JSON, nullable=False),
    sa.Column("selected_by_kind", sa.JSON, nullable=False),
    sa.Column("champion_by_kind", sa.JSON, nullable=False),
    sa.Column("calibration", sa.JSON, nullable=False),
    sa.Column("best", sa.Float, nullable=True),
    sa.Column("chosen", sa.JSON, nullable=True),
    sa.Column("champions", sa.JSON, nullable=True),
)
"""See ``meta.grades.Grade``. Those of earlier releases have no ``best``, and ``margins`` of another chooser."""

decisions_table = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("request", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("champion", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("alarm", sa.String, nullable=False),
    sa.Column("profile", sa.JSON, nullable=False),
    sa.Column("weights", sa.JSON, nullable=False),
    sa.Column("ranking", sa.JSON, nullable=True),
    sa.Column("expected", sa.JSON, nullable=False),
    sa.Column("estimate", sa.JSON, nullable=True),
    sa.Column("failures", sa.JSON, nullable=False),
    sa.Column("served", sa.JSON, nullable=False),
    sa.Column("output", sa.String, nullable=False),
    sa.Column("key_columns", sa.JSON, nullable=False),
    sa.Column("rows_file", sa.String, nullable=True, info=FILE),
    sa.Column("first_row", sa.Integer, nullable=True),
    sa.Column("kept_rows", sa.Integer, nullable=True),
    sa.Column("newest_time", sa.DateTime, nullable=True),
    created_at(),
)
"""``version`` is the registered model that served, ``profile`` all that the choice rests on. ``weights`` are its
members' by kind of row; ``ranking`` holds the first candidates, each with its version and what it is predicted to lose
more, and is null where an earlier release decided, whose ``version`` led a mixture. ``expected`` is the loss and
its interval by the kinds of rows, ``estimate`` what the answers themselves let expect (``meta.estimation.estimator``).
``failures`` maps versions that failed to their error; ``served`` maps 'version/reason' to the rows it led.
``rows_file`` holds rows as they were answered, by which late labels find them: this request's are the ``kept_rows``
from ``first_row`` on, since small requests share a file. Empty ``key_columns`` stand for all inputs. ``newest_time`` is
the latest moment in the time column of the rows."""

regrets_table = sa.Table(
    "regrets",
    metadata,
    generation_column(),
    sa.Column("decision", sa.String, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("served", sa.Float, nullable=False),
    sa.Column("champion", sa.Float, nullable=False),
    sa.Column("single_best", sa.Float, nullable=True),
    sa.Column("oracle", sa.Float, nullable=False),
    sa.Column("losses", sa.JSON, nullable=False),
    sa.Column("requests", sa.Integer, nullable=True),
)
"""The regret ledger: once an update has the labels of a served request, the loss of what served, of the champion, of
the line that was best over all labelled requests so far, and of the line that was best on this very one. ``losses`` are
by line. Losses are means over the rows whose labels came: log-loss, or squared errors. Small requests to one generation
share an entry, whose ``decision`` is 'generation N' and which says of how many ``requests`` it is."""

corrected_regrets_table = sa.Table(
    "corrected_regrets",
    metadata,
    generation_column(),
    sa.Column("by_batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("decision", sa.String, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("served", sa.Float, nullable=False),
    sa.Column("champion", sa.Float, nullable=False),
    sa.Column("single_best", sa.Float, nullable=True),
    sa.Column("oracle", sa.Float, nullable=False),
    sa.Column("losses", sa.JSON, nullable=False),
    sa.Column("requests", sa.Integer, nullable=True),
)
"""Entries of the regret ledger as they are with labels that were corrected: the newest ``by_batch`` takes the place of
the entry of the same decision and batch."""

estimates_table = sa.Table(
    "estimates",
    metadata,
    generation_column(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("answerer", sa.String, primary_key=True),
    sa.Column("request", sa.String, primary_key=True),
    sa.Column("measure", sa.String, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    *(sa.Column(name, sa.Float, nullable=False) for name in ("estimated", "lower", "upper", "realised")),
    sa.Column("covered", sa.Boolean, nullable=False),
)
"""Estimates made without labels and what labels showed. ``answerer`` is 'plan' or a line; ``request`` is the decision
whose labels the batch brought, or '' where the batch itself was estimated before it was learned."""

corrected_estimates_table = sa.Table(
    "corrected_estimates",
    metadata,
    generation_column(),
    sa.Column("by_batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("answerer", sa.String, primary_key=True),
    sa.Column("request", sa.String, primary_key=True),
    sa.Column("measure", sa.String, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    *(sa.Column(name, sa.Float, nullable=False) for name in ("estimated", "lower", "upper", "realised")),
    sa.Column("covered", sa.Boolean, nullable=False),
)
"""Graded estimates of requests as they are with labels that were corrected, as ``corrected_regrets`` are."""
