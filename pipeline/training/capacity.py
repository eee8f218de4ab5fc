"""What an update cuts to its budgets of rows, told once where it cuts something."""

import logging
from collections.abc import Sequence
from functools import cache

from pointsman.common.config import AUTO_ROWS, Config, SearchConfig, TrainingConfig
from pointsman.common.records import LabelledBatch
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.preparation.capacity import CELL_BYTES, LEAST_LEARNED, MB

log = logging.getLogger(__name__)

LEAST_SEARCHED, MOST_SEARCHED = 20_000, 60_000
"""Rows that a search looks at, at least and at most: it fits dozens of candidates, a few times each."""
SEARCHED_SHARE = 1 / 3
"""Share of the learned rows that a search looks at in between: parameters for many rows are found on many."""
LIMIT = "max_rows"
"""What families call the most rows that they learn."""


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


def log_cuts(config: Config, rows: int, window: Sequence[LabelledBatch], portfolio: Sequence[Candidate]) -> None:
    """Tell, once a process, where fewer rows are learned than the window has, or looked at than the ``rows`` learned.

    Limits that were stated as numbers are known and not told.
    """
    training, search = config.training, config.search
    for sentence in list_unheeded(training, window[-1].inputs.shape[1]):
        _log_once(sentence)
    if training.max_rows == AUTO_ROWS and rows < sum(map(len, window)):
        _log_once(
            f"models learn from the newest {rows:,} rows of {window[-1].inputs.shape[1]} columns: training.max_mb is "
            f"{training.max_mb:g}; with a larger one they learn from more, and updates take longer"
        )
    searched = limit_searched(search, rows)
    if search.max_rows == AUTO_ROWS and searched < rows:
        _log_once(f"the search looks at a part of the learned rows, the newest {searched:,}; search.max_rows sets it")
    thinned = {one.family: limit for one in portfolio if (limit := int(one.params.get(LIMIT) or rows)) < rows}
    if thinned:
        named = ", ".join(f"{family} ({limit:,} rows)" for family, limit in sorted(thinned.items()))
        _log_once(f"of all learned rows costly families learn a part: {named}")


@cache
def _log_once(sentence: str) -> None:
    log.info("%s", sentence)
