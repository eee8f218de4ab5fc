"""How LightGBM is trained: its parameters, missing cells as a model reads them, rounds found by stopping early."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pointsman.model_zoo.bins import bin_rows, binning_params, share_bins
from pointsman.model_zoo.estimator import Sample
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.stopping import (
    LEAST_NEWEST,
    MOST_ROUNDS,
    NEWEST_SHARE,
    PATIENCE,
    Found,
    list_leaves,
    scale_rounds,
)

MIN_DATA_PER_GROUP = 100
"""Rows of a level, or of levels taken together: LightGBM's own default."""


@dataclass(frozen=True)
class BoostingParams:
    """LightGBM's names. ``objective`` is for numbers: "l2", or "tweedie" for non-negative ones with many zeros.

    A ``literal`` model takes its limits in rows as they are stated, however small the sample is. ``stopping`` finds
    rounds and leaves on the newest rows (see ``stopping.py``); what it found is remembered in ``found_...``.
    """

    objective: str = "l2"
    rounds: int = 150
    learning_rate: float = 0.05
    num_leaves: int = 31
    min_data_in_leaf: int = 20
    lambda_l2: float = 1.0
    feature_fraction: float = 0.8
    bagging_fraction: float = 0.8
    cat_smooth: float = 10.0
    literal: bool = False
    stopping: bool = False
    found_rounds: int = 0
    found_leaves: int = 0
    found_rows: int = 0
    found_age: int = 0

    @property
    def sized(self) -> "BoostingParams":
        """The parameters with the rounds and leaves that were found, where any were."""
        if not self.found_rounds:
            return self
        return replace(self, rounds=self.found_rounds, num_leaves=self.found_leaves)


@dataclass(frozen=True)
class Boosted:
    """A LightGBM model. ``objective`` is the one it was trained with, which may not be the one asked for.

    ``fills`` (n_columns,) float32 is the median of each numeric column that was complete, NaN for any other column.
    """

    booster: Any
    objective: str
    categorical: tuple[int, ...]
    fills: np.ndarray

    def prepare(self, values: np.ndarray) -> np.ndarray:
        """Return values (n_rows, n_columns) as the trees must read them; NaN is left where they branch on it."""
        return np.where(np.isnan(values) & ~np.isnan(self.fills), self.fills, values)


def train_booster(
    reader: Boosted,
    sample: Sample,
    classes: tuple[int, ...],
    settings: BoostingParams,
    rounds: int,
    *,
    seed: int,
    threads: int,
) -> Any:
    """Return a booster trained for some rounds, on top of ``reader``'s where it has one."""
    import lightgbm

    params = _lightgbm_params(settings, len(sample), len(classes)) | {"seed": seed, "num_threads": threads}
    values = sample.table.values
    if reader.booster is None:
        rows = share_bins(values, reader.categorical, threads)
    else:
        rows = bin_rows(reader.prepare(values), reader.categorical, threads, keep_values=True)
    rows.set_field("label", np.searchsorted(classes, sample.target) if classes else sample.target)
    rows.set_field("weight", sample.weights)
    return lightgbm.train(params, rows, rounds, init_model=reader.booster)


def find_size(family: Family, sample: Sample, settings: BoostingParams, seed: int, threads: int) -> Found:
    """Return the rounds and leaves that do best on the newest rows of a sample; the stated ones where none can say."""
    cut = round(len(sample) * (1 - NEWEST_SHARE))
    older, newest = sample.take(slice(cut)), sample.take(slice(cut, None))
    classes = family.find_classes(older)
    if classes:  # one that the older rows lack has no place among their model's labels
        newest = newest.take(np.isin(newest.target, classes))
    if not sample.table.names or len(newest) < LEAST_NEWEST or np.ptp(older.target) == 0:
        return Found(settings.rounds, settings.num_leaves, len(sample))
    reader = Boosted(None, choose_objective(older, settings.objective), sample.table.categorical, find_fills(older))
    settings = replace(settings, objective=reader.objective)
    tried = [
        (*_stop_early(reader, older, newest, classes, replace(settings, num_leaves=leaves), seed, threads), leaves)
        for leaves in list_leaves(settings.num_leaves, len(sample))
    ]
    _, rounds, leaves = min(tried)  # of equal losses the fewer rounds, then the fewer leaves
    return Found(min(MOST_ROUNDS, scale_rounds(rounds, len(older), len(sample))), leaves, len(sample))


def _stop_early(
    reader: Boosted,
    older: Sample,
    newest: Sample,
    classes: tuple[int, ...],
    settings: BoostingParams,
    seed: int,
    threads: int,
) -> tuple[float, int]:
    """Return the least mean loss on the newest rows of a model of the older ones, and its rounds then."""
    import lightgbm

    def label(sample: Sample) -> np.ndarray:
        return np.searchsorted(classes, sample.target) if classes else sample.target

    params = _lightgbm_params(settings, len(older), len(classes)) | {"seed": seed, "num_threads": threads}
    rows = bin_rows(older.table.values, reader.categorical, threads, keep_values=False)
    rows.set_field("label", label(older))
    judged = rows.create_valid(reader.prepare(newest.table.values), label(newest))
    stopping = lightgbm.early_stopping(PATIENCE, verbose=False)
    booster = lightgbm.train(params, rows, MOST_ROUNDS, valid_sets=[judged], callbacks=[stopping])
    (losses,) = booster.best_score.values()
    return min(losses.values()), booster.best_iteration


def _lightgbm_params(settings: BoostingParams, n_rows: int, n_classes: int) -> dict[str, Any]:
    """Return LightGBM's parameters; limits in rows shrink with a small sample, so that 50 rows can still be split.

    Literal ones do not. Bins of fewer than three rows, which only samples below 30 have, change nothing for them: no
    leaf of 20 rows leaves another one then.
    """
    least, leaves, in_group = settings.min_data_in_leaf, settings.num_leaves, MIN_DATA_PER_GROUP
    if not settings.literal:
        tenth = max(1, n_rows // 10)
        least, in_group = min(least, tenth), min(in_group, tenth)
        leaves = max(2, min(leaves, n_rows // least))
    objective = {0: settings.objective, 2: "binary"}.get(n_classes, "multiclass")
    return {
        "objective": objective,
        "num_class": n_classes if objective == "multiclass" else 1,
        "learning_rate": settings.learning_rate,
        "num_leaves": leaves,
        "min_data_in_leaf": least,
        "min_data_per_group": in_group,
        "lambda_l2": settings.lambda_l2,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1,  # at 0, LightGBM's default, bagging_fraction would do nothing
        "cat_smooth": settings.cat_smooth,
        # By itself LightGBM times two ways of building histograms and takes the faster one, whose sums may differ.
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **binning_params(n_rows),
    }


def choose_objective(sample: Sample, asked: str) -> str:
    if sample.task.is_classification:
        return "binary" if len(np.unique(sample.target)) == 2 else "multiclass"
    return asked if sample.target.min() >= 0 and sample.target.max() > 0 else "l2"


def find_fills(sample: Sample) -> np.ndarray:
    values = sample.table.values
    fills = np.full(values.shape[1], np.nan, dtype=np.float32)
    complete = ~np.isnan(values).any(axis=0)
    complete[list(sample.table.categorical)] = False
    fills[complete] = np.median(values[:, complete].astype(np.float64), axis=0)
    return fills


def show_missing(old: Boosted, sample: Sample) -> Sample:
    """Return the sample with one more row of weight 0, missing wherever the old trees branch on missing."""
    values = sample.table.values
    hidden = values[:1].copy()
    hidden[:, np.isnan(old.fills)] = np.nan
    weights = np.ones(len(sample)) if sample.weights is None else sample.weights
    table = replace(sample.table, values=np.vstack([values, hidden]))
    return replace(
        sample, table=table, target=np.append(sample.target, sample.target[0]), weights=np.append(weights, 0.0)
    )
