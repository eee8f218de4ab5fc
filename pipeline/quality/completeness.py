"""Is everything there: the columns, their cells and the labels?"""

from collections.abc import Iterator

from pointsman.common.column_names import describe_renamed
from pointsman.pipeline.quality.check import Finding, measure_share, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.thresholds import LearnedThresholds


def measure_completeness(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every input, the share of rows in which it is known."""
    for name in evidence.schema.inputs:
        yield _measure_column(evidence, name)


def find_absent_columns(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every input, 1 where the batch has the column and 0 where it lacks it."""
    for name in evidence.schema.inputs:
        yield _find_absence(evidence, name)


def find_empty_columns(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every input that the batch has, 1 where any of its cells is known and 0 where none is."""
    for name in evidence.schema.inputs:
        yield _find_emptiness(evidence, name)


def measure_labels(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the share of rows that have a label."""
    name, missing = evidence.schema.target, int(evidence.target_missing.sum())
    yield measure_share(
        name,
        missing,
        evidence.rows,
        evidence.threshold("min_completeness"),
        lambda: (
            f"The label '{name}' is missing from {missing} of {evidence.rows} rows of {evidence.name}, more than "
            "quality.min_completeness permits; take the batch when its labels have arrived, or set "
            "schema.missing_target to what a missing label means."
        ),
    )


def _find_absence(evidence: CheckedBatch, name: str) -> Finding:
    return Finding(
        name,
        float(name in evidence.raw.frame),
        LearnedThresholds(1.0, recurs=True),
        lambda: (
            f"The column '{name}' is absent from {evidence.name} ({evidence.raw.origin})"
            f"{describe_renamed(name, evidence.strangers)} and counts as missing in all of its rows; "
            "add it to the source again, or list it under schema.drop."
        ),
        evidence.rows,
    )


def _find_emptiness(evidence: CheckedBatch, name: str) -> Finding:
    if name not in evidence.missing:
        return skip(name, 1.0, f"the column '{name}' is absent")
    return Finding(
        name,
        float(evidence.count_known(name) > 0),
        LearnedThresholds(1.0, recurs=True),
        lambda: (
            f"The column '{name}' holds nothing in any of the {evidence.rows} rows of {evidence.name} "
            f"({evidence.raw.origin}); repair its feed, or list it under schema.drop where it is gone for good."
        ),
        evidence.rows,
    )


def _measure_column(evidence: CheckedBatch, name: str) -> Finding:
    threshold = evidence.threshold("min_completeness")
    if name not in evidence.missing:
        return skip(name, threshold, f"the column '{name}' is absent")
    missing = int(evidence.missing[name].sum())
    if missing == evidence.rows:
        return skip(name, threshold, f"'{name}' holds nothing at all")
    return measure_share(
        name,
        missing,
        evidence.rows,
        threshold,
        lambda: (
            f"The column '{name}' is missing from {missing} of {evidence.rows} rows of {evidence.name}, more than "
            "quality.min_completeness permits; repair its feed, or lower the threshold."
        ),
    )
