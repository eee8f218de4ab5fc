"""What others reach under the same protocol: models refitted before every batch, with their libraries' defaults."""

import importlib.util
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.protocol import PRIMARY, Observation, Stream
from pointsman.common.metrics import METRICS
from pointsman.common.seeding import derive_seed
from pointsman.common.task import Task

Predict = Callable[[pd.DataFrame], np.ndarray]
Fit = Callable[[pd.DataFrame, np.ndarray, Task, int], Predict]

LAST = 5
ALL_ROWS, LAST_ROWS, BEST = "all", f"last {LAST}", "best on the last batch"


def watch_refits(stream: Stream, warm_up: int, unit: str, fit: Fit) -> list[Observation]:
    """Refit on all rows before each batch and on the last five batches; the third takes who was better a batch ago.

    The last batch of the warm-up is predicted besides, so that the third has something to go by from the start.
    """
    observations: list[Observation] = []
    better = ALL_ROWS
    for place in range(warm_up - 1, len(stream.batches)):
        batch = stream.batches[place]
        seen = {}
        for window, first in ((ALL_ROWS, 0), (LAST_ROWS, max(0, place - LAST))):
            predicted, seconds = predict_next(stream, first, place, fit)
            seen[window] = stream.observe(unit, f"{unit}, {window}", batch, predicted, seconds)
        if batch.number > warm_up:
            chosen = seen[better]
            third = Observation(**{**vars(chosen), "contestant": f"{unit}, {BEST}", "seconds": 0.0})
            observations += [*seen.values(), third]
        better = find_better({window: one.metrics for window, one in seen.items()}, PRIMARY[stream.task]) or better
    print(f"{stream.name}: {unit} done", file=sys.stderr, flush=True)
    return observations


def watch_flaml(stream: Stream, warm_up: int, unit: str, seconds: float) -> list[Observation]:
    """Give FLAML a budget of seconds before each batch, on all rows before it."""
    fit = make_flaml(PRIMARY[stream.task], seconds)
    observations = []
    for place in range(warm_up, len(stream.batches)):
        predicted, spent = predict_next(stream, 0, place, fit)
        observations.append(stream.observe(unit, unit, stream.batches[place], predicted, spent))
        print(f"{stream.name}: {unit}, batch {place + 1}", file=sys.stderr, flush=True)
    return observations


def predict_next(stream: Stream, first: int, place: int, fit: Fit) -> tuple[np.ndarray, float]:
    """Return what a model of the batches from ``first`` on predicts for the one at ``place``, and its fit's seconds."""
    past = stream.batches[first:place]
    features = pd.concat([one.features for one in past], ignore_index=True)
    target = np.concatenate([one.target for one in past])
    if stream.task.is_classification:
        target = target.astype(int)
    started = time.perf_counter()
    predict = fit(features, target, stream.task, derive_seed(stream.config.seed, "comparator", place))
    seconds = time.perf_counter() - started
    return predict(stream.batches[place].features), seconds


def find_better(metrics: dict[str, dict[str, float]], name: str) -> str | None:
    """Return who has the better value of a metric, the first of equals; None where nobody has one."""
    losses = {who: METRICS[name].to_loss(seen[name]) for who, seen in metrics.items() if name in seen}
    return min(losses, key=losses.__getitem__) if losses else None


def fit_lightgbm(features: pd.DataFrame, target: np.ndarray, task: Task, seed: int) -> Predict:
    """Fit LightGBM's defaults: 100 rounds, levels as categories."""
    import lightgbm

    kind = lightgbm.LGBMClassifier if task.is_classification else lightgbm.LGBMRegressor
    types = find_categories(features)
    model = kind(n_jobs=1, random_state=seed, verbosity=-1).fit(features.astype(types), target)
    return lambda asked: _outputs(model, asked.astype(types), task)


def fit_linear(features: pd.DataFrame, target: np.ndarray, task: Task, seed: int) -> Predict:
    """Fit a plain linear pipeline: levels one-hot, numbers imputed by medians and scaled, logistic or ridge."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    levels = list(find_categories(features))
    numbers = [name for name in features if name not in levels]
    scale = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), levels), (scale, numbers))
    last = LogisticRegression(max_iter=1000, random_state=seed) if task.is_classification else Ridge()
    model = make_pipeline(encode, last).fit(fill_levels(features, levels), target)
    return lambda asked: _outputs(model, fill_levels(asked, levels), task)


def make_flaml(metric: str, seconds: float) -> Fit:
    """Return a fit by FLAML with a budget of seconds, which validates on the newest rows and refits the winner."""

    def fit(features: pd.DataFrame, target: np.ndarray, task: Task, seed: int) -> Predict:
        from flaml import AutoML

        types = find_categories(features)
        model = AutoML()
        model.fit(
            features.astype(types),
            target,
            task="classification" if task.is_classification else "regression",
            metric=metric,
            time_budget=seconds,
            n_jobs=1,
            seed=seed,
            eval_method="holdout",
            split_type="time",
            verbose=0,
        )
        return lambda asked: _outputs(model, asked.astype(types), task)

    return fit


def find_flaml_obstacle(seconds: float) -> str:
    """Return why FLAML cannot take part, or nothing."""
    if seconds <= 0:
        return "switched off with --flaml-seconds 0"
    return "" if importlib.util.find_spec("flaml") else "flaml is not installed (pip install 'flaml[automl]')"


def find_categories(features: pd.DataFrame) -> dict[str, pd.CategoricalDtype]:
    """Return the type of each column of levels: the levels that are known; all others are missing to it."""
    return {
        name: pd.CategoricalDtype(sorted(features[name].dropna().unique()))
        for name in features
        if not pd.api.types.is_numeric_dtype(features[name])
    }


def fill_levels(features: pd.DataFrame, levels: list[str]) -> pd.DataFrame:
    """Return features in which a missing level is one of its own."""
    return features.assign(**{name: features[name].fillna("") for name in levels})


def _outputs(model: object, features: pd.DataFrame, task: Task) -> np.ndarray:
    if task.is_classification:
        return np.asarray(model.predict_proba(features))  # type: ignore[attr-defined]
    return np.asarray(model.predict(features)).reshape(-1, 1)  # type: ignore[attr-defined]
