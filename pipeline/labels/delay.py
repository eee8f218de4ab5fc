"""How late labels are: in the stream's own time, which the gap of folds follows, and by the clock, for the report."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.records import LabelledBatch
from pointsman.common.storage.state import State
from pointsman.meta.label_tables import MATURITY_DAYS
from pointsman.pipeline.labels.queries import load_settlements

AUTO = "auto"
QUANTILES = 11
HIGH = 0.9
"""Share of labels that come within the gap."""
NEWEST = 24
"""Updates that the gap looks back on."""
MOST_OF_WINDOW = 0.25
"""A gap takes at most this share of the time that the training window covers, so that rows are left to learn from."""


def resolve_gap(config: Config, state: State, window: Sequence[LabelledBatch]) -> str:
    """Return the time between learning and validation rows: as configured, or the delay of labels observed before.

    Without any observation it is 0.
    """
    if config.training.gap != AUTO:
        return config.training.gap
    newest = load_settlements(state, NEWEST)
    known = [(row["delays"], row["labels"] + row["rows"]) for row in newest if row["delays"]]
    observed = pool_delays(known)
    times = pd.concat([one.times for one in window])
    span = (times.max() - times.min()).total_seconds() if times.notna().any() else 0.0
    return f"{int(min(observed, MOST_OF_WINDOW * span))}s"


def pool_delays(known: Sequence[tuple[Sequence[float], int]]) -> float:
    """Return the delay in seconds within which the share HIGH of labels came, from quantiles and their label counts.

    >>> pool_delays([]), pool_delays([([0, 5, 10], 30)]), pool_delays([([0, 5, 10], 1), ([100, 100, 100], 99)])
    (0.0, 10.0, 100.0)
    """
    if not known:
        return 0.0
    delays = np.concatenate([np.asarray(quantiles, dtype=float) for quantiles, _ in known])
    weights = np.concatenate([np.full(len(quantiles), count / len(quantiles)) for quantiles, count in known])
    order = np.argsort(delays, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(delays[order][min(int(np.searchsorted(reached, HIGH)), len(delays) - 1)])


def summarise_delays(seconds: np.ndarray) -> list[int]:
    """Return evenly spaced quantiles of delays, in whole seconds; [] without any delay."""
    if not len(seconds):
        return []
    return [round(float(one)) for one in np.quantile(seconds, np.linspace(0, 1, QUANTILES))]


def count_maturity(served_at: pd.Series, arrived_at: pd.Series) -> dict[str, dict[str, int]]:
    """Return the number of labels by month of serving and by the first of MATURITY_DAYS that they came within.

    Those that came within none of them are 'later'.

    >>> served = pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02", "2026-02-01"]))
    >>> count_maturity(served, served + pd.to_timedelta([0.5, 8, 400], unit="D"))
    {'2026-01': {'1': 1, '30': 1}, '2026-02': {'later': 1}}
    """
    days = (pd.to_datetime(arrived_at) - pd.to_datetime(served_at)).dt.total_seconds() / 86_400
    names = np.array([*map(str, MATURITY_DAYS), "later"])[np.searchsorted(MATURITY_DAYS, days.to_numpy())]
    counted: dict[str, dict[str, int]] = {}
    months = pd.to_datetime(served_at).dt.strftime("%Y-%m")
    for month, name in zip(months, names.tolist(), strict=True):
        of_month = counted.setdefault(month, {})
        of_month[name] = of_month.get(name, 0) + 1
    return counted
