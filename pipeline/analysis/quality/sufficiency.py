"""Is there enough to learn from: rows, classes and variation?"""

from collections.abc import Iterator

import numpy as np

from pipeline.analysis.quality.check import Finding, measure_share, skip
from pipeline.analysis.quality.evidence import Evidence
from pipeline.analysis.quality.quarantine import count_reasons, find_reasons


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
        1.0,
        lambda: (
            f"Every known cell of '{name}' in {evidence.name} is '{distinct[0]}', so that nothing can be learned from "
            "it there; list it under schema.drop where that stays so."
        ),
    )
