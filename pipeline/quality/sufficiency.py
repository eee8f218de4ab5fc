"""Is there enough to learn from: rows, classes and variation?"""

from collections.abc import Iterator

from pointsman.pipeline.quality.check import Finding, measure_share, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.quarantine.rows import count_reasons, find_reasons
from pointsman.pipeline.quality.thresholds import LearnedThresholds, learn_factor
from pointsman.pipeline.quality.validity import advise_on_labels

LEAST_VOLUME_CHANGE = 2.0
"""However steady a stream is, half or twice as many rows are not a finding ..."""

FALLBACK_VOLUME_CHANGE = 10.0
"""... and while too few batches are known to tell, neither are a tenth or ten times as many."""


def measure_kept_rows(evidence: CheckedBatch) -> Iterator[Finding]:
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
            f"quality.max_quarantined permits; {_advise_on_repair(evidence)}."
        ),
    )


def _advise_on_repair(evidence: CheckedBatch) -> str:
    """Return what to do about rows beyond repair, by what is wrong with most of the batch."""
    if 2 * int(evidence.target_unknown.sum()) > evidence.rows:
        return advise_on_labels(evidence)
    if 2 * int(evidence.target_missing.sum()) > evidence.rows:
        return "set schema.missing_target to what a missing label means, or take the batch when its labels are there"
    return "correct them at the source, or raise the threshold"


def measure_volume(evidence: CheckedBatch) -> Iterator[Finding]:
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


def measure_usual_volume(evidence: CheckedBatch) -> Iterator[Finding]:
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


def measure_classes(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield 1 where the labels of the kept rows differ, else 0."""
    target = evidence.target[find_reasons(evidence) == ""]
    if not len(target):
        yield skip(evidence.schema.target, 1.0, "no row can be learned from")
        return
    yield Finding(
        evidence.schema.target,
        float(target.min() < target.max()),
        1.0,
        lambda: _explain_one_label(evidence, float(target[0])),
    )


def _explain_one_label(evidence: CheckedBatch, only: float) -> str:
    """Say what one label all over means: that nothing can be learned yet, or that a batch is too small to tell."""
    schema = evidence.schema
    label = schema.classes[int(only)] if schema.task.is_classification else f"{only:g}"
    every = f"Every label of the target '{schema.target}' in {evidence.name}"
    if any((earlier.target != only).any() for earlier in evidence.past.read_earlier()):
        larger = "take larger batches with batch.rows or batch.period"
        return f"{every} is '{label}', which tells no good model from a bad one; {larger}."
    before = " and in those before it" if evidence.past.batches else ""
    return (
        f"{every}{before} is '{label}', so that nothing can be learned until a second one appears; correct "
        "schema.target if this is not the column to predict, or set schema.missing_target if a cell without a label "
        "means another one."
    )


def find_constant_columns(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every input with known cells, 1 where they differ and 0 where all are the same."""
    for name in evidence.schema.inputs:
        yield _measure_variation(evidence, name)


def _measure_variation(evidence: CheckedBatch, name: str) -> Finding:
    distinct = evidence.inputs[name].dropna().unique()
    if not len(distinct):
        return skip(name, 1.0, f"there is no known cell of '{name}'")
    return Finding(
        name,
        float(len(distinct) > 1),
        LearnedThresholds(1.0, recurs=True),
        lambda: (
            f"Every known cell of '{name}' in {evidence.name} is '{distinct[0]}', so that nothing can be learned from "
            "it there; list it under schema.drop where that stays so."
        ),
        evidence.rows,
    )
