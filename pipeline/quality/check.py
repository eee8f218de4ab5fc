"""What a quality check is: a code, a dimension, what a breach means, and a pure function from evidence to findings."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from pointsman.common.records import CheckResult, Severity
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.thresholds import LearnedThresholds

LONGEST_EXAMPLE = 60
"""Characters of a bad cell that a message shows."""


class Dimension(StrEnum):
    """The side of data quality that a check measures."""

    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"
    SUFFICIENCY = "sufficiency"
    LEAKAGE = "leakage"


@dataclass(frozen=True)
class Finding:
    """What one check found on one column, or on the batch where ``column`` is empty.

    ``share`` passes where it reaches ``threshold``; None means that the check does not apply. ``explain`` gives the
    sentence for a breach, or the reason why the check does not apply; it is called for these two outcomes only.
    ``total`` is the number of cells or rows that it is a share of, for thresholds that are learned. ``find_rows`` gives
    (n_rows,) which rows are at fault, where the check looks at rows.
    """

    column: str
    share: float | None
    threshold: float | LearnedThresholds
    explain: Callable[[], str]
    total: int = 0
    find_rows: Callable[[], np.ndarray] | None = None


@dataclass(frozen=True)
class Check:
    """A coded check. ``severity`` is what a breach means; ``reason`` is that of rows which it puts into quarantine.

    A check without a ``reason`` looks at columns or at the batch as a whole and cannot put rows aside.
    """

    code: str
    dimension: Dimension
    severity: Severity
    examine: Callable[[CheckedBatch], Iterator[Finding]]
    reason: str = ""

    def run(self, evidence: CheckedBatch) -> Iterator[tuple[CheckResult, Finding]]:
        """Yield one result for each finding, with the finding."""
        places: Counter[str] = Counter()
        for finding in self.examine(evidence):
            threshold, batches = self._decide(evidence, finding, places[finding.column])
            places[finding.column] += 1
            passed = finding.share is None or finding.share >= threshold
            message = finding.explain() if finding.share is None or not passed else ""
            if message and finding.share and batches:
                message = (
                    f"{message.removesuffix('.')} ({threshold:.1%} is the least that {batches} batches before suggest)."
                )
            result = CheckResult(
                code=self.code,
                dimension=self.dimension,
                column=finding.column,
                share=finding.share,
                threshold=threshold,
                passed=passed,
                severity=self.severity,
                message=message,
            )
            yield result, finding

    def _decide(self, evidence: CheckedBatch, finding: Finding, place: int) -> tuple[float, int]:
        """Return the threshold, and how many batches it is learned from: none where it is fixed."""
        threshold, quality = finding.threshold, evidence.config.quality
        if not isinstance(threshold, LearnedThresholds):
            return threshold, 0
        key = (self.code, finding.column, place)
        return evidence.past.learn(key, finding.total, threshold, quality.confidence, quality.tolerance)


def measure_share(
    column: str,
    bad: int,
    total: int,
    threshold: float | LearnedThresholds,
    explain: Callable[[], str],
    find_rows: Callable[[], np.ndarray] | None = None,
) -> Finding:
    """Return the finding that ``bad`` of ``total`` cells or rows fail; it does not apply where the total is 0."""
    if not total:
        return skip(column, threshold, f"there is no known cell of '{column}'" if column else "there is no row")
    return Finding(column, (total - bad) / total, threshold, explain, total, find_rows)


def skip(column: str, threshold: float | LearnedThresholds, reason: str) -> Finding:
    """Return the finding that a check does not apply because of ``reason``."""
    return Finding(column, None, threshold, lambda: f"This check does not apply: {reason}.")


def find_example(cells: pd.Series, chosen: np.ndarray) -> str:
    """Return the most frequent of the chosen cells, quoted; of several, the first in the alphabet.

    >>> find_example(pd.Series(["8R", "7", "IN", "8R"]), np.array([True, False, True, True]))
    "'8R'"
    """
    counts = cells[chosen].astype("str").fillna("").value_counts()
    text = " ".join(min(counts.index[counts == counts.max()]).split())
    return f"'{text if len(text) <= LONGEST_EXAMPLE else text[:LONGEST_EXAMPLE] + '...'}'"
