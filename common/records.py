"""Frozen records that stages hand to each other. A stage never hands on a dictionary with magic keys."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class RawBatch:
    """The next rows of a stream, in time order, exactly as their source holds them.

    ``times`` has one datetime a row, aligned with ``frame``; NaT where the time cell cannot be read. ``cursor`` is the
    JSON the next update continues from once this batch is committed. ``origin`` names the source in messages.
    """

    number: int
    origin: str
    frame: pd.DataFrame
    times: pd.Series
    cursor: dict[str, Any]
    late_rows: int = 0

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True)
class LabelledBatch:
    """A judged batch, ready to learn from: typed inputs, times and targets of the rows that were kept.

    ``inputs`` is (n_rows, n_inputs) by the schema; ``target`` is (n_rows,) float: class codes or numbers, none missing.
    """

    number: int
    inputs: pd.DataFrame
    times: pd.Series
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


class Severity(StrEnum):
    """What a breached check means."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one quality check on one column (or, with ``column`` empty, on the whole batch).

    ``share`` is the share of cells or rows that pass, in [0, 1]; None where the check does not apply.
    """

    code: str
    dimension: str
    column: str
    share: float | None
    threshold: float | None
    passed: bool
    severity: Severity
    message: str


@dataclass(frozen=True)
class QuarantinedRow:
    """A row kept out of training: its position in the raw batch and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Judgement:
    """What analysis makes of a raw batch. ``rejected`` holds the reason, or is empty for an accepted batch."""

    batch: LabelledBatch
    checks: tuple[CheckResult, ...]
    quarantined: tuple[QuarantinedRow, ...]
    profile: tuple["ColumnProfile", ...]
    rejected: str = ""


@dataclass(frozen=True)
class ColumnProfile:
    """One column of one batch at a glance. Numbers fill the quantiles, levels fill ``top``."""

    column: str
    role: str
    missing_share: float
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    top: tuple[tuple[str, float], ...] = ()
    extra: dict[str, float] = field(default_factory=dict)
