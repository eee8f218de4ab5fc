"""Is a batch written as the stream is: numbers and dates in one notation, and dates within reach?"""

from collections.abc import Iterator
from functools import partial

from pointsman.common.adaptation import CellChange
from pointsman.pipeline.quality.check import Finding, find_example, measure_share
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.thresholds import LearnedThresholds


def find_other_notations(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every number and date and for the target, 0 where its notation differs from before, else 1."""
    changed = {one.column: one for one in evidence.changes if not one.contradicted}
    schema = evidence.schema
    for name in dict.fromkeys((schema.time, *evidence.present((*schema.numeric, *schema.dates)), schema.target)):
        explain = partial(_explain_notation, evidence, changed[name]) if name in changed else str
        yield Finding(name, float(name not in changed), 1.0, explain)


def find_contradictions(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every date, 0 where its cells are in notations that cannot be told apart, else 1."""
    contradicted = {one.column: one for one in evidence.changes if one.contradicted}
    for name in evidence.present(evidence.schema.dates):
        explain = partial(_explain_contradiction, evidence, contradicted[name]) if name in contradicted else str
        yield Finding(name, float(name not in contradicted), 1.0, explain)


def measure_far_dates(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every date besides the time, the share of cells that are not dates beyond reach."""
    for name in evidence.present(evidence.other_dates):
        count = int(evidence.far[name].sum()) if name in evidence.far else 0
        usual = LearnedThresholds(1.0, recurs=True, strict=True)
        yield measure_share(name, count, evidence.rows, usual, partial(_explain_far, evidence, name))


def _explain_notation(evidence: CheckedBatch, change: CellChange) -> str:
    key = "schema.dates" if change.now.date_format else "schema.numbers"
    return f"In {evidence.name} {change.describe()}; {key} states the notation of a stream."


def _explain_contradiction(evidence: CheckedBatch, change: CellChange) -> str:
    name = change.column
    return (
        f"In {evidence.name} {change.describe()}, or state the one that counts: schema.dates: {{{name}: "
        f"'{change.now.date_format}'}}."
    )


def _explain_far(evidence: CheckedBatch, name: str) -> str:
    far = evidence.far[name]
    return (
        f"{int(far.sum())} of {evidence.rows} cells of '{name}' in {evidence.name} are dates beyond reach, such as "
        f"{find_example(evidence.raw.frame[name], far)}, and count as missing; add the text to schema.missing_values "
        "where it means an open end."
    )
