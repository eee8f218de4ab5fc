"""Did the rows come in time, and does each say when it happened?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pointsman.pipeline.quality.check import Finding, find_example, measure_share, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.thresholds import learn_factor

LEAST_GAP = 3.0
"""However regular a stream is, three times its usual step is not a finding ..."""

FALLBACK_GAP = 10.0
"""... and while too few steps are known to tell, neither is ten times as much."""


def measure_times(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the share of rows whose time can be read."""
    name, unreadable = evidence.schema.time, int(evidence.time_unreadable.sum())
    yield measure_share(
        name,
        unreadable,
        evidence.rows,
        evidence.threshold("min_validity"),
        lambda: (
            f"The time '{name}' of {unreadable} of {evidence.rows} rows of {evidence.name} cannot be read, such "
            f"as {find_example(evidence.raw.frame[name], evidence.time_unreadable)}; correct them, or state "
            "their notation as schema.time_format."
        ),
    )


def measure_punctuality(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the share of rows that are not older than the batches before."""
    late = evidence.raw.late_rows
    yield measure_share(
        evidence.schema.time,
        late,
        evidence.rows,
        1.0,
        lambda: (
            f"{late} of {evidence.rows} rows of {evidence.name} are older by '{evidence.schema.time}' than rows of "
            "earlier batches and are learned late; deliver them earlier where you can."
        ),
    )


def measure_freshness(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield how the step from the newest stored row to this batch's newest compares with the usual one, at most 1."""
    name, newest, before = evidence.schema.time, evidence.raw.times.max(), evidence.past.newest
    ends = [batch.end for batch in evidence.past.batches if not pd.isna(batch.end)]
    newest_so_far = np.maximum.accumulate(pd.Series(ends, dtype="datetime64[us]").to_numpy())
    steps = np.diff(newest_so_far) / np.timedelta64(1, "s")
    steps = steps[steps > 0]
    if pd.isna(newest) or before is None or not len(steps):
        yield skip(name, 1.0, "no row has a time" if pd.isna(newest) else "fewer than two earlier batches are known")
        return
    usual, learned = learn_factor(steps.tolist(), evidence.config.quality.confidence, LEAST_GAP, FALLBACK_GAP)
    longest = usual * (evidence.config.quality.max_gap or learned)
    step = (newest - before).total_seconds()
    yield Finding(
        name,
        1.0 if step <= longest else longest / step,
        1.0,
        lambda: (
            f"The newest row of {evidence.name} ({newest:%Y-%m-%d %H:%M}) is {_describe_span(step)} after the newest "
            f"stored one, more than the {_describe_span(longest)} that are likely; look for rows that were not "
            "delivered, or set quality.max_gap."
        ),
    )


def find_old_batches(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield 1 where the batch has a row that is at least as new as the newest stored one, else 0."""
    name, newest, before = evidence.schema.time, evidence.raw.times.max(), evidence.past.newest
    if pd.isna(newest) or before is None:
        yield skip(name, 1.0, "no row has a time" if pd.isna(newest) else "no earlier batch is known")
        return
    yield Finding(
        name,
        float(newest >= before),
        1.0,
        lambda: (
            f"All rows of {evidence.name} are older by '{name}' (the newest is of {newest:%Y-%m-%d %H:%M}) "
            f"than the newest stored row ({before:%Y-%m-%d %H:%M}) and are learned late; deliver batches in "
            "the order of time."
        ),
    )


def _describe_span(seconds: float) -> str:
    """Return a span of time in the unit that suits it.

    >>> _describe_span(5400), _describe_span(86400 * 12)
    ('1.5 hours', '12 days')
    """
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 1.4 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} seconds"
