"""Quality checks: each looks at one thing in one column or in the whole batch and says what it found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.config import Config, QualityConfig
from common.records import CheckResult, RawBatch, Severity
from common.schema import Schema, find_missing


@dataclass(frozen=True)
class CheckedBatch:
    """What checks look at: raw cells, the same cells typed, labels (NaN unknown) and the rules' verdicts on cells."""

    raw: RawBatch
    inputs: pd.DataFrame
    labels: pd.Series
    broken: dict[str, pd.Series]
    schema: Schema
    config: Config

    @property
    def quality(self) -> QualityConfig:
        """The configured thresholds and rules."""
        return self.config.quality

    @property
    def rows(self) -> int:
        """Rows in the raw batch."""
        return len(self.raw)


Check = Callable[[CheckedBatch], Iterator[CheckResult]]
CHECKS: list[Check] = []


def quality_check(check: Check) -> Check:
    """Enter a check in the list of those that every batch goes through."""
    CHECKS.append(check)
    return check


def _result(code: str, dimension: str, column: str, share: float | None, threshold: float | None, message: str,
            severity: Severity = Severity.WARNING) -> CheckResult:  # fmt: skip
    passed = share is None or threshold is None or share >= threshold
    return CheckResult(code, dimension, column, share, threshold, passed, severity, message)


@quality_check
def check_presence(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ001: every input of the schema is a column of the batch."""
    for name in batch.schema.inputs:
        present = name in batch.raw.frame
        message = "" if present else f"column '{name}' is absent and counts as missing; add it to the feed"
        yield _result("DQ001", "completeness", name, float(present), 1.0, message)


@quality_check
def check_completeness(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ002: few enough cells of an input are missing."""
    for name in batch.schema.inputs:
        if name in batch.raw.frame:
            share = 1 - float(find_missing(batch.raw.frame[name], batch.schema.missing_values).mean())
            message = f"{1 - share:.1%} of column '{name}' are missing; check its feed"
            yield _result("DQ002", "completeness", name, share, batch.quality.min_completeness, message)


@quality_check
def check_row_uniqueness(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ003: few rows are exact copies of an earlier one."""
    share = 1 - float(find_duplicates(batch.raw.frame).mean()) if batch.rows else None
    message = f"{1 - (share or 0):.1%} of the rows repeat an earlier one; see quality.duplicates"
    yield _result("DQ003", "uniqueness", "", share, batch.quality.min_uniqueness, message)


@quality_check
def check_key_uniqueness(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ004: an id occurs once a point in time; not applicable without schema.id."""
    key = batch.schema.id
    if key is None or key not in batch.raw.frame:
        yield _result("DQ004", "uniqueness", key or "", None, None, "not applicable: schema.id is not set")
        return
    keys = pd.DataFrame({"id": batch.raw.frame[key], "time": batch.raw.times.to_numpy()})
    share = 1 - float(keys.duplicated().mean())
    message = f"{1 - share:.1%} of the rows repeat the '{key}' and time of an earlier row; check for double delivery"
    yield _result("DQ004", "uniqueness", key, share, batch.quality.min_uniqueness, message)


@quality_check
def check_type_validity(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ005: known cells of numeric and date inputs read as numbers and dates."""
    for name in (*batch.schema.numeric, *batch.schema.dates):
        if name not in batch.raw.frame:
            continue
        known = ~find_missing(batch.raw.frame[name], batch.schema.missing_values)
        if not known.any():
            yield _result("DQ005", "validity", name, None, None, f"not applicable: column '{name}' is empty")
            continue
        unreadable = known & batch.inputs[name].isna()
        share = 1 - float(unreadable.sum() / known.sum())
        kind = "number" if name in batch.schema.numeric else "date"
        example = repr(batch.raw.frame[name][unreadable].iloc[0]) if unreadable.any() else "none"
        message = f"{1 - share:.1%} of the known cells of column '{name}' are no {kind} (such as {example}); clean them"
        yield _result("DQ005", "validity", name, share, batch.quality.min_validity, message)


@quality_check
def check_rule_validity(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ006: known cells keep to the configured ranges and allowed values; the others are emptied."""
    for name, broken in batch.broken.items():
        known = batch.inputs[name].notna()
        share = 1 - float(broken.sum() / known.sum()) if known.any() else None
        example = batch.inputs[name][broken].iloc[0] if broken.any() else "none"
        message = f"{int(broken.sum())} cells of column '{name}' break its rule (such as {example}) and were emptied"
        yield _result("DQ006", "validity", name, share, batch.quality.min_validity, message)


@quality_check
def check_order_consistency(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ007: configured pairs of columns are in order; rows that are not go to quarantine."""
    for rule in batch.quality.orders:
        pair = f"{rule.earlier} <= {rule.later}"
        broken = find_disorder(batch.inputs, rule.earlier, rule.later)
        share = None if broken is None else 1 - float(broken.mean())
        count = 0 if broken is None else int(broken.sum())
        message = f"{count} rows have '{rule.later}' before '{rule.earlier}'"
        if broken is None:
            message = f"not applicable: '{rule.earlier}' and '{rule.later}' are not inputs of one kind"
        yield _result("DQ007", "consistency", pair, share, batch.quality.min_consistency, message)


@quality_check
def check_target(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ008: the target is known; rows where it is not go to quarantine."""
    share = float(batch.labels.notna().mean()) if batch.rows else None
    name = batch.schema.target
    message = f"{1 - (share or 0):.1%} of the targets '{name}' are missing or unreadable"
    yield _result("DQ008", "completeness", name, share, batch.quality.min_completeness, message)


@quality_check
def check_time(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ009: the time of a row can be read; rows where it cannot go to quarantine."""
    share = float(batch.raw.times.notna().mean()) if batch.rows else None
    name = batch.schema.time
    message = f"{1 - (share or 0):.1%} of the times '{name}' cannot be read; see schema.time_format"
    yield _result("DQ009", "validity", name, share, batch.quality.min_validity, message)


@quality_check
def check_classes(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ010: a classification batch holds more than one class."""
    if not batch.schema.task.is_classification:
        yield _result("DQ010", "validity", batch.schema.target, None, None, "not applicable: the target is a number")
        return
    varied = float(batch.labels.nunique() > 1)
    message = f"every row has the same '{batch.schema.target}', so ranking cannot be judged"
    yield _result("DQ010", "validity", batch.schema.target, varied, 1.0, message)


@quality_check
def check_freshness(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ011: rows are not older than what was taken before."""
    share = 1 - batch.raw.late_rows / batch.rows if batch.rows else None
    message = f"{batch.raw.late_rows} rows are older than rows of earlier batches"
    yield _result("DQ011", "freshness", batch.schema.time, share, 1.0, message, Severity.INFO)


@quality_check
def check_variation(batch: CheckedBatch) -> Iterator[CheckResult]:
    """DQ012: an input that has known cells holds more than one value."""
    for name in batch.schema.inputs:
        distinct = batch.inputs[name].nunique()
        varied = None if distinct == 0 else float(distinct > 1)
        message = f"column '{name}' holds one value only and tells nothing in this batch"
        yield _result("DQ012", "validity", name, varied, 1.0, message, Severity.INFO)


def find_duplicates(frame: pd.DataFrame) -> np.ndarray:
    """Return (n_rows,) True where a row repeats an earlier one in every cell."""
    return frame.astype("str").duplicated().to_numpy() if frame.shape[1] else np.zeros(len(frame), bool)


def find_disorder(inputs: pd.DataFrame, earlier: str, later: str) -> pd.Series | None:
    """Return (n_rows,) True where ``later`` lies before ``earlier``; None where the two cannot be compared."""
    if earlier not in inputs or later not in inputs or inputs[earlier].dtype != inputs[later].dtype:
        return None
    return inputs[later] < inputs[earlier]
