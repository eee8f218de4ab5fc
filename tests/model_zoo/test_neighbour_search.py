"""Nearest rows among very many: through cells they are found nearly all, always the same, and within bounded memory."""

import sys
import tracemalloc

import numpy as np
import pytest

from pointsman.common.errors import ConfigError
from pointsman.common.task import Task
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.estimator import Estimator
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.knn import MOST_ROWS, KnnParams
from pointsman.model_zoo.neighbour_search import BLOCK, LARGE, build_search, search_all, search_cells
from pointsman.model_zoo.search import Space

FAMILY = get_family("knn")
ASKED = 300
PARAMS = {"max_rows": 200_000}
with_faiss = pytest.mark.usefixtures("_faiss")


@pytest.fixture
def _faiss() -> None:
    pytest.importorskip("faiss", reason="the optional faiss is not installed")


def make_points(n_rows: int, seed: int = 0) -> np.ndarray:
    """Return points (n_rows, 10) float32 in 200 clusters that overlap a little."""
    generator = np.random.default_rng(seed)
    centers = np.random.default_rng(9).normal(size=(200, 10)) * 2
    return (centers[generator.integers(0, 200, n_rows)] + generator.normal(size=(n_rows, 10))).astype(np.float32)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return make_points(120_000)


@pytest.fixture(scope="module")
def asked() -> np.ndarray:
    return make_points(ASKED, seed=1)


def fit(points: np.ndarray) -> Estimator:
    target = (points[:, 0] + np.random.default_rng(2).normal(size=len(points)) > 0).astype(int)
    table = EncodedTable(points, tuple("abcdefghij"))
    return FAMILY.fit(table, target, task=Task.BINARY, n_classes=2, params=PARAMS, seed=1)


def predict(estimator: Estimator, rows: np.ndarray) -> np.ndarray:
    return FAMILY.predict(estimator, EncodedTable(rows, tuple("abcdefghij")))


@with_faiss
def test_cells_hold_nearly_all_neighbours_nearest_first(points, asked) -> None:
    distances, nearest = search_cells(points)(asked, 25)
    exact = search_all(points)(asked, 25)
    shared = [len(set(mine) & set(theirs)) / 25 for mine, theirs in zip(nearest, exact[1], strict=True)]
    assert np.mean(shared) >= 0.95
    assert (np.diff(distances, axis=1) >= 0).all()
    np.testing.assert_allclose(distances, np.linalg.norm(points[nearest] - asked[:, None], axis=2), rtol=1e-5)


@with_faiss
def test_one_row_finds_what_it_finds_in_a_file(points, asked) -> None:
    search = search_cells(points)
    together = search(asked, 25)
    for row in range(60):
        alone = search(asked[row : row + 1], 25)
        assert all(np.array_equal(mine[0], theirs[row]) for mine, theirs in zip(alone, together, strict=True))


def test_ties_are_broken_alike_for_one_row_and_many() -> None:
    levels = np.random.default_rng(4).integers(0, 3, (2 * BLOCK, 5)).astype(np.float32)
    search = search_all(levels)
    together = search(levels, 25)[1]
    assert all(np.array_equal(search(levels[row : row + 1], 25)[1][0], together[row]) for row in range(40))


@with_faiss
def test_two_searches_over_the_same_rows_are_the_same(points, asked) -> None:
    first, second = (search_cells(points)(asked, 25) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


@with_faiss
def test_where_cells_hold_too_few_rows_all_are_searched() -> None:
    few = make_points(2_000)
    found = search_cells(few)(few[:5], 1_990)
    exact = search_all(few)(few[:5], 1_990)
    np.testing.assert_allclose(found[0], exact[0])
    assert np.array_equal(found[1], exact[1])


@with_faiss
def test_cells_without_rows_are_not_looked_into() -> None:
    """Where most rows are alike k-means leaves cells empty, right beside the one that holds these rows."""
    generator = np.random.default_rng(3)
    rows = np.where(generator.random((20_000, 1)) < 0.97, 0, generator.normal(size=(20_000, 2))).astype(np.float32)
    asked = generator.normal(0, 0.5, size=(500, 2)).astype(np.float32)
    np.testing.assert_allclose(search_cells(rows)(asked, 10)[0], search_all(rows)(asked, 10)[0], atol=1e-6)


@with_faiss
def test_answers_through_cells_are_close_to_exact_ones_and_survive_storage(points, asked, monkeypatch) -> None:
    estimator = fit(points)
    answers = predict(estimator, asked)
    stored = FAMILY.dump(estimator)
    loaded = FAMILY.load(stored)
    assert np.array_equal(predict(loaded, asked), answers)
    assert FAMILY.dump(loaded) == stored
    monkeypatch.setitem(sys.modules, "faiss", None)
    exact = predict(FAMILY.load(stored), asked)
    assert 0 < np.abs(exact - answers).mean() < 0.002


def test_only_many_rows_are_cut_into_cells_and_only_with_faiss(monkeypatch) -> None:
    made = []
    monkeypatch.setattr("pointsman.model_zoo.neighbour_search.search_cells", lambda _: made.append("cells"))
    monkeypatch.setattr("pointsman.model_zoo.neighbour_search.search_all", lambda _: made.append("all"))
    few, many = np.zeros((LARGE, 1), dtype=np.float32), np.zeros((LARGE + 1, 1), dtype=np.float32)
    for installed in (True, False):
        monkeypatch.setattr("pointsman.model_zoo.neighbour_search.has_extra", lambda _, installed=installed: installed)
        build_search(few)
        build_search(many)
    assert made == ["all", "cells", "all", "all"]


def test_exact_search_never_holds_all_distances(points) -> None:
    search = search_all(points)
    tracemalloc.start()
    search(points[:2_000], 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000 * len(points) * 4 / 50


class Widest:
    """A trial that takes the most of everything."""

    def suggest_int(self, name: str, low: int, high: int, **_: object) -> int:
        assert low <= high, name
        return high

    def suggest_categorical(self, _: str, choices: list) -> object:
        return choices[-1]


@pytest.mark.parametrize(
    ("n_rows", "installed", "longest"), [(LARGE, True, 20_000), (LARGE + 1, True, 200_000), (LARGE + 1, False, 20_000)]
)
def test_a_long_memory_is_offered_where_it_is_fast(n_rows, installed, longest, monkeypatch) -> None:
    monkeypatch.setattr("pointsman.model_zoo.knn.has_extra", lambda _: installed)
    params = FAMILY.draw(Space(Widest(), "knn", Task.BINARY, n_rows, 10))
    assert params["max_rows"] == longest


@pytest.mark.parametrize("max_rows", [0, MOST_ROWS + 1])
def test_a_memory_out_of_bounds_is_refused(max_rows: int) -> None:
    assert KnnParams(max_rows=MOST_ROWS).max_rows == MOST_ROWS
    with pytest.raises(ConfigError, match=f"max_rows of knn is {max_rows}; it can be 1 to 1000000"):
        KnnParams(max_rows=max_rows)
