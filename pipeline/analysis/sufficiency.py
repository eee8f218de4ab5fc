"""Is there enough to learn from: rows, classes and variation?"""

from collections.abc import Iterator

import numpy as np

from pipeline.analysis.check import Finding, compute_share
from pipeline.analysis.evidence import Evidence
from pipeline.analysis.quarantine import count_reasons, find_reasons


def measure_kept_rows(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows that stay out of quarantine."""
    quarantined = int(find_reasons(evidence).astype(bool).sum())
    yield Finding(
        "",
        compute_share(evidence.rows - quarantined, evidence.rows),
        round(1 - evidence.config.quality.max_quarantined, 12),
        lambda: (
            f"{quarantined} of {evidence.rows} rows of {evidence.name} are beyond repair ({_list_reasons(evidence)}), more "
            "than quality.max_quarantined allows; correct them at the source, or raise the threshold."
        ),
    )


def measure_volume(evidence: Evidence) -> Iterator[Finding]:
    """Yield the kept rows as a share of batch.min_rows, at most 1."""
    kept, needed = int((~find_reasons(evidence).astype(bool)).sum()), evidence.config.batch.min_rows
    yield Finding(
        "",
        min(1.0, kept / needed),
        1.0,
        lambda: (
            f"{kept} of {evidence.rows} rows of {evidence.name} are usable, fewer than batch.min_rows ({needed}); add rows "
            "to the source, or lower batch.min_rows."
        ),
    )


def measure_classes(evidence: Evidence) -> Iterator[Finding]:
    """Yield 1 where the kept rows have two classes or more, else 0."""
    target = evidence.schema.target
    codes = np.unique(evidence.target[~find_reasons(evidence).astype(bool)])
    if not evidence.schema.task.is_classification or not len(codes):
        reason = "no row is usable" if evidence.schema.task.is_classification else "the target is a number"
        yield Finding(target, None, 1.0, lambda: f"Classes are not counted: {reason}.")
        return
    yield Finding(
        target,
        1.0 if len(codes) > 1 else 0.0,
        1.0,
        lambda: (
            f"Every label of the target '{target}' in {evidence.name} is '{evidence.schema.classes[int(codes[0])]}', so "
            "that no model can be told from another on it; take larger batches (batch.rows or batch.period)."
        ),
    )


def find_constant_columns(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every input with known cells, 1 where they differ and 0 where all are the same."""
    for name in evidence.schema.inputs:
        distinct = evidence.inputs[name].dropna().unique()
        if not len(distinct):
            yield Finding(name, None, 1.0, lambda name=name: f"No cell of '{name}' is known in {evidence.name}.")
            continue
        yield Finding(
            name,
            1.0 if len(distinct) > 1 else 0.0,
            1.0,
            lambda name=name, only=distinct[0]: (
                f"Every known cell of '{name}' in {evidence.name} is '{only}', so that nothing can be learned from it "
                "there; list it under schema.drop where that stays so."
            ),
        )


def _list_reasons(evidence: Evidence) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in count_reasons(find_reasons(evidence)).items())
