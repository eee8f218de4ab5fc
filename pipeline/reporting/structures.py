"""What active models are made of, one of each family: coefficients, a tree, what splits are spent on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.errors import StateError
from pointsman.common.records import LabelledBatch
from pointsman.model_zoo.encoded_columns import EncodedColumn, list_columns
from pointsman.model_zoo.forest import Forest
from pointsman.model_zoo.linear import LinearParams
from pointsman.model_zoo.linear_intervals import compute_errors, is_conditional
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.search import read_params
from pointsman.model_zoo.symmetric_outline import outline_symmetric, weigh_questions
from pointsman.model_zoo.symmetric_trees import SymmetricTrees
from pointsman.model_zoo.tree_outline import TreeNode, find_typical_tree, outline_booster, outline_forest

DEPTH = 3
"""Levels of splits that are drawn."""

MOST_TERMS = 25
Z = 1.959964
"""Standard errors on either side of a 95 % interval."""


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of a linear model, for one ``unit`` of the feature, with a 95 % interval.

    ``odds`` is by which factor the odds change with the unit, between ``odds_lower`` and ``odds_upper``; None of a
    number. ``output`` names the class of more than two.
    """

    name: str
    output: str
    unit: str
    size: float
    lower: float
    upper: float
    odds: float | None
    odds_lower: float | None
    odds_upper: float | None

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.lower > 0 or self.upper < 0


@dataclass(frozen=True)
class SplitUse:
    """How much of what a model's splits gain is spent on a feature, and how many of its splits ask for it."""

    feature: str
    gain: float
    splits: int


@dataclass(frozen=True)
class Structure:
    """What one model is made of. ``words`` say what is shown of it; fields that its family does not have are empty."""

    version: str
    family: str
    words: str
    coefficients: tuple[Coefficient, ...] = ()
    coefficients_in_all: int = 0
    tree: TreeNode | None = None
    uses: tuple[SplitUse, ...] = ()
    shares: Mapping[str, float] | None = None


def describe_structure(version: str, model: Model, rows: LabelledBatch) -> Structure:
    """Return a model's structure; ``rows`` are recent ones with features for inputs, to choose and to measure by."""
    family, learned = model.candidate.family, model.estimator.learned
    if family == "prior" or learned is None:
        return _describe_constant(version, model)
    columns = list_columns(model.encoder)
    if family == "linear":
        return _describe_linear(version, model, columns, rows)
    if isinstance(learned, Forest):
        return _describe_forest(version, model, columns, rows)
    if family == "lightgbm":
        return _describe_boosting(version, model, columns)
    if family == "knn":
        words = f"{len(learned.rows):,} remembered rows of {learned.rows.shape[1]} columns, of which the nearest vote"
        return Structure(version, family, words)
    if isinstance(learned, SymmetricTrees):
        return _describe_symmetric(version, model, columns)
    return Structure(version, family, "a form of its own")


def _describe_constant(version: str, model: Model) -> Structure:
    answer = model.estimator.baseline.predict(1)[0]
    shares = dict(zip(model.classes, map(float, answer), strict=True)) if model.task.is_classification else None
    words = "the shares of the classes it learned" if shares else f"the mean of what it learned, {float(answer):.4g}"
    return Structure(version, model.candidate.family, words, shares=shares)


def _describe_linear(version: str, model: Model, columns: Sequence[EncodedColumn], rows: LabelledBatch) -> Structure:
    learned = model.estimator.learned
    noise = None if model.task.is_classification else _measure_noise(model, rows)
    errors = compute_errors(learned, read_params(LinearParams, model.estimator.params).l2_penalty, noise)
    widths = learned.scaling.scale
    named = [str(model.classes[code]) for code in model.estimator.classes] if len(errors) > 1 else [""]
    terms = [
        _make_coefficient(column, named[output], float(size / width), float(error / width), noise is None)
        for output, sizes in enumerate(learned.coefficients)
        for column, size, error, width in zip(columns, sizes, errors[output], widths, strict=False)
    ]
    ranked = sorted(terms, key=lambda one: -abs(one.size))
    words = f"a sum of {learned.coefficients.shape[1]} terms"
    if is_conditional(learned):
        words += "; intervals hold if all other coefficients were known, since they are too many to be kept together"
    return Structure(version, "linear", words, tuple(ranked[:MOST_TERMS]), len(terms))


def _make_coefficient(column: EncodedColumn, output: str, size: float, error: float, is_log_odds: bool) -> Coefficient:
    lower, upper = size - Z * error, size + Z * error
    unit = f"per {column.scale:,.4g} more" if column.is_number else "if so" if column.name != column.feature else ""
    odds = [float(np.exp(np.clip(each, -50, 50))) if is_log_odds else None for each in (size, lower, upper)]
    return Coefficient(column.name, output, unit or "per unit of its code", size, lower, upper, *odds)


def _measure_noise(model: Model, rows: LabelledBatch) -> float:
    """Return the mean squared error on recent rows, the variance of a target around its prediction."""
    if not len(rows):
        raise StateError("there is no row to measure the noise of its target by.")
    return float(np.square(model.predict(rows.inputs) - rows.target).mean())


def _describe_forest(version: str, model: Model, columns: Sequence[EncodedColumn], rows: LabelledBatch) -> Structure:
    forest: Forest = model.estimator.learned
    many = len(forest) > 1
    values = model.encode(rows.inputs).values.astype(np.float32)
    place = find_typical_tree(forest, values[:200]) if many and len(values) else 0
    splits = int((forest.left >= 0).sum())
    which = f"; the one drawn answers most like all of them together (number {place + 1})" if many else ""
    words = f"{len(forest):,} tree{'s' if many else ''} with {splits:,} splits{which}"
    tree = outline_forest(forest, place, columns, DEPTH)
    return Structure(version, model.candidate.family, words, tree=tree, uses=tuple(_count_uses(forest, columns)))


def _count_uses(forest: Forest, columns: Sequence[EncodedColumn]) -> list[SplitUse]:
    """Return how impurity falls by feature: by the spread of answers that splits take away, weighted by rows."""
    inner = np.flatnonzero(forest.left >= 0)
    first = np.repeat(forest.starts[:-1], np.diff(forest.starts))[inner]
    gains = -forest.weight[inner] * np.square(forest.answers[inner]).sum(axis=1)
    for side in (forest.left, forest.right):
        child = first + side[inner]
        gains += forest.weight[child] * np.square(forest.answers[child]).sum(axis=1)
    table = pd.DataFrame({"feature": [columns[place].feature for place in forest.feature[inner]], "gain": gains})
    return _rank_uses(table)


def _rank_uses(table: pd.DataFrame) -> list[SplitUse]:
    """Return features by their share of the gain; ``table`` has a row a split."""
    sums = table.groupby("feature", sort=True)["gain"].agg(["sum", "size"]).sort_values("sum", ascending=False)
    total = max(float(sums["sum"].sum()), 1e-300)
    return [SplitUse(str(name), float(row["sum"]) / total, int(row["size"])) for name, row in sums.iterrows()]


def _describe_boosting(version: str, model: Model, columns: Sequence[EncodedColumn]) -> Structure:
    booster = model.estimator.learned.booster
    gains, counts = booster.feature_importance("gain"), booster.feature_importance("split")
    table = pd.DataFrame({"feature": [one.feature for one in columns], "gain": gains, "splits": counts})
    sums = table.groupby("feature", sort=True)[["gain", "splits"]].sum().sort_values("gain", ascending=False)
    total = max(float(sums["gain"].sum()), 1e-300)
    uses = [
        SplitUse(str(name), float(row["gain"]) / total, int(row["splits"]))
        for name, row in sums.iterrows()
        if row["splits"]
    ]
    what = "log-odds" if model.task.is_classification else "the predicted value"
    words = (
        f"{booster.num_trees():,} trees, each of which corrects the sum of those before in {what}; the first is drawn"
    )
    return Structure(version, "lightgbm", words, tree=outline_booster(booster, columns, DEPTH), uses=tuple(uses))


def _describe_symmetric(version: str, model: Model, columns: Sequence[EncodedColumn]) -> Structure:
    trees: SymmetricTrees = model.estimator.learned
    what = "log-odds" if model.task.is_classification else "the predicted value"
    words = (
        f"{len(trees.depths):,} trees that add up in {what}, each of which asks the same question of all rows on a "
        "level; the first is drawn"
    )
    table = pd.DataFrame(list(weigh_questions(trees, columns)), columns=["feature", "gain"])
    uses = tuple(_rank_uses(table)) if len(table) else ()
    return Structure(
        version, model.candidate.family, words, tree=outline_symmetric(trees, 0, columns, DEPTH), uses=uses
    )
