"""Do known cells mean what their column says: numbers, dates, values in range, labels that are classes?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pointsman.common.config import AllowedRule, PatternRule, RangeRule
from pointsman.common.reading import find_missing, read_numbers
from pointsman.common.rules import find_forbidden, find_outside, find_unmatched
from pointsman.common.task import Task
from pointsman.pipeline.quality.check import Finding, find_example, measure_share, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.thresholds import LearnedThresholds

NEARLY_EMPTY = 0.05
"""A column known in a smaller share of the rows cannot get its batch rejected, whatever its few cells hold."""


def measure_numbers(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every numeric input, the share of known cells that are finite numbers."""
    for name in evidence.present(evidence.schema.numeric):
        yield _measure_readable(evidence, name, "number")


def measure_dates(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every date input but the time, the share of known cells that read as a date."""
    for name in evidence.present(evidence.other_dates):
        yield _measure_readable(evidence, name, "date")


def measure_kept_types(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the same shares, against the threshold below which a column is no longer the one of training."""
    for name in evidence.present(evidence.schema.numeric):
        yield _measure_kept_type(evidence, name, "is text", "numeric")
    for name in evidence.present(evidence.other_dates):
        yield _measure_kept_type(evidence, name, "holds hardly any date", "a date")


def measure_ranges(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every rule in quality.ranges, the share of readable cells that keep it."""
    for rule in evidence.config.quality.ranges:
        outside = find_outside(evidence.inputs[rule.column], rule).to_numpy()
        yield _measure_rule(evidence, rule, outside, f"outside {_describe_range(rule)}", "quality.ranges")


def measure_allowed(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every rule in quality.allowed, the share of readable cells that keep it."""
    for rule in evidence.config.quality.allowed:
        forbidden = find_forbidden(evidence.inputs[rule.column], rule).to_numpy()
        yield _measure_rule(evidence, rule, forbidden, "none of the allowed values", "quality.allowed")


def advise_on_labels(evidence: CheckedBatch) -> str:
    """Return what to do about labels that are not a known class."""
    schema = evidence.schema
    if schema.task is not Task.BINARY or schema.label_is_rule:
        return "correct them, or add them to the list of schema.missing_values if they mean that there is no label"
    unknown = evidence.raw.frame[schema.target][evidence.target_unknown]
    numbers = read_numbers(unknown)
    if numbers.notna().all() and numbers.nunique() > 2:
        return "set task: regression if the target is an amount, or correct them"
    return "set task: multiclass if there are more than two labels, or correct them"


def measure_known_labels(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the share of the labels there are that are a known class (or, for a regression, a number)."""
    schema, unknown = evidence.schema, int(evidence.target_unknown.sum())
    given = int((~evidence.target_missing).sum())
    kind = f"no known class ({', '.join(schema.classes)})" if schema.task.is_classification else "no number"
    advice = advise_on_labels(evidence)
    yield measure_share(
        schema.target,
        unknown,
        given,
        evidence.threshold("min_validity"),
        lambda: (
            f"{unknown} of {given} labels of the target '{schema.target}' in {evidence.name} are {kind}, such as "
            f"{find_example(evidence.raw.frame[schema.target], evidence.target_unknown)}; {advice}."
        ),
    )


def measure_patterns(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every rule in quality.patterns, the share of known cells, as they came, that match it."""
    for rule in evidence.config.quality.patterns:
        yield _measure_pattern(evidence, rule)


def measure_infinities(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every numeric input, the share of known cells that are not infinite."""
    for name in evidence.present(evidence.schema.numeric):
        yield _measure_infinities(evidence, name)


def _measure_pattern(evidence: CheckedBatch, rule: PatternRule) -> Finding:
    name, frame, threshold = rule.column, evidence.raw.frame, evidence.threshold("min_validity")
    if name not in frame:
        return skip(name, threshold, f"the column '{name}' is absent")
    known = ~find_missing(frame[name], evidence.schema.missing_of(name))
    broken = find_unmatched(frame[name].where(known), rule).to_numpy(dtype=bool)
    return measure_share(
        name,
        int(broken.sum()),
        int(known.sum()),
        threshold,
        lambda: (
            f"{int(broken.sum())} of {int(known.sum())} known cells of '{name}' in {evidence.name} do not match the "
            f"pattern {rule.pattern}, such as {find_example(frame[name], broken)}; correct them, or the rule in "
            "quality.patterns."
        ),
        lambda: broken,
    )


def _measure_infinities(evidence: CheckedBatch, name: str) -> Finding:
    infinite = evidence.unreadable[name].copy()
    if infinite.any():
        cells = pd.to_numeric(evidence.raw.frame[name][infinite], errors="coerce")
        infinite[infinite] = np.isinf(cells.to_numpy(dtype="float64", na_value=np.nan))
    count, known = int(infinite.sum()), evidence.count_known(name)
    return measure_share(
        name,
        count,
        known,
        LearnedThresholds(1.0, recurs=True, strict=True),
        lambda: (
            f"{count} of {known} known cells of '{name}' in {evidence.name} are infinite, such as "
            f"{find_example(evidence.raw.frame[name], infinite)}, and count as missing; look for a division by zero "
            "where they are made."
        ),
        lambda: infinite,
    )


def _measure_readable(evidence: CheckedBatch, name: str, kind: str) -> Finding:
    unreadable, known = int(evidence.unreadable[name].sum()), evidence.count_known(name)
    return measure_share(
        name,
        unreadable,
        known,
        evidence.threshold("min_validity"),
        lambda: (
            f"{unreadable} of {known} known cells of '{name}' in {evidence.name} are no {kind}, such as "
            f"{find_example(evidence.raw.frame[name], evidence.unreadable[name])}, and count as missing; clean them, "
            "or add the text to the list of schema.missing_values where it means missing."
        ),
        lambda: evidence.unreadable[name],
    )


def _measure_kept_type(evidence: CheckedBatch, name: str, now: str, before: str) -> Finding:
    unreadable, known = int(evidence.unreadable[name].sum()), evidence.count_known(name)
    threshold = evidence.config.quality.reject_validity
    if known < NEARLY_EMPTY * evidence.rows:
        return skip(name, threshold, f"too few cells of '{name}' are known")
    return measure_share(
        name,
        unreadable,
        known,
        threshold,
        lambda: (
            f"The column '{name}' {now} in {evidence.name} ({unreadable} of {known} known cells, such as "
            f"{find_example(evidence.raw.frame[name], evidence.unreadable[name])}) and was {before} in training; "
            "declare it under schema.categorical or clean it."
        ),
    )


def _measure_rule(
    evidence: CheckedBatch, rule: RangeRule | AllowedRule, broken: np.ndarray, how: str, key: str
) -> Finding:
    breaches, known = int(broken.sum()), int(evidence.inputs[rule.column].notna().sum())
    return measure_share(
        rule.column,
        breaches,
        known,
        evidence.threshold("min_validity"),
        lambda: (
            f"{breaches} of {known} known cells of '{rule.column}' in {evidence.name} are {how}, such as "
            f"{find_example(evidence.raw.frame[rule.column], broken)}, and count as missing; clean them, or correct "
            f"the rule in {key}."
        ),
        lambda: broken,
    )


def _describe_range(rule: RangeRule) -> str:
    """Return the range in words; a rule that is broken has at least one bound."""
    if rule.min is not None and rule.max is not None:
        return f"the range from {rule.min:g} to {rule.max:g}"
    return f"the range from {rule.min:g}" if rule.min is not None else f"the range up to {rule.max}"
