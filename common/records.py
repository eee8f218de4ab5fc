"""Frozen records that stages hand to each other. A stage never hands on a dictionary with magic keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pointsman.common.schema import Schema

if TYPE_CHECKING:  # records that hold no rows are read by commands that load no table
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class RawBatch:
    """The next rows of a stream, in time order, exactly as their source holds them.

    ``times`` has one datetime a row, aligned with ``frame``; NaT where the time cell cannot be read. ``cursor`` is the
    JSON the next update continues from once this batch is committed. ``origin`` names the source in messages.
    ``retakes`` is the number of a rejected batch whose rows these are, released from quarantine. ``time_format`` is the
    notation of the time cells, None where it is that of the stream.
    """

    number: int
    origin: str
    frame: "pd.DataFrame"
    times: "pd.Series"
    cursor: dict[str, Any]
    late_rows: int = 0
    retakes: int | None = None
    time_format: str | None = None

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True)
class LabelledBatch:
    """A judged batch, ready to learn from: typed inputs, times and targets of the rows that were kept.

    ``inputs`` is (n_rows, n_inputs) by the schema; ``target`` is (n_rows,) float: class codes or numbers, none missing.
    """

    number: int
    inputs: "pd.DataFrame"
    times: "pd.Series"
    target: "np.ndarray"

    def __len__(self) -> int:
        return len(self.inputs)


class Severity(StrEnum):
    """What a breached check means: an error rejects the batch, 'quarantine' puts the rows at fault aside."""

    INFO = "info"
    WARNING = "warning"
    QUARANTINE = "quarantine"
    ERROR = "error"


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one quality check on one column (or, with ``column`` empty, on the whole batch).

    ``share`` is the share of cells or rows that pass, in [0, 1]; None where the check does not apply. ``message`` is
    the sentence that explains a breach or why the check does not apply; it is empty for a check that was passed.
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
    """What analysis makes of a raw batch. ``rejected`` holds the reason, or is empty for an accepted batch.

    ``schema`` is the stream's, in the notations in which the batch is written; ``fingerprint`` is what later batches
    are compared with.
    """

    batch: LabelledBatch
    schema: Schema
    checks: tuple[CheckResult, ...]
    quarantined: tuple[QuarantinedRow, ...]
    profile: tuple["ColumnProfile", ...]
    rejected: str = ""
    fingerprint: "Fingerprint | None" = None


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """A batch in digests: ``rows`` (n_kept,) uint64, one a row that was kept, and the levels of each column, sorted."""

    rows: "np.ndarray"
    levels: "Mapping[str, np.ndarray]"


@dataclass(frozen=True)
class ColumnProfile:
    """One input of one batch at a glance. ``role`` is 'numeric', 'categorical' or 'date'.

    Numbers and dates (as days since 1970-01-01) have a mean, a standard deviation, the share of zeros among known cells
    and quantiles that are observed values. Levels have ``top``, the most frequent ones with their shares of the known
    cells, and ``rest_share``, the share of all others. What an empty column does not have is None or empty; no number
    is NaN or infinite.
    """

    column: str
    role: str
    missing_share: float
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    zero_share: float | None = None
    quantiles: tuple[float, ...] = ()
    top: tuple[tuple[str, float], ...] = ()
    rest_share: float | None = None


@dataclass(frozen=True)
class ColumnDrift:
    """How far one input of a batch lies from a reference: data drift, without a verdict.

    ``distance`` is the Jensen-Shannon distance in [0, 1]; ``noise`` is the root mean square distance that independent
    rows, as many as these, show without any drift. ``moved`` is the range, number or level whose share changed most.
    ``new_levels`` are the most frequent levels that the reference lacks, and ``new_share`` that of all of these, each
    as a share of all rows. Means are None for levels and where no cell is known.
    """

    column: str
    role: str
    distance: float
    noise: float
    missing_before: float
    missing_after: float
    moved: str
    moved_before: float
    moved_after: float
    mean_before: float | None = None
    mean_after: float | None = None
    new_levels: tuple[tuple[str, float], ...] = ()
    new_share: float = 0.0
