"""The newest policy backtest: what retraining costs and what it is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.retraining.tables import backtests_table


@dataclass(frozen=True)
class PolicyFigures:
    """One policy of retraining: ``worse`` is its loss against training always, with an interval, as a share."""

    name: str
    recommended: bool
    loss: float
    worse: float
    lower: float
    upper: float
    worst_third: float
    trainings: float
    seconds: float


@dataclass(frozen=True)
class BacktestFigures:
    """All policies, the dearest first; ``advice`` is what the middle of the stream's was worth, if it was long enough.

    replayed: the candidate, its first and last batch, the rows and the name of the loss
    """

    replayed: Mapping[str, Any]
    policies: tuple[PolicyFigures, ...]
    advice: Mapping[str, Any] | None


def read_backtests(history: History) -> pd.DataFrame:
    """Return the newest backtests."""
    return history.read_newest(backtests_table.c.created_at)


def compute_backtest(history: History) -> BacktestFigures | None:
    """Return the newest backtest, None where none was run."""
    for row in list_rows(history.ask(read_backtests).sort_values("created_at", ascending=False).head(1)):
        policies = [
            read_record(PolicyFigures, one, name=one["policy"]["name"], recommended=one["policy"] == row["recommended"])
            for one in row["outcomes"]
        ]
        ordered = sorted(policies, key=lambda one: (-one.trainings, one.worse))
        return BacktestFigures(row["replayed"], tuple(ordered), row["advice"])
    return None


SECTION = Section("backtest", reads=(read_backtests,), figures={"backtest": compute_backtest})
