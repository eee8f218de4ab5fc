"""SHAP values of a model: how much each feature of a row adds to its answer (Lundberg & Lee 2017).

Every family is explained by the cheapest exact way it has; a family without one by sampled permutations.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.task import Task
from pointsman.model_zoo.estimator import Estimator
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.forest import describe_for_shap
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.terms import Terms, sum_by_origin
from pointsman.pipeline.reporting.explanation.permutation import explain_by_permutation

CHUNK_ROWS = 25
"""Rows explained between two looks at the clock."""

PERMUTATION_ROWS = 50
"""Model-agnostic values cost thousands of predictions a row, so at most this many rows get them."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each feature adds to the answer of each row.

    ``values`` is (n_rows, n_features, n_outputs) for the columns of ``features`` (n_rows, n_features); ``base`` is
    (n_outputs,), the answer before anything is known of a row. ``outputs`` names what is answered, ``scale`` its unit
    and ``method`` how the values were computed.
    """

    features: pd.DataFrame
    values: np.ndarray
    base: np.ndarray
    outputs: tuple[str, ...]
    scale: str
    method: str

    @property
    def margins(self) -> np.ndarray:
        """Answers (n_rows, n_outputs) on the scale of the values: base plus the row's values."""
        return self.base + self.values.sum(axis=1)

    def rank_features(self) -> list[int]:
        """Return positions of features by mean absolute value over rows and outputs, largest first."""
        return np.argsort(-np.abs(self.values).mean(axis=(0, 2)), kind="stable").tolist()


@dataclass(frozen=True, eq=False)
class Explanation:
    """What serves, explained on rows of a batch, or with an ``obstacle`` the reason why it is not.

    ``mixed`` are an ensemble's members and their weights, in words; '' for a single model.
    """

    version: str | None
    batch: int | None
    rows_asked: int
    contributions: Contributions | None
    obstacle: str = ""
    mixed: str = ""


@dataclass(frozen=True, eq=False)
class _Terms:
    """Contributions by encoded column (n_rows, n_columns, n_outputs), or by feature where ``by_feature``."""

    values: np.ndarray
    base: np.ndarray
    scale: str
    method: str
    by_feature: bool = False


def find_obstacle(model: Model) -> str:
    """Return why a model has nothing to explain, or '' where it has."""
    if model.candidate.family == "prior":
        return "it answers every row alike, whatever the row holds, so no feature contributes"
    if model.estimator.learned is None:
        return "its rows held nothing to learn from, so it answers every row alike"
    return ""


def explain_version(
    version: str, batch: int, model: Model, features: pd.DataFrame, seconds: float, seed: int
) -> Explanation:
    """Explain a version on rows (n_rows, n_features) of a batch, or say why it has nothing to explain."""
    obstacle = find_obstacle(model)
    if obstacle or not len(features):
        return Explanation(version, batch, len(features), None, obstacle or "there is no row to explain")
    return Explanation(version, batch, len(features), compute_contributions(model, features, seconds, seed))


def compute_contributions(model: Model, features: pd.DataFrame, seconds: float, seed: int) -> Contributions:
    """Explain rows (n_rows, n_features) of a model without an obstacle; fewer of them once ``seconds`` are over."""
    features = features.reindex(columns=list(model.features))
    explain = _EXPLAINERS.get(model.candidate.family)
    if explain is None:
        features = features.head(PERMUTATION_ROWS)
    parts = _explain_in_time(features, seconds, lambda rows: (explain or _explain_any)(model, rows, features, seed))
    values = np.concatenate([part.values for part in parts])
    if not parts[0].by_feature:
        values = sum_by_origin(values, model.encoder.origins, list(features.columns))
    explained = features.iloc[: len(values)]
    return Contributions(explained, values, parts[0].base, _name_outputs(model), parts[0].scale, parts[0].method)


def _explain_in_time(rows: pd.DataFrame, seconds: float, explain: Callable[[pd.DataFrame], _Terms]) -> list[_Terms]:
    started = time.perf_counter()
    parts: list[_Terms] = []
    for start in range(0, len(rows), CHUNK_ROWS):
        if parts and time.perf_counter() - started > seconds:
            break
        parts.append(explain(rows.iloc[start : start + CHUNK_ROWS]))
    return parts


def _name_outputs(model: Model) -> tuple[str, ...]:
    """Return a label an output: the positive class of two, every class of more, '' for a number."""
    if not model.task.is_classification:
        return ("",)
    known = [model.classes[code] for code in model.estimator.classes]
    return (known[1],) if len(known) == 2 else tuple(known)


def _weight_shift(model: Model, n_outputs: int) -> np.ndarray:
    """Return what taking the class weights out of the probabilities adds to every log-odds (n_outputs,)."""
    if not model.class_weights:
        return np.zeros(n_outputs)
    logs = np.log([model.class_weights[code] for code in model.estimator.classes])
    return -np.array([logs[1] - logs[0]]) if n_outputs == 1 else -logs


def _name_scale(model: Model, outputs: tuple[str, ...]) -> str:
    if not model.task.is_classification:
        return "predicted value"
    return f"log-odds of '{outputs[0]}'" if len(outputs) == 1 else "log-odds of each class"


def _explain_boosting(model: Model, rows: pd.DataFrame, _all: pd.DataFrame, _seed: int) -> _Terms:
    terms, outputs = _take_apart(model, rows), _name_outputs(model)
    tweedie = model.estimator.learned.objective == "tweedie"
    scale = "log of the predicted value" if tweedie else _name_scale(model, outputs)
    base = terms.base + _weight_shift(model, len(outputs))
    return _Terms(terms.parts, base, scale, "exact values of the trees, as LightGBM computes them (TreeSHAP)")


def _explain_symmetric(model: Model, rows: pd.DataFrame, _all: pd.DataFrame, _seed: int) -> _Terms:
    terms, outputs = _take_apart(model, rows), _name_outputs(model)
    base = terms.base + _weight_shift(model, len(outputs))
    return _Terms(terms.parts, base, _name_scale(model, outputs), "exact values of the trees, as CatBoost's own (SHAP)")


def _explain_linear(model: Model, rows: pd.DataFrame, _all: pd.DataFrame, _seed: int) -> _Terms:
    terms, outputs = _take_apart(model, rows), _name_outputs(model)
    base = terms.base + _weight_shift(model, len(outputs))
    return _Terms(
        terms.parts, base, _name_scale(model, outputs), "exact: coefficient times distance from the training mean"
    )


def _take_apart(model: Model, rows: pd.DataFrame) -> Terms:
    terms = get_family(model.candidate.family).explain(model.estimator, model.encoder.encode(rows).values)
    assert terms is not None
    return terms


def _explain_trees(model: Model, rows: pd.DataFrame, _all: pd.DataFrame, _seed: int) -> _Terms:
    import shap

    explainer = shap.TreeExplainer(describe_for_shap(model.estimator.learned))
    terms = np.asarray(explainer.shap_values(model.encoder.encode(rows).values))
    base = np.atleast_1d(explainer.expected_value).astype(float)
    if model.task is Task.REGRESSION:
        return _Terms(
            terms.reshape(*terms.shape[:2], 1), base, "predicted value", "exact values of the trees (TreeSHAP)"
        )
    outputs = _name_outputs(model)
    if len(outputs) == 1:
        terms, base = terms[:, :, 1:], base[1:]
    scale = f"probability of '{outputs[0]}'" if len(outputs) == 1 else "probability of each class"
    if any(weight != 1 for weight in model.class_weights):
        scale += ", before class weights are taken out"
    return _Terms(terms, base, scale, "exact values of the trees (TreeSHAP)")


def _explain_any(model: Model, rows: pd.DataFrame, background: pd.DataFrame, seed: int) -> _Terms:
    outputs = _name_outputs(model)

    def answer(features: pd.DataFrame) -> np.ndarray:
        predicted = model.predict(features)
        if not model.task.is_classification:
            return predicted.reshape(-1, 1)
        known = list(_estimator(model).classes)
        return predicted[:, known[1:] if len(known) == 2 else known]

    values, base = explain_by_permutation(answer, rows, background, seed)
    scale = "predicted value"
    if model.task.is_classification:
        scale = f"probability of '{outputs[0]}'" if len(outputs) == 1 else "probability of each class"
    return _Terms(values, base, scale, "sampled permutations of the features against rows of the same batch", True)


def _estimator(model: Model) -> Estimator:
    estimator: Estimator = model.estimator
    return estimator


_EXPLAINERS: dict[str, Callable[..., _Terms]] = {
    "lightgbm": _explain_boosting,
    "linear": _explain_linear,
    "tree": _explain_trees,
    "extra_trees": _explain_trees,
    "catboost": _explain_symmetric,
}
