"""What LightGBM does with missing cells, codes and objectives, and that the family makes it safe."""

import json

import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.boosting import LIBRARY_DEFAULTS
from pointsman.model_zoo.check_tables import Rows, make_rows
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.estimator import Estimator
from pointsman.model_zoo.families import get_family

FAMILY = get_family("lightgbm")


def make_offset_rows(missing: bool = False, name: str = "train") -> Rows:
    """Return rows whose column ``signal`` lies about 100, so that 0 is far outside; some are missing if asked."""
    rows = make_rows(FAMILY, Task.REGRESSION, 300, name)
    signal = np.nan_to_num(rows.table.values[:, 0], nan=0.3) + 100
    hidden = np.arange(len(rows)) % 9 == 0
    return rows.with_column("signal", np.where(hidden & missing, np.nan, signal))


def predict_at(estimator: Estimator, rows: Rows, cell: float) -> np.ndarray:
    return FAMILY.predict(estimator, rows.with_column("signal", cell).table)


def list_missing_types(estimator: Estimator, column: int, from_tree: int = 0) -> set[str]:
    """Return how the splits on a column treat missing cells, in LightGBM's words."""

    def walk(node: dict) -> set[str]:
        if "split_feature" not in node:
            return set()
        here = {node["missing_type"]} if node["split_feature"] == column else set()
        return here | walk(node["left_child"]) | walk(node["right_child"])

    trees = estimator.learned.booster.dump_model()["tree_info"][from_tree:]
    return set().union(*(walk(tree["tree_structure"]) for tree in trees))


def test_lightgbm_itself_still_reads_missing_as_zero() -> None:
    """The trap this family guards against. Once LightGBM mends it, the guard can go."""
    rows = make_offset_rows()
    estimator = rows.fit(FAMILY)
    raw = estimator.learned.booster
    missing = raw.predict(rows.with_column("signal", np.nan).table.values)
    assert np.array_equal(missing, raw.predict(rows.with_column("signal", 0.0).table.values))


def test_a_missing_cell_in_a_complete_column_is_read_as_the_median() -> None:
    rows = make_offset_rows()
    estimator = rows.fit(FAMILY)
    at_median = predict_at(estimator, rows, float(np.median(rows.table.values[:, 0])))
    assert np.array_equal(predict_at(estimator, rows, np.nan), at_median)
    assert np.abs(predict_at(estimator, rows, 0.0) - at_median).mean() > 0.5


def test_a_missing_cell_in_a_column_with_missing_cells_stays_missing() -> None:
    rows = make_offset_rows(missing=True)
    estimator = rows.fit(FAMILY)
    assert np.isnan(estimator.learned.fills[0])
    assert list_missing_types(estimator, 0) == {"NaN"}
    assert not np.array_equal(predict_at(estimator, rows, np.nan), predict_at(estimator, rows, 0.0))


@pytest.mark.parametrize("missing", [False, True], ids=["complete", "with_missing"])
@pytest.mark.parametrize("later_missing", [False, True], ids=["then_complete", "then_with_missing"])
def test_an_update_reads_missing_cells_as_the_first_fit_did(missing: bool, later_missing: bool) -> None:
    rows, later = make_offset_rows(missing), make_offset_rows(later_missing, "later")
    old = rows.fit(FAMILY)
    new = later.update(FAMILY, old)
    assert np.array_equal(new.learned.fills, old.learned.fills, equal_nan=True)
    n_old = old.learned.booster.num_trees()
    assert list_missing_types(new, 0, n_old) == ({"NaN"} if missing else {"None"})
    same_as_zero = np.array_equal(predict_at(new, rows, np.nan), predict_at(new, rows, 0.0))
    assert not same_as_zero


def test_few_missing_cells_in_many_rows_are_seen() -> None:
    """By default LightGBM looks at 200,000 rows to make its bins, and row 7 is not among them."""
    n_rows = 400_000
    values = np.random.default_rng(0).normal(100, 1, (n_rows, 1)).astype(np.float32)
    target = values[:, 0] - 100
    values[7, 0] = np.nan
    table = EncodedTable(values, ("signal",))
    params = {"rounds": 1, "num_leaves": 4}
    estimator = FAMILY.fit(table, target, task=Task.REGRESSION, n_classes=0, params=params, seed=1)
    assert list_missing_types(estimator, 0) == {"NaN"}


@pytest.mark.parametrize("code", [np.nan, 77.0, 1e12, -3.0])
def test_unknown_codes_are_one_and_the_same(code: float) -> None:
    rows = make_rows(FAMILY, Task.BINARY)
    estimator = rows.fit(FAMILY)
    unknown = FAMILY.predict(estimator, rows.with_column("group", 40.0).table)
    assert np.array_equal(FAMILY.predict(estimator, rows.with_column("group", code).table), unknown)


def test_codes_are_split_as_categories() -> None:
    rows = make_rows(FAMILY, Task.BINARY, 400)
    odd = np.arange(400) % 8
    rows = rows.with_column("group", odd)
    rows = Rows(rows.table, np.isin(odd, [1, 4, 6]).astype(int), Task.BINARY, 2)
    text = FAMILY.dump(rows.fit(FAMILY))["lightgbm.txt"].decode()
    assert "cat_threshold" in text


def fit_amounts(target: np.ndarray, objective: str = "tweedie") -> Estimator:
    rows = make_rows(FAMILY, Task.REGRESSION, len(target))
    params = {"objective": objective, "rounds": 20}
    return FAMILY.fit(rows.table, target, task=Task.REGRESSION, n_classes=0, params=params, seed=1)


def test_tweedie_is_used_for_amounts_and_gives_no_negative_answer() -> None:
    rows = make_rows(FAMILY, Task.REGRESSION, 200)
    estimator = fit_amounts(np.maximum(rows.target, 0.0) * 1e4)
    assert estimator.learned.objective == "tweedie"
    assert FAMILY.predict(estimator, rows.table).min() > 0


def test_tweedie_falls_back_to_l2_and_says_so() -> None:
    rows = make_rows(FAMILY, Task.REGRESSION, 200)
    estimator = fit_amounts(rows.target)
    assert rows.target.min() < 0
    assert estimator.learned.objective == "l2"
    assert json.loads(FAMILY.dump(estimator)["lightgbm.json"])["objective"] == "l2"
    assert FAMILY.load(FAMILY.dump(estimator)).learned.objective == "l2"


@pytest.mark.parametrize("later", ["zeros", "negative"])
def test_a_tweedie_model_is_updated_with_any_target(later: str) -> None:
    rows = make_rows(FAMILY, Task.REGRESSION, 200)
    old = fit_amounts(np.maximum(rows.target, 0.0))
    target = np.zeros(200) if later == "zeros" else rows.target
    new = FAMILY.update(old, rows.table, target, seed=2)
    assert np.isfinite(FAMILY.predict(new, rows.table)).all()
    grown = new.learned.booster.num_trees() - old.learned.booster.num_trees()
    assert grown == (0 if later == "zeros" else 2)


def test_an_update_adds_a_tenth_of_the_rounds() -> None:
    rows = make_rows(FAMILY, Task.MULTICLASS)
    old = rows.fit(FAMILY)
    new = rows.update(FAMILY, old)
    assert (old.learned.booster.num_trees(), new.learned.booster.num_trees()) == (150 * 3, 165 * 3)


def test_an_update_improves_on_the_rows_it_learned() -> None:
    rows, later = make_rows(FAMILY, Task.REGRESSION), make_rows(FAMILY, Task.REGRESSION, 240, "later")
    old = rows.fit(FAMILY)
    new = later.update(FAMILY, old)
    loss = [np.square(FAMILY.predict(each, later.table) - later.target).mean() for each in (old, new)]
    assert loss[1] < loss[0]


def test_thirty_rows_are_enough_to_learn_something() -> None:
    rows, later = make_rows(FAMILY, Task.REGRESSION, 30), make_rows(FAMILY, Task.REGRESSION, 200, "later")
    error = later.target - FAMILY.predict(rows.fit(FAMILY), later.table)
    assert np.square(error).mean() < 0.6 * later.target.var()


def test_predictions_do_not_depend_on_the_number_of_threads() -> None:
    rows = make_rows(FAMILY, Task.BINARY)
    answers = []
    for threads in (1, 2):
        estimator = FAMILY.fit(
            rows.table, rows.target, task=Task.BINARY, n_classes=2, params={}, seed=1, threads=threads
        )
        answers.append(FAMILY.predict(estimator, rows.table))
    assert np.array_equal(*answers)


@pytest.mark.parametrize("n_rows", [25, 60, 365, 3_000])
@pytest.mark.parametrize(("task", "n_classes"), [(Task.BINARY, 2), (Task.MULTICLASS, 3), (Task.REGRESSION, 0)])
def test_the_library_defaults_answer_as_the_library_does(task: Task, n_classes: int, n_rows: int) -> None:
    import lightgbm

    generator = np.random.default_rng(n_rows)
    values = generator.normal(size=(n_rows, 4)).astype(np.float32)
    signal = values[:, 0] + values[:, 1] ** 2 + generator.normal(0, 0.5, n_rows)
    target = np.digitize(signal, [0.5, 1.5][: n_classes - 1]) if n_classes else signal
    values[::7, 2] = np.nan
    table = EncodedTable(values, tuple("abcd"))
    ours = FAMILY.fit(table, target, task=task, n_classes=n_classes, params=LIBRARY_DEFAULTS, seed=3)
    kind = lightgbm.LGBMClassifier if n_classes else lightgbm.LGBMRegressor
    theirs = kind(verbosity=-1, n_jobs=1).fit(values, target)
    answered = theirs.predict_proba(values) if n_classes else theirs.predict(values)
    if n_classes:  # every family mixes in one imagined row with the shares of the classes
        answered = ours.baseline.complete(answered, ours.classes)
    assert FAMILY.predict(ours, table) == pytest.approx(answered, abs=1e-9)


def test_the_library_defaults_keep_their_limits_in_few_rows() -> None:
    rows = make_rows(FAMILY, Task.REGRESSION, 60)
    literal = rows.fit(FAMILY, params={**LIBRARY_DEFAULTS, "rounds": 5})
    trees = literal.learned.booster.trees_to_dataframe()
    leaves = trees[trees["left_child"].isna()]
    assert leaves["count"].min() >= 20
    assert "literal" not in FAMILY.default_params(Task.REGRESSION)


GROWING = {"rounds": 60, "learning_rate": 0.1, "num_leaves": 15, "stopping": True}


def find_params(values: np.ndarray, target: np.ndarray, params: dict, n_classes: int = 0) -> dict:
    task = (Task.BINARY if n_classes == 2 else Task.MULTICLASS) if n_classes else Task.REGRESSION
    table = EncodedTable(values, tuple(f"x{position}" for position in range(values.shape[1])))
    return dict(FAMILY.find_params(table, target, task=task, n_classes=n_classes, params=params, seed=1))


def make_noisy(n_rows: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    values = generator.normal(size=(n_rows, 3)).astype(np.float32)
    return values, np.sin(3 * values[:, 0]) * values[:, 1] + generator.normal(0, noise, n_rows)


def test_rounds_are_found_on_the_newest_rows_and_are_fewer_where_there_is_more_noise() -> None:
    clear, blurred = (find_params(*make_noisy(4_000, noise), GROWING)["found_rounds"] for noise in (0.1, 3.0))
    assert 1 <= blurred < clear
    values, target = make_noisy(4_000, 0.1)
    target[3_500:] = np.random.default_rng(1).normal(size=500)  # nothing of the older rows holds for the newest
    assert find_params(values, target, GROWING)["found_rounds"] < clear / 4


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_what_was_found_is_what_is_fitted_and_again_the_same(n_classes: int) -> None:
    values, target = make_noisy(2_000, 0.5)
    if n_classes:
        target = np.digitize(target, [0.0, 0.8][: n_classes - 1])
    found = find_params(values, target, GROWING, n_classes)
    assert found == find_params(values, target, GROWING, n_classes)
    assert (found["found_rows"], found["found_leaves"], found["found_age"]) == (2_000, 15, 0)
    table = EncodedTable(values, ("x0", "x1", "x2"))
    task = (Task.BINARY if n_classes == 2 else Task.MULTICLASS) if n_classes else Task.REGRESSION
    fitted = FAMILY.fit(table, target, task=task, n_classes=n_classes, params=found, seed=1)
    assert fitted.learned.booster.current_iteration() == found["found_rounds"]


def test_what_was_found_lasts_for_some_fits_and_grows_with_the_rows() -> None:
    values, target = make_noisy(4_000, 0.5)
    known = {**GROWING, "found_rounds": 40, "found_leaves": 7, "found_rows": 3_200}
    taken_over = find_params(values, target, known | {"found_age": 2})
    assert {name: taken_over[f"found_{name}"] for name in ("rounds", "leaves", "rows", "age")} == {
        "rounds": 50,
        "leaves": 7,
        "rows": 4_000,
        "age": 3,
    }
    for stale in ({"found_age": 5}, {"found_rows": 2_000}, {"found_rows": 8_000}):
        assert find_params(values, target, known | stale)["found_age"] == 0


def test_few_rows_keep_the_stated_rounds_and_others_are_asked_nothing() -> None:
    values, target = make_noisy(300, 0.5)
    assert find_params(values, target, GROWING)["found_rounds"] == 60
    assert find_params(values, target, {"rounds": 9}) == {"rounds": 9}


def test_a_class_that_only_the_newest_rows_have_stops_nothing() -> None:
    values, target = make_noisy(2_000, 0.5)
    codes = np.digitize(target, [0.0])
    codes[1_900:1_950] = 2
    assert find_params(values, codes, GROWING, 3)["found_rounds"] >= 1


def test_many_rows_may_have_larger_leaves_and_the_search_may_look_further() -> None:
    assert find_params(*make_noisy(40_000, 0.1), {**GROWING, "num_leaves": 4})["found_leaves"] == 8
    drawn = {}

    class Trial:
        def suggest_int(self, name, low, high, **_):
            drawn[name] = high
            return low

        def suggest_float(self, _name, low, _high, **_):
            return low

        def suggest_categorical(self, _name, choices):
            return choices[0]

    FAMILY.suggest(Trial(), Task.BINARY, 20_000, 5)
    assert (drawn["lightgbm.rounds"], drawn["lightgbm.num_leaves"]) == (400, 128)
    FAMILY.suggest(Trial(), Task.BINARY, 80_000, 5)
    assert (drawn["lightgbm.rounds"], drawn["lightgbm.num_leaves"]) == (800, 256)
