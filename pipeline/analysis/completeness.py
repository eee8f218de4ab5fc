"""Is everything there: the columns, their cells and the labels?"""

from collections.abc import Iterator

from pipeline.analysis.check import Finding, compute_share
from pipeline.analysis.evidence import Evidence


def find_absent_columns(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every input, 1 where the batch has the column and 0 where it lacks it."""
    for name in evidence.schema.inputs:
        share = 1.0 if name in evidence.raw.frame else 0.0
        yield Finding(name, share, 1.0, lambda name=name: _explain_absence(evidence, name))


def measure_completeness(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every input, the share of rows in which it is known."""
    for name in evidence.schema.inputs:
        yield _measure_column(evidence, name)


def measure_labels(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows that have a label."""
    known = int((~evidence.target_missing).sum())
    yield Finding(
        evidence.schema.target,
        compute_share(known, evidence.rows),
        evidence.config.quality.min_completeness,
        lambda: (
            f"The target '{evidence.schema.target}' is known in {known} of {evidence.rows} rows of {evidence.name}, "
            "below quality.min_completeness; take the batch when its labels have arrived, or set schema.missing_target "
            "to what a missing label means."
        ),
    )


def _measure_column(evidence: Evidence, name: str) -> Finding:
    threshold = evidence.config.quality.min_completeness
    if name not in evidence.missing:
        return Finding(name, None, threshold, lambda: f"The column '{name}' is absent from {evidence.name}.")
    known = int((~evidence.missing[name]).sum())
    return Finding(
        name,
        compute_share(known, evidence.rows),
        threshold,
        lambda: (
            f"The column '{name}' is known in {known} of {evidence.rows} rows of {evidence.name}, below "
            "quality.min_completeness; repair its feed, or lower the threshold."
        ),
    )


def _explain_absence(evidence: Evidence, name: str) -> str:
    return (
        f"The column '{name}' is absent from {evidence.name} ({evidence.raw.origin}) and counts as missing in every "
        "row; add it to the source again, or list it under schema.drop."
    )
