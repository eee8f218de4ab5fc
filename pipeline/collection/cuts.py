"""Where a batch ends. Each cut sees the times of all pending rows, ascending, and says how many of them to take."""

import numpy as np
import pandas as pd

from pointsman.common.config import BatchConfig

PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
"""Calendar periods; a week runs from Monday to Sunday."""


def count_rows(order: np.ndarray, newest: pd.Timestamp | None, batch: BatchConfig) -> int:
    """Return how many of the pending rows the next batch takes, 0 where they have to wait for more.

    ``order`` (n_pending,) holds their times in ascending order, ``newest`` the newest time taken before. Only the last
    rows of the stream can be fewer than ``batch.min_rows``, and then they wait.
    """
    if batch.period:
        count = count_period(order, newest, batch.period, batch.min_rows)
        return count if count >= batch.min_rows else 0
    count = min(batch.rows or len(order), len(order))
    return count if count >= min(batch.rows or batch.min_rows, batch.min_rows) else 0


def count_period(order: np.ndarray, newest: pd.Timestamp | None, period: str, min_rows: int = 1) -> int:
    """Return how many rows the earliest period with pending rows holds, together with all late rows before it.

    A period with too few rows to be a batch goes with the next one; otherwise it would stop the stream.

    >>> days = np.array(["2013-07-01", "2013-07-31", "2013-08-01"], dtype="datetime64[us]")
    >>> count_period(days, None, "month"), count_period(days, None, "month", min_rows=3)
    (2, 3)
    """
    late = 0 if newest is None else int(np.searchsorted(order, newest.to_datetime64(), side="left"))
    count = _find_period_end(order, late, period)
    while count < min(min_rows, len(order)):
        count = _find_period_end(order, count, period)
    return count


def _find_period_end(order: np.ndarray, first: int, period: str) -> int:
    if first == len(order):
        return first
    following = (pd.Timestamp(order[first]).to_period(PERIODS[period]) + 1).start_time
    return int(np.searchsorted(order, following.to_datetime64(), side="left"))
