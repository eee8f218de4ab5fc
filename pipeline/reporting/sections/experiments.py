"""Experiments: the best trial of each family over all batches, what settings account for, and who overfits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.experiments.leaderboard import RankedRun, RankedTrial, rank_runs, rank_trials
from pointsman.experiments.tables import runs_table, trials_table
from pointsman.pipeline.reporting.history import History, list_rows
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.training.importance import compute_importances
from pointsman.pipeline.training.warm_start import read_trial

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
    trials, runs = (_list_with_nulls(history.read(table)) for table in (trials_table, runs_table))
    active = {version.id for version in history.generation.versions}
    return ExperimentFigures(
        best=tuple(rank_trials(trials, one_a_family=True)),
        importances=tuple(_list_importances(history, trials)),
        runs=tuple(rank_runs(row for row in runs if row["version"] in active)),
        overfit=sum(bool(row["overfit"]) for row in runs),
        runs_in_all=len(runs),
    )


def _list_with_nulls(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows with None where the catalogue has null: in a column of numbers it came as NaN."""
    return list_rows(table.convert_dtypes().astype(object).where(table.notna(), None))


def _list_importances(history: History, trials: list[dict[str, Any]]) -> list[ImportanceFigures]:
    if history.task is None:
        return []
    found = compute_importances([read_trial(row) for row in trials], history.task, history.config.seed)
    return [
        ImportanceFigures(one.family, one.trials, dict(list(one.shares.items())[:SHOWN_SETTINGS]))
        for one in found
        if one.shares
    ]


SECTION = Section("experiments", reads=(trials_table, runs_table), figures={"experiments": compute_experiments})
