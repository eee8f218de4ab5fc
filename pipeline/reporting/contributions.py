"""SHAP contributions of a version's features: how each one moved the prediction of each row.

Contributions of encoded columns are added up to the feature they come from, which keeps them additive: the base plus
all of a row's contributions is what the model answered (its log-odds, its probability, or its number; ``scale`` says).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from common.task import Task
from model_zoo import get_family
from model_zoo.encoded import EncodedTable
from model_zoo.encoder import Encoder
from model_zoo.model import Model

SAMPLED_ROWS = 30
BACKGROUND_ROWS = 15


@dataclass(frozen=True)
class Contributions:
    """Contributions (n_rows, n_features) on ``scale``, the base they start from, and the features' cells."""

    features: tuple[str, ...]
    contributions: np.ndarray
    base: float
    cells: pd.DataFrame
    scale: str


def compute_contributions(model: Model, features: pd.DataFrame, seed: int) -> Contributions | None:
    """Explain (n_rows, n_features) rows; None for a family that uses no feature.

    For more than two classes the last class of the training order is explained. LightGBM's own contributions equal
    TreeExplainer's; linear ones have a closed form; kNN is sampled (permutations; Lundberg & Lee 2017).
    """
    family = model.candidate.family
    if family == "prior" or model.estimator.learned is None:
        return None
    if family == "knn":
        features = features.head(SAMPLED_ROWS)
    table = model.encoder.encode(features)
    explain = {"lightgbm": _explain_boosting, "linear": _explain_linear, "knn": _explain_sampled}.get(
        family, _explain_trees
    )
    encoded, base, scale = explain(model, table, seed)
    sources = find_sources(model.encoder)
    names = (*model.encoder.numeric, *model.encoder.categorical)
    summed = np.zeros((len(features), len(names)))
    for position, source in enumerate(sources):
        summed[:, names.index(source)] += encoded[:, position]
    return Contributions(names, summed, base, features[list(names)].reset_index(drop=True), scale)


def find_sources(encoder: Encoder) -> list[str]:
    """Return, for every encoded column, the feature it was made of."""
    sources: list[str] = []
    if encoder.transformer is None:
        return sources
    for name, transformer, columns in encoder.transformer.transformers_:
        if name == "remainder":
            continue
        columns = list(columns)
        if name.startswith("spelling_"):
            sources += columns * len(transformer[0].get_feature_names_out())
        elif name == "levels":
            for column, count in zip(columns, _count_outputs(transformer, len(columns)), strict=True):
                sources += [column] * count
        else:
            sources += columns if transformer == "passthrough" else _read_numeric_sources(transformer, columns)
    return sources


def _read_numeric_sources(transformer: Any, columns: list[str]) -> list[str]:
    """Numbers come out in order, followed by the missing indicators of some of them."""
    indicated = getattr(transformer[0] if hasattr(transformer, "steps") else transformer, "indicator_", None)
    if indicated is None:
        return columns
    return [*columns, *(columns[position] for position in indicated.features_)]


def _count_outputs(transformer: Any, columns: int) -> Sequence[int]:
    """Return how many columns each level column became."""
    if type(transformer).__name__ == "OneHotEncoder":
        rare: list[Any] = transformer.infrequent_categories_ if transformer.min_frequency else [None] * columns
        return [
            len(levels) - (len(pooled) - 1 if pooled is not None else 0)
            for levels, pooled in zip(transformer.categories_, rare, strict=True)
        ]
    if hasattr(transformer, "steps"):
        return [len(transformer.get_feature_names_out()) // columns] * columns
    return [1] * columns


def _explain_boosting(model: Model, table: EncodedTable, _seed: int) -> tuple[np.ndarray, float, str]:
    learned = model.estimator.learned
    answered = np.asarray(learned.booster.predict(learned.prepare(table.values), pred_contrib=True))
    width = len(table.names) + 1
    last = answered[:, -width:]
    scale = "log-odds" if model.task.is_classification else "prediction"
    return last[:, :-1], float(last[:, -1].mean()), scale


def _explain_linear(model: Model, table: EncodedTable, _seed: int) -> tuple[np.ndarray, float, str]:
    learned = model.estimator.learned
    scaled = learned.scaling.apply(table.values)
    coefficients = learned.coefficients[-1]
    centre = scaled.mean(axis=0)
    base = float(learned.intercepts[-1] + centre @ coefficients)
    return (scaled - centre) * coefficients, base, "log-odds" if model.task.is_classification else "prediction"


def _explain_trees(model: Model, table: EncodedTable, _seed: int) -> tuple[np.ndarray, float, str]:
    import shap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.TreeExplainer(model.estimator.learned)
        answered = np.asarray(explainer.shap_values(table.values, check_additivity=False))
    base = np.atleast_1d(explainer.expected_value)
    if answered.ndim == 3:
        answered = answered[:, :, -1]
    return answered, float(base[-1]), "probability" if model.task.is_classification else "prediction"


def _explain_sampled(model: Model, table: EncodedTable, seed: int) -> tuple[np.ndarray, float, str]:
    import shap

    family = get_family(model.candidate.family)

    def answer(values: np.ndarray) -> np.ndarray:
        predicted = family.predict(model.estimator, EncodedTable.build(values, table.names, table.categorical))
        return predicted[:, -1] if model.task.is_classification else predicted

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        background = table.values[:: max(1, len(table) // BACKGROUND_ROWS)]
        explainer = shap.explainers.Permutation(answer, background, seed=seed)
        explained = explainer(table.values, max_evals=2 * table.values.shape[1] + 1, silent=True)
    base = float(np.mean(explained.base_values))
    return np.asarray(explained.values), base, "probability" if model.task is not Task.REGRESSION else "prediction"
