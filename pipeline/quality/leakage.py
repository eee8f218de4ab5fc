"""Does a column give the answer away: alone, by being missing, or by being filled in after the label?"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from pointsman.pipeline.quality.check import Finding, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.pooling import LabelledRows
from pointsman.pipeline.quality.profile import compute_days
from pointsman.pipeline.quality.separation import compute_separation
from pointsman.pipeline.quality.thresholds import LearnedThresholds

FEWEST_ROWS = 50
"""Fewest labelled rows: with fewer, chance alone can make a column look like the answer."""

ENOUGH_ROWS = 500
"""With fewer a good column can look like the answer, too: of windows of 80 rows of elec2 the price, which tells 0.8 of
the target by and large, tells more than 0.95 in six of ten, of windows of 480 rows in one of twenty."""

FEWEST_UNLABELLED = 20

FEW_OF_A_CLASS = "hardly any labelled row, here and in earlier batches, is of a second class or value"

AFTER_LABEL = 0.1
"""A column that is known so much more rarely where the label is not is filled in together with the label."""


def measure_separation(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every input but the time, how much of the target it leaves unexplained on its own."""
    for name in _list_columns(evidence):
        yield _measure_column(evidence, name)


def measure_missingness(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every input but the time, the share of the target that its missing cells alone leave unexplained."""
    for name in _list_columns(evidence):
        yield _measure_gaps(evidence, name)


def measure_hindsight(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every input, how often it is known without a label, relative to how often with one; at most 1."""
    for name in _list_columns(evidence):
        yield _measure_unlabelled(evidence, name)


def _list_columns(evidence: CheckedBatch) -> list[str]:
    return [name for name in evidence.present(evidence.schema.inputs) if name != evidence.schema.time]


def _measure_column(evidence: CheckedBatch, name: str) -> Finding:
    schema, target = evidence.schema, evidence.schema.target

    def measure(rows: LabelledRows) -> tuple[float | None, int]:
        feature, known = _read_feature(evidence, rows, name)
        if known.sum() < FEWEST_ROWS:
            return None, int(known.sum())
        told = compute_separation(feature[known], rows.target[known], schema.task, name in schema.categorical)
        return told, int(known.sum())

    if evidence.missing[name].all():  # what the batch lacks altogether is not a finding of this batch
        return skip(name, _read_threshold(evidence), f"no cell of '{name}' is known")
    return _judge(
        evidence,
        name,
        measure,
        lambda told, where: (
            f"'{name}' alone tells {told:.1%} of the target '{target}' in {where}, as the label itself would; list it "
            "under schema.drop if it is not known when a request is answered, or raise quality.max_leakage."
        ),
    )


def _measure_gaps(evidence: CheckedBatch, name: str) -> Finding:
    own, task, target = evidence.missing[name], evidence.schema.task, evidence.schema.target

    def measure(rows: LabelledRows) -> tuple[float | None, int]:
        missing = rows.missing[name].to_numpy(dtype="float64")
        told = compute_separation(missing, rows.target, task, is_level=False) if len(rows) >= FEWEST_ROWS else None
        return told, len(rows)

    if own.all() or not own.any():
        return skip(name, _read_threshold(evidence), "no cells are missing, or all")
    return _judge(
        evidence,
        name,
        measure,
        lambda told, where: (
            f"Whether '{name}' is filled in tells {told:.1%} of the target '{target}' in {where}, as "
            "if it were written "
            "once the label is known; list it under schema.drop, or raise quality.max_leakage."
        ),
    )


def _judge(
    evidence: CheckedBatch,
    name: str,
    measure: Callable[[LabelledRows], tuple[float | None, int]],
    explain: Callable[[float, str], str],
) -> Finding:
    """Return what a column tells of the target, in as few rows as are enough.

    ``measure`` returns it for some rows, None where these cannot tell, and how many rows it looked at. What looks like
    a leak in few of them has to look so in more, if there are: rows of one day are alike in more than their labels.
    """
    threshold, limit, known, told, where = _read_threshold(evidence), evidence.config.quality.max_leakage, 0, None, ""
    for rows in evidence.labelled:
        now, known = measure(rows)
        told, where = (now, rows.name) if now is not None else (told, where)
        if told is not None and (told <= limit or known >= ENOUGH_ROWS):
            break
    if told is None:
        few = f"fewer than {FEWEST_ROWS} labelled rows tell of '{name}'" if known < FEWEST_ROWS else FEW_OF_A_CLASS
        return skip(name, threshold, few)
    return Finding(name, 1 - told, threshold, lambda: explain(told, where), known)


def _read_feature(evidence: CheckedBatch, rows: LabelledRows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a column as numbers or codes of levels (n_rows,), and in which rows it is known."""
    cells = rows.inputs[name]
    if name in evidence.schema.categorical:
        codes = pd.factorize(cells)[0]
        return codes, codes >= 0
    numbers = compute_days(cells) - compute_days(rows.times) if name in evidence.schema.dates else cells
    feature = numbers.to_numpy(dtype="float64")
    return feature, np.isfinite(feature)


def _measure_unlabelled(evidence: CheckedBatch, name: str) -> Finding:
    unlabelled, known = evidence.target_missing, ~evidence.missing[name]
    if min(unlabelled.sum(), (~unlabelled).sum()) < FEWEST_UNLABELLED:
        return skip(name, AFTER_LABEL, f"fewer than {FEWEST_UNLABELLED} rows lack a label, or have one")
    with_label, without = float(known[~unlabelled].mean()), float(known[unlabelled].mean())
    if not with_label:
        return skip(name, AFTER_LABEL, f"no labelled row has '{name}'")
    return Finding(
        name,
        min(1.0, without / with_label),
        AFTER_LABEL,
        lambda: (
            f"'{name}' is known in {with_label:.1%} of the rows of {evidence.name} that have a label and in "
            f"{without:.1%} of those that have none, as if it appeared only after the label; list it under schema.drop."
        ),
    )


def _read_threshold(evidence: CheckedBatch) -> LearnedThresholds:
    """Return what a column has to leave unexplained: as configured, or less where past batches left less."""
    left_open = round(1 - evidence.config.quality.max_leakage, 12)
    return LearnedThresholds(left_open, left_open)
