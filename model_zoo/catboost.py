"""Gradient boosted trees by CatBoost (Prokhorenkova et al., 2018), an optional library.

It differs from LightGBM where it matters for a mixture: its trees are symmetric (one split a level), and a category
code is replaced by the mean target of the rows before it in a random order, so that no row's own target leaks into it.

CatBoost reads a missing number as one below all others, also in a column where training had none. There it becomes the
training median instead, as it does for LightGBM: ``fills`` remembers which columns these are.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from model_zoo.family import Estimator, Family, Sample, Size
from model_zoo.search import Params, Space, read_params

NO_CODE = -1
"""What a missing category code is to CatBoost, which takes whole numbers alone; so is one no encoder makes."""

MOST_CODES = 2**24
"""Above it float32 no longer tells whole numbers apart, so that a code beyond is none."""

LEAST_SAMPLED = 30
"""With fewer rows a round may happen to draw none of them, at which CatBoost gives up: it then gets them all."""


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


@dataclass(frozen=True)
class SymmetricTrees:
    """A CatBoost model as the bytes of its own format, and how columns are read.

    ``fills`` (n_columns,) float32 is the median of each numeric column that was complete, NaN for any other column.
    """

    content: bytes
    categorical: tuple[int, ...]
    fills: np.ndarray

    @cached_property
    def model(self) -> Any:
        """The model in the bytes, read once a process."""
        import catboost

        model = catboost.CatBoost()
        model.load_model(blob=self.content)
        return model


class CatBoost(Family):
    """Adds symmetric trees, each fitted to what the ones before got wrong; categories by ordered target means."""

    name = "catboost"
    library = "catboost"
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
        """Return depth, rounds, and the bins that CatBoost chose."""
        settings: CatBoostParams = read_params(CatBoostParams, estimator.params)
        bins = estimator.learned.model.get_all_params().get("border_count")
        return Size(settings.depth, settings.rounds, None if bins is None else int(bins))

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
        model = catboost.CatBoost({
            "loss_function": {0: "RMSE", 2: "Logloss"}.get(len(classes), "MultiClass"),
            "iterations": settings.rounds,
            "learning_rate": settings.learning_rate,
            "depth": settings.depth,
            "l2_leaf_reg": settings.l2_leaf_reg,
            "random_strength": settings.random_strength,
            "bootstrap_type": "Bernoulli",
            "subsample": settings.subsample if len(sample) >= LEAST_SAMPLED else 1.0,
            "max_ctr_complexity": settings.max_ctr_complexity,
            "random_seed": seed,
            "thread_count": threads,
            "allow_writing_files": False,
            "logging_level": "Silent",
        })  # fmt: skip
        model.fit(_pool(values, categorical, label, sample.weights))
        return SymmetricTrees(_to_bytes(model, threads), categorical, fills)

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return the sum of the trees, for classes through the logistic link."""
        learned: SymmetricTrees = estimator.learned
        filled = np.where(np.isnan(values) & ~np.isnan(learned.fills), learned.fills, values)
        kind = "Probability" if estimator.classes else "RawFormulaVal"
        pool = _pool(filled, learned.categorical)
        answer: np.ndarray = learned.model.predict(pool, prediction_type=kind, thread_count=1)
        return answer

    def dump_learned(self, learned: SymmetricTrees) -> dict[str, bytes]:
        """Return CatBoost's bytes and, in JSON, how columns are read."""
        fills = [None if np.isnan(fill) else float(fill) for fill in learned.fills]
        reading = {"categorical": learned.categorical, "fills": fills}
        text = json.dumps(reading, sort_keys=True, separators=(",", ":"))
        return {"catboost.cbm": learned.content, "catboost.json": text.encode()}

    def load_learned(self, parts: Mapping[str, bytes]) -> SymmetricTrees:
        """Return the model in the bytes."""
        reading = json.loads(parts["catboost.json"])
        fills = np.array([np.nan if fill is None else fill for fill in reading["fills"]], dtype=np.float32)
        return SymmetricTrees(parts["catboost.cbm"], tuple(reading["categorical"]), fills)


def _pool(values: np.ndarray, categorical: tuple[int, ...], label: np.ndarray | None = None,
          weights: np.ndarray | None = None) -> Any:  # fmt: skip
    """Return the rows as CatBoost reads them: numbers as floats, category codes as whole numbers."""
    import catboost
    import pandas as pd

    columns: dict[str, np.ndarray] = {}
    for position, column in enumerate(values.T):
        codes = np.where((column >= 0) & (column < MOST_CODES), column, NO_CODE).astype(np.int64)
        columns[str(position)] = codes if position in categorical else column
    return catboost.Pool(pd.DataFrame(columns), label, cat_features=list(categorical), weight=weights)


def _to_bytes(model: Any, threads: int) -> bytes:
    """Return a fitted model in CatBoost's binary format, without the labels in which equal fits differ."""
    labels = model.get_metadata()
    labels["model_guid"] = labels["train_finish_time"] = ""
    labels["params"] = labels["params"].replace(f'"thread_count":{threads}', '"thread_count":1')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path))
        return path.read_bytes()
