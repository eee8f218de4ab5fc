"""Is there enough to learn from: rows, classes and variation?"""

from collections.abc import Iterator

import numpy as np

from pipeline.analysis.quality.check import Finding, measure_share, skip
from pipeline.analysis.quality.evidence import Evidence
from pipeline.analysis.quality.learned import Learned, learn_factor
from pipeline.analysis.quality.quarantine import count_reasons, find_reasons

LEAST_VOLUME_CHANGE = 2.0
"""However steady a stream is, half or twice as many rows are no finding ..."""

FALLBACK_VOLUME_CHANGE = 10.0
"""... and while too few batches are known to tell, neither are a tenth or ten times as many."""


def measure_kept_rows(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows that stay out of quarantine."""
    counts = count_reasons(find_reasons(evidence))
    quarantined = sum(counts.values())
    yield measure_share(
        "",
        quarantined,
        evidence.rows,
        round(1 - evidence.config.quality.max_quarantined, 12),
        lambda: (
            f"{quarantined} of {evidence.rows} rows of {evidence.name} are beyond repair ("
            f"{', '.join(f'{reason}: {count}' for reason, count in counts.items())}), more than "
            "quality.max_quarantined permits; correct them at the source, or raise the threshold."
        ),
    )


def measure_volume(evidence: Evidence) -> Iterator[Finding]:
    """Yield the kept rows as a share of batch.min_rows, at most 1."""
    kept, needed = int((find_reasons(evidence) == "").sum()), evidence.config.batch.min_rows
    yield Finding(
        "",
        min(1.0, kept / needed),
        1.0,
        lambda: (
            f"{kept} of {evidence.rows} rows of {evidence.name} can be learned from, fewer than batch.min_rows "
            f"({needed}); add rows to the source, or lower batch.min_rows."
        ),
    )


def measure_usual_volume(evidence: Evidence) -> Iterator[Finding]:
    """Yield how the rows compare with as many as a batch usually has: 1 within what is usual, else less."""
    stated, past = evidence.config.quality.max_volume_change, [batch.rows for batch in evidence.past.batches]
    if evidence.config.batch.rows or not past:
        reason = "batch.rows fixes the size of a batch" if evidence.config.batch.rows else "no earlier batch is known"
        yield skip("", 1.0, reason)
        return
    confidence = evidence.config.quality.confidence
    usual, learned = learn_factor(past, confidence, LEAST_VOLUME_CHANGE, FALLBACK_VOLUME_CHANGE)
    factor = stated or learned
    low, high = usual / factor, usual * factor
    few = evidence.rows < low
    yield Finding(
        "",
        min(1.0, evidence.rows / low, high / max(1, evidence.rows)),
        1.0,
        lambda: (
            f"{evidence.name.capitalize()} has {evidence.rows} rows, {'fewer than the' if few else 'more than the'} "
            f"{low if few else high:.0f} that are likely after the {len(past)} batches before; look for rows that were "
            f"{'lost' if few else 'delivered twice'}, or set quality.max_volume_change."
        ),
    )


def measure_classes(evidence: Evidence) -> Iterator[Finding]:
    """Yield 1 where the kept rows have two classes or more, else 0."""
    schema = evidence.schema
    codes = np.unique(evidence.target[find_reasons(evidence) == ""])
    if not schema.task.is_classification or not len(codes):
        reason = "no row can be learned from" if schema.task.is_classification else "the target is a number"
        yield skip(schema.target, 1.0, reason)
        return
    yield Finding(
        schema.target,
        float(len(codes) > 1),
        1.0,
        lambda: (
            f"Every label of the target '{schema.target}' in {evidence.name} is '{schema.classes[int(codes[0])]}', "
            "which tells no good model from a bad one; take larger batches with batch.rows or batch.period."
        ),
    )


def find_constant_columns(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every input with known cells, 1 where they differ and 0 where all are the same."""
    for name in evidence.schema.inputs:
        yield _measure_variation(evidence, name)


def _measure_variation(evidence: Evidence, name: str) -> Finding:
    distinct = evidence.inputs[name].dropna().unique()
    if not len(distinct):
        return skip(name, 1.0, f"there is no known cell of '{name}'")
    return Finding(
        name,
        float(len(distinct) > 1),
        Learned(1.0, recurs=True),
        lambda: (
            f"Every known cell of '{name}' in {evidence.name} is '{distinct[0]}', so that nothing can be learned from "
            "it there; list it under schema.drop where that stays so."
        ),
        evidence.rows,
    )
