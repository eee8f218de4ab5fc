"""Did the rows come in time, and does each say when it happened?"""

from collections.abc import Iterator

from pipeline.analysis.quality.check import Finding, find_example, measure_share
from pipeline.analysis.quality.evidence import Evidence


def measure_times(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows whose time can be read."""
    name, unreadable = evidence.schema.time, int(evidence.time_unreadable.sum())
    yield measure_share(
        name,
        unreadable,
        evidence.rows,
        evidence.config.quality.min_validity,
        lambda: (
            f"The time '{name}' of {unreadable} of {evidence.rows} rows of {evidence.name} cannot be read, such "
            f"as {find_example(evidence.raw.frame[name], evidence.time_unreadable)}; correct them, or state "
            "their notation as schema.time_format."
        ),
    )


def measure_punctuality(evidence: Evidence) -> Iterator[Finding]:
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
