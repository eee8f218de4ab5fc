"""What single families promise beyond the common contract, and the ground they stand on."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor

from pointsman.common.errors import ConfigError, DataError, StateError
from pointsman.common.task import Task
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.baseline import Baseline, fit_baseline
from pointsman.model_zoo.check_tables import Rows, make_rows
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.families import FAMILIES, get_family
from pointsman.model_zoo.family import CHUNK_ROWS
from pointsman.model_zoo.scaling import fit_scaling

ROOT = Path(__file__).parents[2]
EVERY = [
    pytest.param(name, marks=pytest.mark.skipif(not family.installed, reason=f"{family.library} is not installed"))
    for name, family in FAMILIES.items()
]


def test_importing_the_zoo_imports_no_learning_library() -> None:
    code = (
        "import sys, model_zoo; print([m for m in ('sklearn', 'lightgbm', 'catboost', 'faiss', 'scipy', "
        "'optuna', 'pandas') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_unknown_families_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="'extratrees'; did you mean 'extra_trees'"):
        get_family("extratrees")


def test_every_family_states_what_it_is() -> None:
    variants = {"native", "onehot", "target", "spelling", "lookback"}
    for name, family in FAMILIES.items():
        assert family.name == name
        assert set(family.variants) <= variants
        assert family.handles_missing == ("native" in family.variants)


@pytest.mark.parametrize("name", EVERY)
def test_another_familys_files_are_refused(name: str) -> None:
    family = FAMILIES[name]
    parts = family.dump(make_rows(family, Task.BINARY).without_columns().fit(family))
    other = get_family("tree" if name != "tree" else "linear")
    with pytest.raises(StateError, match=f"family '{name}'"):
        other.load(parts)
    newer = json.dumps(json.loads(parts["estimator.json"]) | {"protocol": 99}).encode()
    with pytest.raises(StateError, match="protocol 99"):
        family.load(parts | {"estimator.json": newer})


@pytest.mark.parametrize("name", EVERY)
def test_nothing_stored_is_a_pickle(name: str) -> None:
    family = FAMILIES[name]
    for content in family.dump(make_rows(family, Task.BINARY).fit(family)).values():
        assert content[:2] != b"\x80\x04"
        assert b"joblib" not in content


def test_encoded_tables_refuse_what_does_not_fit() -> None:
    with pytest.raises(DataError, match="2 column names"):
        EncodedTable(np.zeros((3, 1), dtype=np.float32), ("a", "b"))
    with pytest.raises(DataError, match="C-contiguous float32"):
        EncodedTable(np.zeros((2, 3), dtype=np.float32).T, ("a", "b"))


def test_baseline_shares_are_smoothed_and_add_up() -> None:
    first = fit_baseline(np.array([0, 0, 1]), None, Task.MULTICLASS, 3)
    second = fit_baseline(np.array([2, 2]), np.array([0.5, 1.5]), Task.MULTICLASS, 3)
    assert first.shares.min() > 0
    assert (first + second).shares == pytest.approx([(2 + 1 / 3) / 6, (1 + 1 / 3) / 6, (2 + 1 / 3) / 6])
    assert (first + second).rows == 5


def test_baseline_of_numbers_is_the_weighted_mean() -> None:
    baseline = fit_baseline(np.array([1.0, 4.0]), np.array([3.0, 1.0]), Task.REGRESSION, 0)
    assert baseline.predict(2).tolist() == [1.75, 1.75]


def test_completed_probabilities_are_a_distribution_and_keep_the_order_of_rows() -> None:
    baseline = Baseline(Task.MULTICLASS, np.array([5.0, 0.0, 3.0, 2.0]), 10.0, 10)
    certain = np.array([[1.0, 0.0, 0.0], [0.2, 0.5, 0.3]])
    completed = baseline.complete(certain, (0, 2, 3))
    assert completed.sum(axis=1) == pytest.approx([1, 1])
    assert completed[:, 1] == pytest.approx(baseline.shares[1])
    assert completed.min() > 0
    assert completed[0].argmax() == 0
    assert completed[1].argmax() == 2


def test_scaling_leaves_narrow_columns_and_bounds_far_cells() -> None:
    values = np.array([[0, 0], [1, 1000], [0, 3000], [1, 2000]], dtype=np.float32)
    scaling = fit_scaling(values)
    assert scaling.scale.tolist() == [1.0, pytest.approx(np.std([0, 1000, 3000, 2000]))]
    far, farther = scaling.apply(np.array([[1e6, 1e9], [np.inf, 1e30]]))
    assert far.tolist() == farther.tolist()
    assert far[0] == 2 - 0.5


def test_pickles_among_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        dump_arrays(rows=np.array([{"a": 1}], dtype=object))
    assert dump_arrays(a=np.arange(3)) == dump_arrays(a=np.arange(3))
    assert load_arrays(dump_arrays(a=np.arange(3)))["a"].dtype == np.arange(3).dtype


def test_linear_is_logistic_regression() -> None:
    family = get_family("linear")
    rows = make_rows(family, Task.MULTICLASS)
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(rows.table.values.astype(float), rows.target)
    reference = model.predict_proba(rows.table.values.astype(float))
    assert np.abs(family.predict(rows.fit(family), rows.table) - reference).max() < 1 / len(rows)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("penalty", [1e-2, 1e3])
@pytest.mark.parametrize("n_columns", [5, 700], ids=["newton", "lbfgs"])
def test_linear_converges_on_hard_tables_without_a_warning(penalty: float, n_columns: int) -> None:
    """Separable, duplicated, constant and enormous columns at once."""
    family = get_family("linear")
    random = np.random.default_rng(2)
    values = random.normal(size=(120, n_columns))
    target = (values[:, 0] > 0).astype(int)
    hard = np.column_stack([values, values[:, 0], target * 1e9, np.full(120, 3.0), np.zeros(120)])
    table = EncodedTable.build(hard, [str(number) for number in range(hard.shape[1])])
    for task, goal, n_classes in ((Task.BINARY, target, 2), (Task.REGRESSION, target * 1e9, 0)):
        estimator = family.fit(table, goal, task=task, n_classes=n_classes, params={"l2_penalty": penalty}, seed=1)
        assert np.isfinite(family.predict(estimator, table)).all()


def test_linear_does_not_follow_an_absurd_cell() -> None:
    """The answer stops where a cell is one training range outside the training range."""
    family = get_family("linear")
    rows = make_rows(family, Task.REGRESSION)
    estimator = rows.fit(family)
    answers = [family.predict(estimator, rows.with_column("signal", cell).table) for cell in (1e6, 1e12)]
    assert np.array_equal(*answers)
    assert np.abs(answers[0]).max() < 10 * np.abs(rows.target).max()


def test_knn_with_uniform_votes_is_scikit_learns() -> None:
    family = get_family("knn")
    rows = make_rows(family, Task.REGRESSION)
    params = {"neighbours": 7, "weighting": "uniform"}
    scaled = fit_scaling(rows.table.values).apply(rows.table.values).astype(np.float32)
    reference = KNeighborsRegressor(7, algorithm="brute").fit(scaled, rows.target).predict(scaled)
    assert family.predict(rows.fit(family, params=params), rows.table) == pytest.approx(reference)


def test_knn_remembers_the_newest_rows_within_its_window() -> None:
    family = get_family("knn")
    rows, later = make_rows(family, Task.REGRESSION, 100), make_rows(family, Task.REGRESSION, 30, "later")
    estimator = rows.fit(family, params={"max_rows": 40})
    assert np.array_equal(estimator.learned.target, rows.target[-40:])
    updated = later.update(family, estimator)
    assert np.array_equal(updated.learned.target, np.append(rows.target[-10:], later.target))
    assert len(updated.learned.rows) == len(updated.learned.weights) == 40


def test_knn_breaks_ties_alike_for_single_rows_and_batches() -> None:
    family = get_family("knn")
    random = np.random.default_rng(4)
    values = random.integers(0, 3, (1500, 6)) * random.normal(size=6)
    table = EncodedTable.build(values, list("abcdef"))
    target = (values.sum(axis=1) + random.normal(size=1500) > 0).astype(int)
    estimator = family.fit(table, target, task=Task.BINARY, n_classes=2, params={}, seed=1)
    single = [family.predict(estimator, table.take(slice(row, row + 1))) for row in range(60)]
    assert np.array_equal(np.concatenate(single), family.predict(estimator, table)[:60])


def test_knn_lets_a_nearer_row_weigh_more() -> None:
    family = get_family("knn")
    table = EncodedTable.build(np.array([[0.0], [1.0]]), ["x"])
    target = np.array([0.0, 1.0])
    estimator = family.fit(table, target, task=Task.REGRESSION, n_classes=0, params={}, seed=1)
    near, middle = family.predict(estimator, EncodedTable.build(np.array([[0.1], [0.5]]), ["x"]))
    assert near < 0.2
    assert middle == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["tree", "extra_trees"])
def test_trees_shrink_their_leaves_for_small_tables(name: str) -> None:
    family = get_family(name)
    rows = make_rows(family, Task.REGRESSION, 40)
    answers = family.predict(rows.fit(family, params={"min_samples_leaf": 200}), rows.table)
    assert len(np.unique(answers)) > 2


def test_pruning_is_relative_to_the_target() -> None:
    """The same pruning gives the same tree whether claims are counted in birr or in millions."""
    family = get_family("tree")
    rows = make_rows(family, Task.REGRESSION)
    larger = Rows(rows.table, rows.target * 2.0**20, rows.task, 0)
    params = {"pruning": 1e-2}
    small, large = (family.predict(each.fit(family, params=params), rows.table) for each in (rows, larger))
    assert large / 2.0**20 == pytest.approx(small)
    assert len(np.unique(small)) < len(
        np.unique(family.predict(rows.fit(family, params={"pruning": 1e-6}), rows.table))
    )


def test_forests_do_not_depend_on_the_number_of_threads() -> None:
    family = get_family("extra_trees")
    rows = make_rows(family, Task.BINARY)
    stored = []
    for threads in (1, 2):
        estimator = family.fit(
            rows.table, rows.target, task=Task.BINARY, n_classes=2, params={}, seed=1, threads=threads
        )
        stored.append(family.dump(estimator))
    assert stored[0] == stored[1]


@pytest.mark.parametrize("name", EVERY)
def test_long_tables_are_answered_in_pieces(name: str) -> None:
    family = FAMILIES[name]
    rows = make_rows(family, Task.BINARY, 60)
    estimator = rows.fit(family)
    order = np.arange(CHUNK_ROWS + 5) % len(rows)
    answers = family.predict(estimator, rows.table.take(order))
    assert answers == pytest.approx(family.predict(estimator, rows.table)[order], abs=1e-9)


def test_weights_of_an_update_compare_with_those_of_the_fit() -> None:
    """Halving all weights of fit and update changes nothing; halving those of the update alone does."""
    family = get_family("prior")
    rows = make_rows(family, Task.BINARY)
    heavy = np.where(rows.target == 1, 4.0, 2.0)

    def answer(fit_factor: float, update_factor: float) -> np.ndarray:
        zeros = np.zeros(len(rows), dtype=int)
        estimator = rows.fit(family, weights=heavy * fit_factor)
        updated = family.update(estimator, rows.table, zeros, seed=1, weights=heavy * update_factor)
        return family.predict(updated, rows.table)[0]

    assert answer(0.5, 0.5) == pytest.approx(answer(1, 1))
    assert answer(1, 0.5)[1] > answer(1, 1)[1] + 0.01


def test_extra_trees_learn_from_rows_spread_over_all_and_from_every_class():
    generator = np.random.default_rng(5)
    values = generator.normal(size=(3_000, 2)).astype(np.float32)
    target = (np.arange(3_000) >= 1_500).astype(float)
    target[1_501] = 2.0
    table = EncodedTable(values, ("a", "b"))
    family = get_family("extra_trees")
    params = {"trees": 10, "max_rows": 300, "min_samples_leaf": 1}
    fitted = family.fit(table, target, task=Task.MULTICLASS, n_classes=3, params=params, seed=1)
    assert set(fitted.learned.weight[fitted.learned.starts[:-1]]) == {302}
    assert fitted.classes == (0, 1, 2)
    assert family.predict(fitted, table).shape == (3_000, 3)
