"""Binned columns that fits on one table share: what LightGBM makes of a table before it looks at any parameter.

A search fits dozens of candidates on the same few tables, and sorting the columns into bins is a good part of a small
fit. A table's array is never written to (MC007), so bins are found again by the identity of the array; they are dropped
with it, and the oldest of more than KEPT as well.
"""

import threading
import weakref
from typing import Any

import numpy as np

KEPT = 8
"""Two variants times the three folds of a default search, and room for the two fits of finalists in between."""

MAX_BINS = 255
"""LightGBM's own default, stated here so that it can be recorded."""


class _Kept(threading.local):
    """What a thread keeps, by the identity of the array. Training sets labels in it: threads cannot share it."""

    def __init__(self) -> None:
        self.bins: dict[int, tuple[weakref.ref, tuple[int, ...], Any]] = {}


_mine = _Kept()


def binning_params(n_rows: int) -> dict[str, Any]:
    """Return every parameter of LightGBM that shapes bins; none of them is searched.

    Every row is looked at: a column whose few missing cells were not drawn would count as complete. Bins of three rows
    are LightGBM's default, which would leave a table of ten rows hardly any threshold.
    """
    return {
        "bin_construct_sample_cnt": max(n_rows, 1),
        "max_bin": MAX_BINS,
        "min_data_in_bin": min(3, max(1, n_rows // 10)),
        "feature_pre_filter": False,
        "data_random_seed": 1,
    }


def bin_rows(values: np.ndarray, categorical: tuple[int, ...], threads: int, *, keep_values: bool) -> Any:
    """Return values (n_rows, n_columns) as a new lightgbm.Dataset; training on from other trees needs kept values."""
    import lightgbm

    rows = lightgbm.Dataset(
        values,
        np.zeros(len(values), dtype=np.float32),  # a label must be there; the true one is set before training
        categorical_feature=list(categorical),
        params=binning_params(len(values)) | {"num_threads": threads, "verbosity": -1},
        free_raw_data=not keep_values,
    )
    return rows.construct()


def share_bins(values: np.ndarray, categorical: tuple[int, ...], threads: int) -> Any:
    """Return the lightgbm.Dataset of an array (n_rows, n_columns), the same object each time it is asked for.

    Each thread has its own. Set label and weight before each training; they are all that a training may set.
    """
    key, kept = id(values), _mine.bins
    array, columns, rows = kept.pop(key, (None, None, None))
    if array is None or array() is not values or columns != categorical:
        array = weakref.ref(values, lambda _: kept.pop(key, None))
        rows = bin_rows(values, categorical, threads, keep_values=False)
        for oldest in list(kept)[: -KEPT + 1]:
            del kept[oldest]
    kept[key] = array, categorical, rows
    return rows
