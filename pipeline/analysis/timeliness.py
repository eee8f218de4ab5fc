"""Did the rows come in time, and does each say when it happened?"""

from collections.abc import Iterator

from pipeline.analysis.check import Finding, compute_share, find_example
from pipeline.analysis.evidence import Evidence


def measure_times(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows whose time can be read."""
    name, unreadable = evidence.schema.time, evidence.time_unreadable
    yield Finding(
        name,
        compute_share(evidence.rows - int(unreadable.sum()), evidence.rows),
        evidence.config.quality.min_validity,
        lambda: (
            f"The time '{name}' of {int(unreadable.sum())} of {evidence.rows} rows of {evidence.name} cannot be read, such "
            f"as {find_example(evidence.raw.frame[name], unreadable)}; correct them, or state the notation as "
            "schema.time_format."
        ),
    )


def measure_punctuality(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows that are not older than the batches before."""
    late = evidence.raw.late_rows
    yield Finding(
        evidence.schema.time,
        compute_share(evidence.rows - late, evidence.rows),
        1.0,
        lambda: (
            f"{late} of {evidence.rows} rows of {evidence.name} are older than rows of earlier batches and are learned "
            "late; deliver them earlier where you can."
        ),
    )
