"""How many rows are learned: as many as a stream has, within a budget in MB.

A budget is in MB, since decisions must not depend on a clock. What a fit takes goes with the cells of its table, so MB
stand for seconds, too: on two cores an update with 160,000 rows of 28 columns in its window (36 MB) takes some minutes.
"""

from pointsman.common.config import TrainingConfig

CELL_BYTES = 8


MB = 1e6


LEAST_LEARNED = 50_000
"""Rows that are learned however wide they are."""


def limit_rows(training: TrainingConfig, columns: int) -> int:
    """Return how many rows of so many input columns are learned at most.

    >>> limit_rows(TrainingConfig(), 28), limit_rows(TrainingConfig(), 900), limit_rows(TrainingConfig(max_rows=99), 1)
    (285714, 50000, 99)
    """
    if isinstance(training.max_rows, int):
        return training.max_rows
    return max(LEAST_LEARNED, int(training.max_mb * MB / (CELL_BYTES * max(1, columns))))
