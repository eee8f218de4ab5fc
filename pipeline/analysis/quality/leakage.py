"""Does a column give the answer away: alone, by being missing, or by being filled in after the label?"""

from collections.abc import Iterator

import numpy as np

from pipeline.analysis.profile import compute_days
from pipeline.analysis.quality.check import Finding, skip
from pipeline.analysis.quality.evidence import Evidence
from pipeline.analysis.quality.learned import Learned
from pipeline.analysis.quality.separation import compute_separation

FEWEST_ROWS = 50
"""With fewer labelled rows chance alone can make a column look like the answer."""

FEWEST_UNLABELLED = 20

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
    schema, rows = evidence.schema, evidence.labelled_sample
    is_level = name in schema.categorical
    if is_level:
        feature = evidence.levels[name].codes[rows]
        known = feature >= 0
    else:
        cells = evidence.inputs[name]
        numbers = compute_days(cells) - compute_days(evidence.raw.times) if name in schema.dates else cells
        feature = numbers.to_numpy(dtype="float64")[rows]
        known = np.isfinite(feature)
    threshold = _read_threshold(evidence)
    if known.sum() < FEWEST_ROWS:
        return skip(name, threshold, f"fewer than {FEWEST_ROWS} labelled rows have '{name}'")
    told = compute_separation(feature[known], evidence.target[rows][known], schema.task, is_level)
    if told is None:
        return skip(name, threshold, "hardly any labelled row is of a second class or value")
    return Finding(
        name,
        1 - told,
        threshold,
        lambda: (
            f"'{name}' alone tells {told:.1%} of the target '{schema.target}' in {evidence.name}, as the label itself "
            "would; list it under schema.drop if it is not known when a request is answered, or raise "
            "quality.max_leakage."
        ),
        int(known.sum()),
    )


def _measure_gaps(evidence: Evidence, name: str) -> Finding:
    rows, target = evidence.labelled_sample, evidence.schema.target
    missing, threshold = evidence.missing[name][rows], _read_threshold(evidence)
    if len(rows) < FEWEST_ROWS or missing.all() or not missing.any():
        reason = (
            f"fewer than {FEWEST_ROWS} rows have a label" if len(rows) < FEWEST_ROWS else "no cells are missing, or all"
        )
        return skip(name, threshold, reason)
    told = compute_separation(missing.astype("float64"), evidence.target[rows], evidence.schema.task, is_level=False)
    if told is None:
        return skip(name, threshold, "hardly any labelled row is of a second class or value")
    return Finding(
        name,
        1 - told,
        threshold,
        lambda: (
            f"Whether '{name}' is filled in tells {told:.1%} of the target '{target}' in {evidence.name}, as if it "
            "were written once the label is known; list it under schema.drop, or raise quality.max_leakage."
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
