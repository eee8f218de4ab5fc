"""What a quality check is: a code, a dimension, what a breach means, and a pure function from evidence to findings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from common.records import CheckResult, Severity
from pipeline.analysis.quality.evidence import Evidence

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


@dataclass(frozen=True)
class Finding:
    """What one check found on one column, or on the batch where ``column`` is empty.

    ``share`` passes where it reaches ``threshold``; None means that the check does not apply. ``explain`` gives the
    sentence for a breach, or the reason why the check does not apply; it is called for these two outcomes only.
    """

    column: str
    share: float | None
    threshold: float
    explain: Callable[[], str]


@dataclass(frozen=True)
class Check:
    """A coded check. A breach of severity ERROR rejects the batch."""

    code: str
    dimension: Dimension
    severity: Severity
    examine: Callable[[Evidence], Iterator[Finding]]

    def run(self, evidence: Evidence) -> Iterator[CheckResult]:
        """Yield one result for each finding."""
        for finding in self.examine(evidence):
            passed = finding.share is None or finding.share >= finding.threshold
            yield CheckResult(
                code=self.code,
                dimension=self.dimension,
                column=finding.column,
                share=finding.share,
                threshold=finding.threshold,
                passed=passed,
                severity=self.severity,
                message=finding.explain() if finding.share is None or not passed else "",
            )


def measure_share(column: str, bad: int, total: int, threshold: float, explain: Callable[[], str]) -> Finding:
    """Return the finding that ``bad`` of ``total`` cells or rows fail; it does not apply where the total is 0."""
    if not total:
        return skip(column, threshold, f"there is no known cell of '{column}'" if column else "there is no row")
    return Finding(column, (total - bad) / total, threshold, explain)


def skip(column: str, threshold: float, reason: str) -> Finding:
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
