"""Gradient boosted trees by LightGBM (Ke et al., 2017), which reads missing cells and category codes as they are.

LightGBM reads a missing cell as 0 in a numeric column that had no missing cell in training. So that no answer depends
on that, ``Boosted`` remembers how each column was read: in a column that was complete, a missing cell becomes the
training median, before prediction and before continued training; in a column that was not, continued training shows
LightGBM one weightless row with the cell missing, so that new trees branch on missing as the old ones do. Category
codes need no such care: one that is missing or that no tree met falls on the same side of every split.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from pointsman.common.seeding import derive_seed
from pointsman.common.task import Task
from pointsman.model_zoo.bins import MAX_BINS
from pointsman.model_zoo.boosting_text import read_text
from pointsman.model_zoo.boosting_training import (
    Boosted,
    BoostingParams,
    choose_objective,
    find_fills,
    find_size,
    show_missing,
    train_booster,
)
from pointsman.model_zoo.candidate import FOUND
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.estimator import Estimator, Sample, Size
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.search import Params, Space, read_params
from pointsman.model_zoo.stopping import Found
from pointsman.model_zoo.terms import Terms

FEW_ROWS = 512
"""Rows that are predicted on one thread."""

BOUNDED_ROWS = 20_000
"""Up to this many rows the bounds of the search stay as they are."""


UPDATE_SHARE = 0.1
"""Rounds that an update adds, as a share of the first fit's: 24 updates grow a model by a factor of 3.4."""


LIBRARY_DEFAULTS: Params = {
    "rounds": 100,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "lambda_l2": 0.0,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "cat_smooth": 10.0,
    "literal": True,
}
"""LightGBM's own defaults: the bar that anyone would hold a model against."""


class Boosting(Family):
    """Adds many small trees, each fitted to what the ones before got wrong."""

    name = "lightgbm"
    settings = BoostingParams
    variants = ("native", "target", "lookback")
    handles_missing = True
    can_update = True
    shap = "TreeSHAP by LightGBM"

    def default_params(self, task: Task) -> Params:
        """Return 150 rounds of LightGBM's own leaf count, with rows and columns sampled."""
        return _only_used(asdict(self.settings()), task)

    def draw(self, space: Space) -> Params:
        """Search size, speed and regularisation.

        Rounds times learning rate is what counts: 50 x 0.2 to 400 x 0.02 are the useful corners at batch sizes of
        thousands, and 400 rounds keep a prediction below a millisecond a hundred rows. More than 128 leaves overfit
        tables of this size, so do leaves of fewer than 5 rows. Beyond 20,000 rows both bounds grow with their square
        root: what is learned of more rows needs more room. ``cat_smooth`` matters for columns with hundreds of levels.
        The tweedie objective (compound Poisson) is meant for claim amounts.
        """
        growth = max(1.0, space.n_rows / BOUNDED_ROWS) ** 0.5
        params = {
            "objective": space.choice("objective", ["l2", "tweedie"]) if space.task is Task.REGRESSION else "l2",
            "rounds": space.integer("rounds", 50, round(8 * growth) * 50, step=50),
            "learning_rate": space.real("learning_rate", 0.02, 0.2, log=True),
            "num_leaves": space.integer("num_leaves", 4, round(128 * growth), log=True),
            "min_data_in_leaf": space.integer("min_data_in_leaf", 5, 200, log=True),
            "lambda_l2": space.real("lambda_l2", 1e-2, 100.0, log=True),
            "feature_fraction": space.real("feature_fraction", 0.4, 1.0),
            "bagging_fraction": space.real("bagging_fraction", 0.5, 1.0),
            "cat_smooth": space.real("cat_smooth", 1.0, 100.0, log=True),
        }
        return _only_used(params, space.task)

    def measure(self, estimator: Estimator) -> Size:
        """Return the rounds, those of updates too, and the bins; leaves are limited, the depth is not."""
        return Size(iterations=estimator.learned.booster.current_iteration(), bins=MAX_BINS)

    def lighten(self, params: Params, share: float) -> Params:
        """Take fewer rounds, each with as much larger a step (but none above 0.3)."""
        settings: BoostingParams = read_params(BoostingParams, params)
        rate = min(0.3, settings.learning_rate / share)
        rounds = max(1, round(settings.rounds * settings.learning_rate / rate))
        return {**params, "rounds": min(rounds, settings.rounds), "learning_rate": max(rate, settings.learning_rate)}

    def find_params(
        self,
        table: EncodedTable,
        target: np.ndarray,
        *,
        task: Task,
        n_classes: int,
        params: Params,
        seed: int,
        threads: int = 1,
    ) -> Params:
        """Return the parameters with rounds and leaves for these rows, where they are to be found.

        What an earlier fit found is taken over as long as it lasts. Where too few rows can judge, the stated numbers
        stand.
        """
        settings: BoostingParams = read_params(BoostingParams, params)
        if not settings.stopping:
            return params
        found = Found(settings.found_rounds, settings.found_leaves, settings.found_rows, settings.found_age)
        if found.lasts(len(table)):
            found = found.scale(len(table))
        else:
            sample = self._check_sample(table, target, None, task, n_classes)
            found = find_size(self, sample, settings, derive_seed(seed, "model_zoo", self.name), threads)
        return {**params, **{f"found_{name}": number for name, number in asdict(found).items()}}

    def learn(self, sample: Sample, settings: BoostingParams, *, seed: int, threads: int) -> Boosted:
        """Train on the sample.

        A tweedie objective falls back to l2 where a target is negative or all are 0, and ``objective`` of the result
        says so.
        """
        categorical = sample.table.categorical
        blank = Boosted(None, choose_objective(sample, settings.objective), categorical, find_fills(sample))
        settings = replace(settings.sized, objective=blank.objective)
        classes = self.find_classes(sample)
        booster = train_booster(blank, sample, classes, settings, settings.rounds, seed=seed, threads=threads)
        return replace(blank, booster=booster)

    def relearn(
        self, estimator: Estimator, sample: Sample, settings: BoostingParams, *, seed: int, threads: int
    ) -> Boosted:
        """Train on from the old trees with a tenth of their rounds.

        Rows of a class that the trees do not know are left to the baseline. A negative target counts as 0 for tweedie,
        which cannot learn from a sample of zeros alone: the trees then stay as they are.
        """
        old: Boosted = estimator.learned
        if estimator.classes:
            sample = sample.take(np.isin(sample.target, estimator.classes))
        if old.objective == "tweedie":
            sample = replace(sample, target=np.maximum(sample.target, 0.0))
        if not len(sample) or (old.objective == "tweedie" and not sample.target.any()):
            return old
        settings = replace(settings.sized, objective=old.objective)
        sample = show_missing(old, sample)
        rounds = max(1, round(settings.rounds * UPDATE_SHARE))
        booster = train_booster(old, sample, estimator.classes, settings, rounds, seed=seed, threads=threads)
        return replace(old, booster=booster)

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return the sum of the trees through the objective's link."""
        learned: Boosted = estimator.learned
        # starting threads takes longer than a few rows do
        threads = {"num_threads": 1} if len(values) <= FEW_ROWS else {}
        answer: np.ndarray = learned.booster.predict(learned.prepare(values), **threads)
        two_classes = len(estimator.classes) == 2
        return np.column_stack([1 - answer, answer]) if two_classes else answer

    def explain(self, estimator: Estimator, values: np.ndarray) -> Terms:
        """Return exact values of the trees, as LightGBM computes them (TreeSHAP, Lundberg et al. 2020)."""
        learned: Boosted = estimator.learned
        prepared = learned.prepare(values)
        terms = learned.booster.predict(prepared, pred_contrib=True).reshape(len(values), -1, prepared.shape[1] + 1)
        terms = terms.transpose(0, 2, 1)
        return Terms(terms[:, :-1], terms[0, -1])

    def link(self, estimator: Estimator, margins: np.ndarray) -> np.ndarray:
        """Return probabilities of log-odds; of numbers the exponential where trees add up logarithms."""
        learned: Boosted = estimator.learned
        if not estimator.classes:
            return np.exp(margins) if learned.objective == "tweedie" else margins
        logs = margins if len(estimator.classes) > 2 else np.column_stack([np.zeros(len(margins)), margins])
        exponentials = np.exp(logs - logs.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def dump_learned(self, learned: Boosted) -> dict[str, bytes]:
        """Return LightGBM's text and, in JSON, how columns are read."""
        fills = [None if np.isnan(fill) else float(fill) for fill in learned.fills]
        reading = {"objective": learned.objective, "categorical": learned.categorical, "fills": fills}
        text = json.dumps(reading, sort_keys=True, separators=(",", ":"))
        return {"lightgbm.txt": learned.booster.model_to_string().encode(), "lightgbm.json": text.encode()}

    def load_learned(self, parts: Mapping[str, bytes]) -> Boosted:
        """Return the model in the text; ValueError for a text that LightGBM could not survive."""
        import lightgbm

        reading = json.loads(parts["lightgbm.json"])
        fills = np.array([np.nan if fill is None else fill for fill in reading["fills"]], dtype=np.float32)
        booster = lightgbm.Booster(model_str=read_text(parts["lightgbm.txt"]))
        return Boosted(booster, reading["objective"], tuple(reading["categorical"]), fills)


def _only_used(params: dict[str, Any], task: Task) -> Params:
    """Return parameters without those that say nothing: an objective of classes, and what is seldom asked for.

    So candidates that are stored without them are the same candidates.
    """
    idle = {"literal", "stopping"} if task is Task.REGRESSION else {"literal", "stopping", "objective"}
    return {name: param for name, param in params.items() if name not in idle and not name.startswith(FOUND)}
