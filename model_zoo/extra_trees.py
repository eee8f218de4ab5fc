"""Extremely randomised trees (Geurts, Ernst and Wehenkel, 2006): many trees with random thresholds, averaged."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pointsman.model_zoo.estimator import Estimator, Sample, Size
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.forest import Forest, read_trees
from pointsman.model_zoo.forest_shap import compute_shap
from pointsman.model_zoo.search import Params, Space, read_params
from pointsman.model_zoo.terms import Terms
from pointsman.model_zoo.tree import ask_forest, fit_leaf


@dataclass(frozen=True)
class ExtraTreesParams:
    """``max_features`` is the share of columns tried at each split; of more than ``max_rows`` rows as many are learned,
    evenly spread over all.
    """

    trees: int = 50
    max_depth: int = 16
    min_samples_leaf: int = 10
    max_features: float = 0.5
    max_rows: int = 20_000


class ExtraTrees(Family):
    """Averages random trees: less variance than one tree, and errors unlike those of boosting."""

    name = "extra_trees"
    settings = ExtraTreesParams
    variants = ("target", "onehot", "spelling")
    shap = "TreeSHAP"

    def draw(self, space: Space) -> Params:
        """Search the randomness and the size of the trees.

        On batches to come 50 trees lost 0.1 to 0.5 % more than 100 on four of five real streams and 0.9 % less on the
        fifth, at half the time; in an ensemble less remains of that. Leaves of fewer than 5 rows multiply the file for
        no measured gain. A tenth of the columns is close to splitting blindly, all of them leaves only the thresholds
        random. Time grows with the rows, accuracy hardly beyond some ten thousand.
        """
        return {
            "trees": space.integer("trees", 25, 100, step=25),
            "max_depth": space.integer("max_depth", 6, 20),
            "min_samples_leaf": space.integer("min_samples_leaf", 5, 50, log=True),
            "max_features": space.real("max_features", 0.1, 1.0),
            "max_rows": space.choice("max_rows", [10_000, 20_000, 40_000]),
        }

    def measure(self, estimator: Estimator) -> Size:
        """Return the limit on the depth and the number of trees."""
        settings: ExtraTreesParams = read_params(ExtraTreesParams, estimator.params)
        return Size(depth=settings.max_depth, iterations=settings.trees)

    def lighten(self, params: Params, share: float) -> Params:
        """Grow fewer trees."""
        settings: ExtraTreesParams = read_params(ExtraTreesParams, params)
        return {**params, "trees": max(10, round(settings.trees * share))}

    def learn(self, sample: Sample, settings: ExtraTreesParams, *, seed: int, threads: int) -> Forest:
        """Grow the trees."""
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        sample = _thin(sample, settings.max_rows)
        kind = ExtraTreesClassifier if sample.task.is_classification else ExtraTreesRegressor
        model = kind(
            n_estimators=settings.trees,
            max_depth=settings.max_depth,
            min_samples_leaf=fit_leaf(settings.min_samples_leaf, len(sample)),
            max_features=settings.max_features,
            n_jobs=threads,
            random_state=seed,
        )
        model.fit(sample.table.values, sample.target, sample_weight=sample.weights)
        return read_trees(model.estimators_)

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return the average over the trees."""
        return ask_forest(estimator, values)

    def explain(self, estimator: Estimator, values: np.ndarray) -> Terms:
        """Return exact SHAP values of the trees."""
        return compute_shap(estimator.learned, values)

    def dump_learned(self, learned: Forest) -> dict[str, bytes]:
        """Return the arrays."""
        return {"trees.npz": learned.dump()}

    def load_learned(self, parts: Mapping[str, bytes]) -> Forest:
        """Return the trees in the arrays."""
        return Forest.load(parts["trees.npz"])


def _thin(sample: Sample, most: int) -> Sample:
    """Return at most about ``most`` rows, evenly spread, with at least one of every class."""
    if len(sample) <= most:
        return sample
    spread = np.linspace(0, len(sample) - 1, most).astype(int)
    first = np.unique(sample.target, return_index=True)[1] if sample.task.is_classification else spread[:0]
    return sample.take(np.union1d(spread, first))
