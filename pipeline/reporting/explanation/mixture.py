"""SHAP values of a mixture: those of its members, averaged by their weights, as their answers are.

SHAP values are linear in the model, so this is exact where the members' values are. Every member has them by the way
that its family knows; one whose family knows none is sampled, and one that reads no feature adds nothing.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pointsman.meta.records import predict_outputs
from pointsman.model_zoo.attribution import explain_outputs
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.forest import Forest
from pointsman.model_zoo.model import Model
from pointsman.pipeline.reporting.explanation.contributions import Contributions, Exactness, MemberShap
from pointsman.pipeline.reporting.explanation.permutation import BACKGROUND_ROWS, explain_by_permutation

WORK = 40_000_000
"""Cells of trees looked at for the rows that are explained: about 0.7 seconds. Of a budget of seconds the result would
depend on the machine."""

SAMPLED_ANSWERS = 8_000
"""Answers that may be asked of a model that has to be sampled: about 2 seconds of nearest neighbours."""

LEAST_ROWS = 12
POINTS = 8


def count_rows(
    models: Sequence[Model], n_features: int, wanted: int, budget: float = 1.0, least: int = LEAST_ROWS
) -> int:
    """Return how many of the wanted rows can be explained at a ``budget``, a share of WORK, by the models' size.

    They are at least ``least``, of models that have to be sampled at least LEAST_ROWS.
    """
    cells = sum(len(one.estimator.learned.left) for one in models if isinstance(one.estimator.learned, Forest)) * POINTS
    most = max(least, int(budget * WORK) // max(1, cells))
    if any(find_exactness(one) is Exactness.SAMPLED for one in models):
        most = min(most, int(budget * SAMPLED_ANSWERS) // (2 * BACKGROUND_ROWS * (n_features + 1)))
    return min(wanted, max(LEAST_ROWS, most))


def find_exactness(model: Model) -> Exactness:
    """Return how a model's values are found."""
    family, learned = get_family(model.candidate.family), model.estimator.learned
    if model.candidate.family == "prior" or learned is None:
        return Exactness.CONSTANT
    if not family.shap:
        return Exactness.SAMPLED
    is_corrected = model.calibration is not None or any(weight != 1 for weight in model.class_weights)
    adds_up = not model.task.is_classification and getattr(learned, "objective", "") != "tweedie"
    is_linked = type(family).link is not Family.link and not adds_up
    return Exactness.CARRIED if is_corrected or is_linked else Exactness.EXACT


def mix_contributions(
    models: Mapping[str, Model],
    weights: Mapping[str, float],
    rows: pd.DataFrame,
    classes: Sequence[str],
    seconds: float,
    seed: int = 0,
) -> Contributions:
    """Return the members' contributions to their answers to rows (n_rows, n_features), averaged by their weights.

    Rows are fewer once sampling has taken ``seconds``.
    """
    known, sampled = tuple(classes), {}
    for name, model in models.items():
        if find_exactness(model) is Exactness.SAMPLED:
            sampled[name] = _sample(model, rows, known, seconds, seed)
            rows = rows.head(len(sampled[name][0]))
    outputs = known[1:] if len(known) == 2 else known or ("",)
    values = np.zeros((*rows.shape, len(outputs)))
    base = np.zeros(len(outputs))
    for name, share in weights.items():
        own, start = sampled[name] if name in sampled else take_apart(models[name], rows, known)
        values += share * own[: len(rows)]
        base += share * start
    scale = f"probability of '{outputs[0]}'" if len(known) == 2 else "probability of each class" if known else ""
    return Contributions(rows, values, base, outputs, scale or "predicted value", describe_members(models, weights))


def take_apart(model: Model, rows: pd.DataFrame, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return what features add to answers (n_rows, n_features, n_outputs), and the answer to nothing (n_outputs,)."""
    answers = predict_outputs(model, rows, classes)
    answers = answers[:, 1:] if len(classes) == 2 else answers
    values = explain_outputs(model, rows, classes)
    if values is None:
        values = np.zeros((*rows.shape, answers.shape[1]))
    return values, (answers - values.sum(axis=1)).mean(axis=0)


def describe_members(models: Mapping[str, Model], weights: Mapping[str, float]) -> tuple[MemberShap, ...]:
    """Return how each member was explained, the heaviest first."""
    found = []
    for name, share in sorted(weights.items(), key=lambda one: (-one[1], one[0])):
        model = models[name]
        family, exactness = get_family(model.candidate.family), find_exactness(model)
        method = "permutations of the features" if exactness is Exactness.SAMPLED else family.shap
        found.append(MemberShap(name, family.name, float(share), exactness, method))
    return tuple(found)


def _sample(
    model: Model, rows: pd.DataFrame, classes: tuple[str, ...], seconds: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what ``take_apart`` does, of as many rows as there is time for."""
    features = rows.reindex(columns=list(model.features))

    def answer(asked: pd.DataFrame) -> np.ndarray:
        outputs = predict_outputs(model, asked, classes)
        return outputs[:, 1:] if len(classes) == 2 else outputs

    values, base = explain_by_permutation(answer, features, features, seed, seconds)
    places = rows.columns.get_indexer(features.columns)
    spread = np.zeros((len(values), rows.shape[1], values.shape[2]))
    spread[:, places] = values
    return spread, base
