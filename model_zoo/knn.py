"""Nearest neighbours on dense float32 columns: the rows remembered vote, the nearer ones more."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pointsman.common.errors import ConfigError
from pointsman.common.extras import has_extra
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.estimator import Estimator, Sample
from pointsman.model_zoo.family import Family
from pointsman.model_zoo.neighbour_search import LARGE, Search, build_search
from pointsman.model_zoo.scaling import Scaling, fit_scaling
from pointsman.model_zoo.search import Params, Space, read_params
from pointsman.model_zoo.terms import Terms

SOFTENING = 0.1
RIDGE = 0.01
"""Added to the variance of a column where slopes are fitted."""
MOST_ROWS = 1_000_000
"""Rows that can be remembered: 200 MB at 50 columns, and as much again for the search."""


@dataclass(frozen=True)
class KnnParams:
    """``neighbours`` votes a row, weighted "uniform" or by "distance", from the newest ``max_rows`` rows."""

    neighbours: int = 25
    weighting: str = "distance"
    max_rows: int = 10_000

    def __post_init__(self) -> None:
        if not 1 <= self.max_rows <= MOST_ROWS:
            raise ConfigError(f"The parameter max_rows of knn is {self.max_rows}; it can be 1 to {MOST_ROWS}.")


@dataclass(frozen=True)
class Neighbourhood:
    """The remembered rows, oldest first: ``rows`` (n_rows, n_columns) scaled float32, their targets and weights."""

    scaling: Scaling
    rows: np.ndarray
    target: np.ndarray
    weights: np.ndarray

    @cached_property
    def search(self) -> Search:
        """The search over ``rows``, built once a process."""
        return build_search(self.rows)


class NearestNeighbours(Family):
    """Remembers rows and lets the nearest ones vote; forgets the oldest when new ones come."""

    name = "knn"
    settings = KnnParams
    variants = ("target", "spelling")
    can_update = True

    def draw(self, space: Space) -> Params:
        """Search votes and memory.

        Below 5 neighbours a probability has too few values to be worth a log-loss; above 200 (or a fifth of the rows)
        the vote is close to the prior. Predicting costs a pass over all rows kept, so 20,000 is the most; through the
        cells of faiss 200,000 cost no more (docs/knn.md). The memory is a number and not one of a few, so that a search
        that offers less can start from what one that offered more has found.
        """
        most = min(200, max(25, space.n_rows // 5))
        longest = 200_000 if space.n_rows > LARGE and has_extra("faiss") else 20_000
        return {
            "neighbours": space.integer("neighbours", 5, most, log=True),
            "weighting": space.choice("weighting", ["distance", "uniform"]),
            "max_rows": space.integer("max_rows", 5_000, longest, log=True),
        }

    def find_classes(self, sample: Sample) -> tuple[int, ...]:
        """Return every class code: a vote needs no fitting, so an update may bring any class."""
        return tuple(range(sample.n_classes)) if sample.task.is_classification else ()

    def learn(self, sample: Sample, settings: KnnParams, *, seed: int, threads: int) -> Neighbourhood:
        """Remember the newest rows."""
        scaling = fit_scaling(sample.table.values)
        newest = slice(-settings.max_rows, None)
        return Neighbourhood(scaling, *(part[newest] for part in _remember(sample, scaling)))

    def relearn(
        self, estimator: Estimator, sample: Sample, settings: KnnParams, *, seed: int, threads: int
    ) -> Neighbourhood:
        """Append the new rows and forget the oldest beyond ``max_rows``; the scaling stays, so distances compare."""
        old = estimator.learned
        newest = slice(-settings.max_rows, None)
        pairs = zip((old.rows, old.target, old.weights), _remember(sample, old.scaling), strict=True)
        return Neighbourhood(old.scaling, *(np.concatenate(pair)[newest] for pair in pairs))

    def answer(self, estimator: Estimator, values: np.ndarray) -> np.ndarray:
        """Return the mean target of the neighbours, or their votes with one more vote by the class shares."""
        learned, params = estimator.learned, read_params(KnnParams, estimator.params)
        votes, nearest = _find_votes(learned, params, learned.scaling.apply(values).astype(np.float32))
        if not estimator.task.is_classification:
            return (votes * learned.target[nearest]).sum(axis=1)
        labels = learned.target[nearest]
        shares = np.stack([(votes * (labels == code)).sum(axis=1) for code in estimator.classes], axis=1)
        n_votes = votes.shape[1]
        return (n_votes * shares + estimator.baseline.shares) / (n_votes + 1)

    def explain(self, estimator: Estimator, values: np.ndarray) -> Terms:
        """Share out what the neighbours' vote differs from that of all remembered rows.

        A vote by itself knows no columns. A column's share is how far the middle of the neighbours lies from that of
        all remembered rows, times the slope of the target in this column over all of these (ridge regression).
        """
        learned, params = estimator.learned, read_params(KnnParams, estimator.params)
        votes, nearest = _find_votes(learned, params, learned.scaling.apply(values).astype(np.float32))
        middle = learned.rows.mean(axis=0)
        away = np.einsum("rn,rnc->rc", votes, learned.rows[nearest]) - middle
        moved = np.abs(away[:, :, None] * _fit_slopes(learned, estimator.classes, middle))
        total = moved.sum(axis=1, keepdims=True)
        shares = np.divide(moved, total, out=np.zeros_like(moved), where=total > 0)
        answers = self.answer(estimator, values).reshape(len(values), -1)
        base = estimator.baseline.predict(1).reshape(-1)
        return Terms(shares * (answers - base)[:, None, :], base)

    def dump_learned(self, learned: Neighbourhood) -> dict[str, bytes]:
        """Return the arrays."""
        scaling = vars(learned.scaling)
        return {"knn.npz": dump_arrays(rows=learned.rows, target=learned.target, weights=learned.weights, **scaling)}

    def load_learned(self, parts: Mapping[str, bytes]) -> Neighbourhood:
        """Return the rows in the arrays."""
        arrays = load_arrays(parts["knn.npz"])
        rows, target, weights = (arrays.pop(name) for name in ("rows", "target", "weights"))
        return Neighbourhood(Scaling(**arrays), rows, target, weights)


def _fit_slopes(learned: Neighbourhood, classes: tuple[int, ...], middle: np.ndarray) -> np.ndarray:
    """Return by how much each output moves with each column over the remembered rows (n_columns, n_outputs)."""
    target = learned.target[:, None] == np.array(classes) if classes else learned.target[:, None]
    away = (learned.rows - middle).astype(np.float64)
    curvature = away.T @ away + RIDGE * len(away) * np.eye(away.shape[1])
    return np.linalg.solve(curvature, away.T @ (target - target.mean(axis=0)))


def _remember(sample: Sample, scaling: Scaling) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weights = np.ones(len(sample)) if sample.weights is None else sample.weights
    return scaling.apply(sample.table.values).astype(np.float32), sample.target, weights


def _find_votes(learned: Neighbourhood, params: KnnParams, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return votes that sum to 1 and the positions of the neighbours that cast them, both (n_rows, n_neighbours).

    A vote by distance is 1 / (d / r + 0.1) with r the distance of the farthest neighbour: it has no unit, and rows at
    distance 0 outvote the farthest one elevenfold and no more.
    """
    n_neighbours = min(params.neighbours, len(learned.rows))
    distances, nearest = learned.search(rows, n_neighbours)
    votes = learned.weights[nearest]
    if params.weighting == "distance":
        radius = np.maximum(distances[:, -1:], np.finfo(np.float32).tiny)
        votes = votes / (distances / radius + SOFTENING)
    total = votes.sum(axis=1, keepdims=True)
    return np.divide(votes, total, out=np.full_like(votes, 1 / n_neighbours), where=total > 0), nearest
