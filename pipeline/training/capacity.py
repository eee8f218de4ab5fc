"""How many rows are learned: as many as a stream has, within a budget that is told once when it cuts something.

A budget is in MB, since decisions must not depend on a clock. What a fit takes goes with the cells of its table, so MB
stand for seconds, too: on two cores an update with 160,000 rows of 28 columns in its window (36 MB) takes some minutes.
"""

import logging
from collections.abc import Sequence
from functools import cache

from common.config import AUTO_ROWS, SearchConfig, TrainingConfig
from model_zoo.candidate import Candidate

log = logging.getLogger(__name__)

CELL_BYTES = 8
MB = 1e6
LEAST_LEARNED = 50_000
"""Rows that are learned however wide they are."""
LEAST_SEARCHED, MOST_SEARCHED = 20_000, 60_000
"""Rows that a search looks at, at least and at most: it fits dozens of candidates, a few times each."""
SEARCHED_SHARE = 1 / 3
"""Share of the learned rows that a search looks at in between: parameters for many rows are found on many."""
LIMIT = "max_rows"
"""What families call the most rows that they learn."""


def limit_rows(training: TrainingConfig, columns: int) -> int:
    """Return how many rows of so many input columns are learned at most.

    >>> limit_rows(TrainingConfig(), 28), limit_rows(TrainingConfig(), 900), limit_rows(TrainingConfig(max_rows=99), 1)
    (285714, 50000, 99)
    """
    if isinstance(training.max_rows, int):
        return training.max_rows
    return max(LEAST_LEARNED, int(training.max_mb * MB / (CELL_BYTES * max(1, columns))))


def limit_searched(search: SearchConfig, rows: int) -> int:
    """Return how many of the learned ``rows`` a search looks at.

    >>> [limit_searched(SearchConfig(), rows) for rows in (9_000, 90_000, 900_000)]
    [20000, 30000, 60000]
    """
    if isinstance(search.max_rows, int):
        return search.max_rows
    return min(MOST_SEARCHED, max(LEAST_SEARCHED, int(rows * SEARCHED_SHARE)))


def list_unheeded(training: TrainingConfig, columns: int) -> list[str]:
    """Return a sentence on each key that was stated and changes nothing beside the others.

    >>> list_unheeded(TrainingConfig(validation="holdout", folds=5), 28)
    ['training.folds is 5 and changes nothing, since training.validation is holdout, which has one fold']
    """
    told = []
    least_mb = LEAST_LEARNED * CELL_BYTES * max(1, columns) / MB
    if "max_mb" in training.model_fields_set and training.max_mb < least_mb:
        beside = f"{LEAST_LEARNED:,} rows ({least_mb:g} MB) are always learned; training.max_rows takes fewer"
        if training.max_rows != AUTO_ROWS:
            beside = f"training.max_rows is {training.max_rows}"
        told.append(f"training.max_mb is {training.max_mb:g} and changes nothing, since {beside}")
    if "folds" in training.model_fields_set and training.validation == "holdout" and training.folds > 1:
        told.append(
            f"training.folds is {training.folds} and changes nothing, since training.validation is holdout, which has "
            "one fold"
        )
    return told


def tell_cuts(
    training: TrainingConfig, search: SearchConfig, rows: int, there: int, columns: int, standing: Sequence[Candidate]
) -> None:
    """Tell, once a process, where fewer rows are learned than are ``there``, or looked at than the ``rows`` learned.

    Limits that were stated as numbers are known and not told.
    """
    for sentence in list_unheeded(training, columns):
        _tell_once(sentence)
    if training.max_rows == AUTO_ROWS and rows < there:
        _tell_once(
            f"models learn from the newest {rows:,} rows of {columns} columns: training.max_mb is "
            f"{training.max_mb:g}; with a larger one they learn from more, and updates take longer"
        )
    searched = limit_searched(search, rows)
    if search.max_rows == AUTO_ROWS and searched < rows:
        _tell_once(f"the search looks at a part of the learned rows, the newest {searched:,}; search.max_rows sets it")
    thinned = {one.family: limit for one in standing if (limit := int(one.params.get(LIMIT) or rows)) < rows}
    if thinned:
        named = ", ".join(f"{family} ({limit:,} rows)" for family, limit in sorted(thinned.items()))
        _tell_once(f"of all learned rows costly families learn a part: {named}")


@cache
def _tell_once(sentence: str) -> None:
    log.info("%s", sentence)
