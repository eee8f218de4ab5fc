"""One decision tree: rules that people can read, and a cheap member of a blend."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pointsman.model_zoo.estimator import Estimator, Sample, Size
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.forest import Forest, read_trees
from pointsman.model_zoo.forest_shap import compute_shap
from pointsman.model_zoo.search import Params, Space, read_params
from pointsman.model_zoo.terms import Terms


@dataclass(frozen=True)
class TreeParams:
    """``pruning`` is scikit-learn's ``ccp_alpha`` as a share of the impurity of the whole sample."""

    max_depth: int = 8
    min_samples_leaf: int = 20
    pruning: float = 1e-4


class Tree(Family):
    """Splits rows into leaves, each with its own shares or mean."""

    name = "tree"
    settings = TreeParams
    variants = ("target", "onehot", "spelling")
    shap = "TreeSHAP"

    def draw(self, space: Space) -> Params:
        """Search the size, in the three ways it can be limited.

        Beyond depth 14 a tree on some thousand rows only grows where ``min_samples_leaf`` would stop it anyway. A leaf
        of fewer than 5 rows has no share worth the name, one of more than 200 hides a class of one row in a hundred.
        Pruning above a hundredth of the impurity leaves a stump.
        """
        return {
            "max_depth": space.integer("max_depth", 3, 14),
            "min_samples_leaf": space.integer("min_samples_leaf", 5, 200, log=True),
            "pruning": space.real("pruning", 1e-6, 1e-2, log=True),
        }

    def learn(self, sample: Sample, settings: TreeParams, *, seed: int, threads: int) -> Forest:
        """Grow and prune the tree."""
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeClassifier if sample.task.is_classification else DecisionTreeRegressor
        model = kind(
            max_depth=settings.max_depth,
            min_samples_leaf=fit_leaf(settings.min_samples_leaf, len(sample)),
            ccp_alpha=settings.pruning * _compute_impurity(sample),
            random_state=seed,
        )
        return read_trees([model.fit(sample.table.values, sample.target, sample_weight=sample.weights)])

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return the shares or the mean of the leaf that each row falls into."""
        return ask_forest(estimator, values)

    def explain(self, estimator: Estimator, values: np.ndarray) -> Terms:
        """Return exact SHAP values of the tree."""
        return compute_shap(estimator.learned, values)

    def measure(self, estimator: Estimator) -> Size:
        """Return the limit on the depth."""
        settings: TreeParams = read_params(TreeParams, estimator.params)
        return Size(depth=settings.max_depth)

    def dump_learned(self, learned: Forest) -> dict[str, bytes]:
        """Return the arrays."""
        return {"trees.npz": learned.dump()}

    def load_learned(self, parts: Mapping[str, bytes]) -> Forest:
        """Return the tree in the arrays."""
        return Forest.load(parts["trees.npz"])


def fit_leaf(min_rows: int, n_rows: int) -> int:
    """Return a leaf size that a small sample can be split with: at most a tenth of it.

    >>> fit_leaf(20, 5000), fit_leaf(20, 50), fit_leaf(20, 2)
    (20, 5, 1)
    """
    return min(min_rows, max(1, n_rows // 10))


def ask_forest(estimator: Estimator, values: np.ndarray) -> np.ndarray:
    """Return what a tree or forest answers: probabilities of the classes it met, or numbers."""
    answers: np.ndarray = estimator.learned.predict(values)
    return answers if estimator.task.is_classification else answers[:, 0]


def _compute_impurity(sample: Sample) -> float:
    if sample.task.is_classification:
        shares = np.bincount(sample.target, weights=sample.weights) / len(sample)
        return float(1 - np.square(shares).sum())
    mean = np.average(sample.target, weights=sample.weights)
    return float(np.average(np.square(sample.target - mean), weights=sample.weights))
