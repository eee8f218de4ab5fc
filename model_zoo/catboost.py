"""Gradient boosted trees by CatBoost (Prokhorenkova et al., 2018), an optional library.

It differs from LightGBM where it matters for a mixture: its trees are symmetric (one split a level), and a category
code is replaced by the mean target of the rows before it in a random order, so that no row's own target leaks into it.

CatBoost reads a missing number as one below all others, also in a column where training had none. There it becomes the
training median instead, as it does for LightGBM: ``fills`` remembers which columns these are.

A fitted model is compiled (``symmetric_trees.py``) and held against CatBoost's own answers there and then: it answers
without the library, a row in a fraction of the time, and a damaged file cannot end the process.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointsman.model_zoo.catboost_export import compile_trees
from pointsman.model_zoo.estimator import Estimator, Sample, Size
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.search import Params, Space, read_params
from pointsman.model_zoo.symmetric_shap import explain_trees
from pointsman.model_zoo.symmetric_trees import SymmetricTrees, read_codes
from pointsman.model_zoo.terms import Terms

LEAST_SAMPLED = 30
"""With fewer rows a round may happen to draw none of them, at which CatBoost gives up: it then gets them all."""

BORDERS = 254
"""Thresholds of a number, at most; CatBoost's own default on processors."""

CHECKED_ROWS = 1_000
"""Learned rows, at most, on which compiled trees are held against CatBoost's."""

TOLERANCE = 1e-6
"""By how much their margins may differ: sums of the same terms in another order."""


@dataclass(frozen=True)
class CatBoostParams:
    """CatBoost's names, but for ``rounds``, which it calls iterations."""

    rounds: int = 200
    learning_rate: float = 0.1
    depth: int = 6
    l2_leaf_reg: float = 3.0
    random_strength: float = 1.0
    subsample: float = 0.8
    max_ctr_complexity: int = 1


class CatBoost(Family):
    """Adds symmetric trees, each fitted to what the ones before got wrong; categories by ordered target means."""

    name = "catboost"
    library = "catboost"
    shap = "TreeSHAP of CatBoost's trees"
    settings = CatBoostParams
    variants = ("native", "target")
    handles_missing = True

    def draw(self, space: Space) -> Params:
        """Search size, speed and regularisation.

        Rounds times learning rate is what counts, as for LightGBM, but symmetric trees are weaker and bear a faster
        rate. A tree of depth d has 2^d leaves: under 16 it misses interactions, beyond 256 it mostly costs time.
        ``random_strength`` is the noise on the score of a split, below 0.1 none to speak of. Combining categories
        two by two finds their interactions; three by three multiplies time and file for rare gains.
        """
        return {
            "rounds": space.integer("rounds", 50, 400, step=50),
            "learning_rate": space.real("learning_rate", 0.03, 0.3, log=True),
            "depth": space.integer("depth", 4, 8),
            "l2_leaf_reg": space.real("l2_leaf_reg", 1.0, 100.0, log=True),
            "random_strength": space.real("random_strength", 0.1, 10.0, log=True),
            "subsample": space.real("subsample", 0.5, 1.0),
            "max_ctr_complexity": space.integer("max_ctr_complexity", 1, 2),
        }

    def measure(self, estimator: Estimator) -> Size:
        """Return depth, rounds and bins."""
        settings: CatBoostParams = read_params(CatBoostParams, estimator.params)
        return Size(settings.depth, settings.rounds, BORDERS)

    def lighten(self, params: Params, share: float) -> Params:
        """Take fewer rounds, each with as much larger a step (but none above 0.3), and combine no categories."""
        settings: CatBoostParams = read_params(CatBoostParams, params)
        rate = max(settings.learning_rate, min(0.3, settings.learning_rate / share))
        rounds = max(1, round(settings.rounds * settings.learning_rate / rate))
        return {**params, "rounds": rounds, "learning_rate": rate, "max_ctr_complexity": 1}

    def learn(self, sample: Sample, settings: CatBoostParams, *, seed: int, threads: int) -> SymmetricTrees | None:
        """Train on the sample; None, so that the baseline answers, where no column varies, which CatBoost refuses."""
        import catboost

        values, categorical = sample.table.values, sample.table.categorical
        if np.array_equal(values, np.broadcast_to(values[0], values.shape), equal_nan=True):
            return None
        classes = self.find_classes(sample)
        fills = np.median(values.astype(np.float64), axis=0).astype(np.float32)  # NaN where a cell is missing
        fills[list(categorical)] = np.nan
        label = np.searchsorted(classes, sample.target) if classes else sample.target
        model = catboost.CatBoost(
            {
                "loss_function": {0: "RMSE", 2: "Logloss"}.get(len(classes), "MultiClass"),
                "iterations": settings.rounds,
                "learning_rate": settings.learning_rate,
                "depth": settings.depth,
                "l2_leaf_reg": settings.l2_leaf_reg,
                "random_strength": settings.random_strength,
                "bootstrap_type": "Bernoulli",
                "subsample": settings.subsample if len(sample) >= LEAST_SAMPLED else 1.0,
                "max_ctr_complexity": settings.max_ctr_complexity,
                "border_count": BORDERS,
                "leaf_estimation_iterations": 1,  # its ten for two classes take half as long again for no less loss
                "random_seed": seed,
                "thread_count": threads,
                "allow_writing_files": False,
                "logging_level": "Silent",
            }
        )
        pool = _pool(values, categorical, label, sample.weights)
        model.fit(pool)
        learned = compile_trees(_export(model, pool), categorical, fills)
        _check(learned, model, values[:: 1 + len(values) // CHECKED_ROWS])
        return learned

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return the sum of the trees, for classes through the logistic link."""
        answers = self.link(estimator, estimator.learned.predict(values))
        return answers if estimator.classes else answers[:, 0]

    def explain(self, estimator: Estimator, values: np.ndarray) -> Terms:
        """Return exact values of the trees, equal to CatBoost's own (SHAP, Lundberg et al. 2020)."""
        return explain_trees(estimator.learned, values)

    def link(self, estimator: Estimator, margins: np.ndarray) -> np.ndarray:
        """Return probabilities of log-odds, or numbers as they are."""
        if not estimator.classes:
            return margins
        logs = margins if len(estimator.classes) > 2 else np.column_stack([np.zeros(len(margins)), margins])
        exponentials = np.exp(logs - logs.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def dump_learned(self, learned: SymmetricTrees) -> dict[str, bytes]:
        """Return the arrays and, in JSON, how columns are read."""
        return learned.dump()

    def load_learned(self, parts: Mapping[str, bytes]) -> SymmetricTrees:
        """Return the trees in the arrays; ValueError where they lead out of them."""
        return SymmetricTrees.load(parts)


def _pool(
    values: np.ndarray, categorical: tuple[int, ...], label: np.ndarray | None = None, weights: np.ndarray | None = None
) -> Any:
    """Return the rows as CatBoost reads them: numbers as floats, category codes as whole numbers."""
    import catboost
    import pandas as pd

    columns: dict[str, np.ndarray] = {}
    for position, column in enumerate(values.T):
        columns[str(position)] = read_codes(column) if position in categorical else column
    return catboost.Pool(pd.DataFrame(columns), label, cat_features=list(categorical), weight=weights)


def _export(model: Any, pool: Any) -> Any:
    """Return a fitted model in CatBoost's JSON; the rows it learned tell the hashes of its categories."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json", pool=pool)
        return json.loads(path.read_bytes())


def _check(learned: SymmetricTrees, model: Any, values: np.ndarray) -> None:
    """Raise RuntimeError where compiled trees answer learned rows otherwise than CatBoost does."""
    own = np.reshape(
        model.predict(_pool(values, learned.categorical), prediction_type="RawFormulaVal"), (len(values), -1)
    )
    if not np.allclose(learned.predict(values), own, rtol=TOLERANCE, atol=TOLERANCE):
        raise RuntimeError(
            "the compiled trees answer otherwise than CatBoost; install the version that requirements-catboost.txt pins"
        )
