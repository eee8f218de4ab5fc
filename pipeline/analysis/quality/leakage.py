"""Does a column give the answer away: alone, by being missing, or by being filled in after the label?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.analysis.profile import compute_days
from pipeline.analysis.quality.check import Finding, skip
from pipeline.analysis.quality.evidence import Evidence
from pipeline.analysis.quality.learned import Learned
from pipeline.analysis.quality.pooling import LabelledRows
from pipeline.analysis.quality.separation import compute_separation

FEWEST_ROWS = 50
"""With fewer labelled rows chance alone can make a column look like the answer."""

FEWEST_UNLABELLED = 20

FEW_OF_A_CLASS = "hardly any labelled row, here and in earlier batches, is of a second class or value"

AFTER_LABEL = 0.1
"""A column that is known so much more rarely where the label is not is filled in together with the label."""


def measure_separation(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every input but the time, the share of the target that it alone leaves open."""
    for name in _list_columns(evidence):
        yield _measure_column(evidence, name)


def measure_missingness(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every input but the time, the share of the target that its being missing alone leaves open."""
    for name in _list_columns(evidence):
        yield _measure_gaps(evidence, name)


def measure_hindsight(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every input, how often it is known where the label is not, against where it is; at most 1."""
    for name in _list_columns(evidence):
        yield _measure_unlabelled(evidence, name)


def _list_columns(evidence: Evidence) -> list[str]:
    return [name for name in evidence.present(evidence.schema.inputs) if name != evidence.schema.time]


def _measure_column(evidence: Evidence, name: str) -> Finding:
    schema, threshold, reason = evidence.schema, _read_threshold(evidence), f"no known cell of '{name}' has a label"
    for rows in evidence.labelled:
        feature, known = _read_feature(evidence, rows, name)
        if not known.any():  # what the batch lacks altogether is no finding of this batch
            break
        told = None
        if known.sum() < FEWEST_ROWS:
            reason = f"fewer than {FEWEST_ROWS} labelled rows have '{name}'"
        else:
            told = compute_separation(feature[known], rows.target[known], schema.task, name in schema.categorical)
            reason = FEW_OF_A_CLASS
        if told is not None:
            return _report_separation(evidence, rows, name, told, int(known.sum()))
    return skip(name, threshold, reason)


def _read_feature(evidence: Evidence, rows: LabelledRows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a column as numbers or codes of levels (n_rows,), and in which rows it is known."""
    cells = rows.inputs[name]
    if name in evidence.schema.categorical:
        codes = pd.factorize(cells)[0]
        return codes, codes >= 0
    numbers = compute_days(cells) - compute_days(rows.times) if name in evidence.schema.dates else cells
    feature = numbers.to_numpy(dtype="float64")
    return feature, np.isfinite(feature)


def _report_separation(evidence: Evidence, rows: LabelledRows, name: str, told: float, known: int) -> Finding:
    return Finding(
        name,
        1 - told,
        _read_threshold(evidence),
        lambda: (
            f"'{name}' alone tells {told:.1%} of the target '{evidence.schema.target}' in {rows.name}, as the label "
            "itself would; list it under schema.drop if it is not known when a request is answered, or raise "
            "quality.max_leakage."
        ),
        known,
    )


def _measure_gaps(evidence: Evidence, name: str) -> Finding:
    threshold, own = _read_threshold(evidence), evidence.missing[name]
    if own.all() or not own.any():
        return skip(name, threshold, "no cells are missing, or all")
    reason = FEW_OF_A_CLASS
    for rows in evidence.labelled:
        missing = rows.missing[name].to_numpy(dtype="float64")
        told = None
        if len(rows) < FEWEST_ROWS:
            reason = f"fewer than {FEWEST_ROWS} rows have a label"
        else:
            told = compute_separation(missing, rows.target, evidence.schema.task, is_level=False)
            reason = FEW_OF_A_CLASS
        if told is not None:
            return _report_gaps(evidence, rows, name, told)
    return skip(name, threshold, reason)


def _report_gaps(evidence: Evidence, rows: LabelledRows, name: str, told: float) -> Finding:
    return Finding(
        name,
        1 - told,
        _read_threshold(evidence),
        lambda: (
            f"Whether '{name}' is filled in tells {told:.1%} of the target '{evidence.schema.target}' in {rows.name}, "
            "as if it were written once the label is known; list it under schema.drop, or raise quality.max_leakage."
        ),
        len(rows),
    )


def _measure_unlabelled(evidence: Evidence, name: str) -> Finding:
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


def _read_threshold(evidence: Evidence) -> Learned:
    """Return what a column has to leave open: what the configuration states, or less where the past left less open."""
    left_open = round(1 - evidence.config.quality.max_leakage, 12)
    return Learned(left_open, left_open)
