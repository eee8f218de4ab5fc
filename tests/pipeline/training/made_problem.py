"""A small search problem whose answer is known: a number and a category decide, the rest is noise."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pointsman.common.config import SearchConfig
from pointsman.common.metrics import get_metric
from pointsman.common.task import Task
from pointsman.pipeline.preparation.training_set import TrainingRows, join_rows
from pointsman.pipeline.training.problem import Fold, SearchProblem

BATCHES, ROWS = 6, 60
CLASSES = {Task.BINARY: ("0", "1"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}
QUICK = SearchConfig(families=("linear", "tree"), variants=("onehot", "target"))


def make_batch(number: int, rows: int = ROWS, task: Task = Task.BINARY):
    """Return (number, features, target, times) of a batch of ``rows`` rows, an hour apart, with missing cells."""
    generator = np.random.default_rng(number)
    features = pd.DataFrame(
        {
            "worth": generator.normal(size=rows),
            "noise": generator.normal(size=rows),
            "make": pd.Series(generator.choice(["a", "b", "c"], rows), dtype="str"),
        }
    )
    hidden = features["worth"] + (features["make"] == "a") + generator.normal(0, 0.5, rows)
    features.loc[::9, "worth"] = np.nan
    target = {
        Task.BINARY: (hidden > 0.3).to_numpy(dtype=float),
        Task.MULTICLASS: np.digitize(hidden, [-0.3, 0.8]).astype(float),
        Task.REGRESSION: hidden.to_numpy(),
    }[task]
    times = pd.Series(pd.date_range("2020-01-01", periods=rows, freq="h") + pd.Timedelta(hours=rows * number))
    return number, features, target, times


def make_training_rows(batches: int = BATCHES, rows: int = ROWS, task: Task = Task.BINARY) -> TrainingRows:
    return join_rows([make_batch(number, rows, task) for number in range(1, batches + 1)], 100_000)


def make_problem(
    task: Task = Task.BINARY, metric: str = "auto", seed: int = 1, batches: int = BATCHES, rows: int = ROWS
) -> SearchProblem:
    """Return two folds that validate on the last and the last but one batch."""
    known = make_training_rows(batches, rows, task)
    folds = [
        Fold(known.take(known.batches < number), known.take(known.batches == number))
        for number in (batches - 1, batches)
    ]
    return SearchProblem(folds, task, CLASSES[task], get_metric(metric, task), 3, seed, 1)


def flip(problem: SearchProblem, fold: int) -> SearchProblem:
    """Return the problem with the answers of one fold's validation rows turned round."""
    folds = list(problem.folds)
    validate = folds[fold].validate
    folds[fold] = replace(folds[fold], validate=replace(validate, target=1 - validate.target))
    return replace(problem, folds=folds)
