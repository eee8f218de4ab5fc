"""The profile of a batch: every input at a glance, small enough to be kept for good."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pointsman.common.records import ColumnProfile
from pointsman.common.schema import Schema

QUANTILE_LEVELS = tuple(step / 10 for step in range(11))
"""Deciles with the smallest and the largest value; each is a value that occurs (numpy's 'inverted_cdf')."""

TOP_LEVELS = 20
"""Levels that are listed one by one."""

DAY = pd.Timedelta(days=1)


def compute_profile(inputs: pd.DataFrame, schema: Schema) -> tuple[ColumnProfile, ...]:
    """Return a profile for every input of the schema, whatever the order of the (n_rows, n_inputs) rows."""
    return (
        *(profile_numbers(name, "numeric", inputs[name]) for name in schema.numeric),
        *(profile_levels(name, inputs[name]) for name in schema.categorical),
        *(profile_numbers(name, "date", compute_days(inputs[name])) for name in schema.dates),
    )


def profile_numbers(name: str, role: str, cells: pd.Series) -> ColumnProfile:
    """Return the profile of float64 cells."""
    known = sort_known(cells)
    if not len(known):
        return ColumnProfile(name, role, _compute_missing_share(cells), 0)
    return ColumnProfile(
        column=name,
        role=role,
        missing_share=_compute_missing_share(cells),
        distinct=1 + int((np.diff(known) > 0).sum()),
        mean=compute_finite(known.mean),
        deviation=compute_finite(known.std),
        zero_share=float((known == 0).mean()),
        quantiles=tuple(np.quantile(known, QUANTILE_LEVELS, method="inverted_cdf").tolist()),
    )


def profile_levels(name: str, cells: pd.Series) -> ColumnProfile:
    """Return the profile of ``str`` cells; of equally frequent levels, the first in the alphabet comes first."""
    counts = cells.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    missing = _compute_missing_share(cells)
    if counts.empty:
        return ColumnProfile(name, "categorical", missing, 0)
    shares = counts / counts.sum()
    top = tuple((str(level), float(share)) for level, share in shares.head(TOP_LEVELS).items())
    rest = float(counts.iloc[TOP_LEVELS:].sum() / counts.sum())
    return ColumnProfile(name, "categorical", missing, len(counts), top=top, rest_share=rest)


def compute_days(dates: pd.Series) -> pd.Series:
    """Return dates as days since 1970-01-01, NaN where missing."""
    return (dates - pd.Timestamp(0)) / DAY


def sort_known(cells: pd.Series) -> np.ndarray:
    """Return the known float64 cells sorted, so that sums over them do not depend on the order of the rows."""
    return np.sort(cells.dropna().to_numpy(dtype="float64"))


def compute_finite(statistic: Callable[[], float]) -> float | None:
    """Return a statistic of numbers that may be too large for it, or None where it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        number = float(statistic())
    return number if np.isfinite(number) else None


def _compute_missing_share(cells: pd.Series) -> float:
    return float(cells.isna().mean()) if len(cells) else 0.0
