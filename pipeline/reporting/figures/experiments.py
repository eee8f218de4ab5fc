"""Experiments: the best trial of each family over all batches, what settings account for, and who overfits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.experiments.leaderboard import RankedRun, RankedTrial, rank_runs, rank_trials
from pointsman.pipeline.reporting.history import History, list_rows

SHOWN_SETTINGS = 5


@dataclass(frozen=True)
class ImportanceFigures:
    """What settings of a family account for: the largest shares of the differences in loss between its trials."""

    family: str
    trials: int
    shares: Mapping[str, float]


@dataclass(frozen=True)
class ExperimentFigures:
    """``best`` is a trial a family, the best first; ``runs`` are how the active versions came about, the best first.

    overfit: runs of all batches that overfit, of ``runs_in_all``
    """

    best: tuple[RankedTrial, ...]
    importances: tuple[ImportanceFigures, ...]
    runs: tuple[RankedRun, ...]
    overfit: int
    runs_in_all: int


def compute_experiments(history: History) -> ExperimentFigures:
    """Return the leaderboards and what stands behind them."""
    trials, runs = _list_with_nulls(history.trials), _list_with_nulls(history.runs)
    active = {version.id for version in history.generation.versions}
    return ExperimentFigures(
        best=tuple(rank_trials(trials, one_a_family=True)),
        importances=tuple(_list_importances(history.importances)),
        runs=tuple(rank_runs(row for row in runs if row["version"] in active)),
        overfit=sum(bool(row["overfit"]) for row in runs),
        runs_in_all=len(runs),
    )


def _list_with_nulls(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows with None where the catalogue has null: in a column of numbers it came as NaN."""
    return list_rows(table.convert_dtypes().astype(object).where(table.notna(), None))


def _list_importances(shares: pd.DataFrame) -> list[ImportanceFigures]:
    return [
        ImportanceFigures(
            str(family),
            int(table["trials"].iloc[0]),
            dict(zip(table["setting"].head(SHOWN_SETTINGS), table["share"].head(SHOWN_SETTINGS), strict=True)),
        )
        for family, table in shares.groupby("family")
    ]
