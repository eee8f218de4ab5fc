"""An updated linear model is one fitted on old and new rows together, the old ones faded."""

from dataclasses import replace

import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo import linear
from pointsman.model_zoo.check_tables import Rows, make_rows
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.estimator import Estimator
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.scaling import fit_scaling

FAMILY = get_family("linear")


def make_two(task: Task, n_old: int = 300, n_new: int = 200) -> tuple[Rows, Rows]:
    return make_rows(FAMILY, task, n_old), make_rows(FAMILY, task, n_new, "later")


def join(*parts: Rows) -> Rows:
    values = np.concatenate([part.table.values for part in parts])
    table = replace(parts[0].table, values=values)
    return replace(parts[0], table=table, target=np.concatenate([part.target for part in parts]))


def fit_as(old: Rows, rows: Rows, monkeypatch: pytest.MonkeyPatch, **kwargs) -> Estimator:
    """Return a fit on rows that uses the scaling of old rows."""
    scaling = fit_scaling(old.table.values)
    with monkeypatch.context() as patched:
        patched.setattr(linear, "fit_scaling", lambda _: scaling)
        return rows.fit(FAMILY, **kwargs)


def compute_loss(estimator: Estimator, rows: Rows) -> float:
    answers = FAMILY.predict(estimator, rows.table)
    if not rows.task.is_classification:
        return float(np.square(answers - rows.target).mean())
    return float(-np.log(answers[np.arange(len(rows)), rows.target]).mean())


@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_ridge_that_forgets_nothing_is_the_fit_on_all_rows(penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = make_two(Task.REGRESSION)
    monkeypatch.setattr(linear, "FADE", 1.0)
    params = {"l2_penalty": penalty}
    updated = new.update(FAMILY, old.fit(FAMILY, params=params))
    together = fit_as(old, join(old, new), monkeypatch, params=params)
    assert FAMILY.predict(updated, new.table) == pytest.approx(FAMILY.predict(together, new.table), abs=1e-6)
    assert updated.learned.root == pytest.approx(together.learned.root, rel=1e-5, abs=1e-3)


@pytest.mark.parametrize("n_updates", [1, 5, 40])
def test_ridge_is_the_fit_on_rows_faded_by_age(n_updates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [make_rows(FAMILY, Task.REGRESSION, 60, str(number)) for number in range(n_updates + 1)]
    updated = batches[0].fit(FAMILY)
    for batch in batches[1:]:
        updated = batch.update(FAMILY, updated)
    weights = np.repeat(0.5 ** (np.arange(n_updates, -1, -1) / linear.HALF_LIFE), 60)
    params = {"l2_penalty": 1 / weights.mean()}  # a fit brings its weights to a mean of 1
    faded = fit_as(batches[0], join(*batches), monkeypatch, params=params, weights=weights)
    table = batches[-1].table
    assert FAMILY.predict(updated, table) == pytest.approx(FAMILY.predict(faded, table), abs=1e-6)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_logistic_regression_that_forgets_nothing_is_close_to_the_fit_on_all_rows(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = make_two(task)
    later = make_rows(FAMILY, task, 1000, "latest")
    monkeypatch.setattr(linear, "FADE", 1.0)
    first = old.fit(FAMILY)
    together = fit_as(old, join(old, new), monkeypatch)
    best = compute_loss(together, later)
    assert compute_loss(new.update(FAMILY, first), later) == pytest.approx(best, rel=5e-3)
    assert compute_loss(first, later) != pytest.approx(best, rel=5e-3)


@pytest.mark.parametrize("task", Task)
def test_weights_of_rows_are_numbers_of_rows(task: Task) -> None:
    old, new = make_two(task)
    first = old.fit(FAMILY)
    twice = join(new, new.take(slice(50))).update(FAMILY, first)
    heavy = FAMILY.update(first, new.table, new.target, seed=1, weights=np.where(np.arange(200) < 50, 2.0, 1.0))
    assert FAMILY.predict(twice, new.table) == pytest.approx(FAMILY.predict(heavy, new.table), abs=2e-3)
    assert heavy.learned.coefficients == pytest.approx(twice.learned.coefficients, rel=1e-6)


def test_few_new_rows_move_little_and_many_move_much() -> None:
    old, new = make_two(Task.BINARY, 1000, 1000)
    reversed_rows = replace(new, target=1 - new.target)
    first = old.fit(FAMILY)
    answers = FAMILY.predict(first, new.table)[:, 1]
    few = FAMILY.predict(reversed_rows.take(slice(20)).update(FAMILY, first), new.table)[:, 1]
    many = first
    for _ in range(10):
        many = reversed_rows.update(FAMILY, many)
    assert np.abs(few - answers).mean() < 0.1
    assert compute_loss(many, reversed_rows) < 1.2 * compute_loss(reversed_rows.fit(FAMILY), reversed_rows)


def test_a_class_the_first_rows_lacked_is_learned() -> None:
    old, new = make_two(Task.MULTICLASS, 300, 300)
    first = old.take(old.target != 1).fit(FAMILY)
    assert first.classes == (0, 1, 2)
    assert FAMILY.predict(first, new.table)[:, 1].max() < 0.01
    updated = new.update(FAMILY, first)
    assert compute_loss(updated, new) < 1.1 * compute_loss(new.fit(FAMILY), new)


def test_a_class_that_stays_away_fades_and_comes_back() -> None:
    rows = make_rows(FAMILY, Task.MULTICLASS, 600)
    estimator = rows.fit(FAMILY)
    shares = []
    for number in range(20):
        batch = make_rows(FAMILY, Task.MULTICLASS, 200, str(number))
        estimator = batch.take(batch.target != 2).update(FAMILY, estimator)
        shares.append(FAMILY.predict(estimator, rows.table)[:, 2].mean())
    assert np.all(np.diff(shares) < 0)
    assert 0 < shares[-1] < 0.6 * shares[0]
    for _ in range(3):
        estimator = rows.update(FAMILY, estimator)
    assert FAMILY.predict(estimator, rows.table)[rows.target == 2, 2].mean() > 0.5


@pytest.mark.parametrize("task", Task)
def test_many_columns_keep_the_diagonal_alone(task: Task) -> None:
    random = np.random.default_rng(3)
    effects = random.normal(size=700) * (np.arange(700) < 20)

    def make(n_rows: int, sign: float = 1.0) -> Rows:
        values = random.normal(size=(n_rows, 700))
        outcome = sign * values @ effects + random.normal(size=n_rows)
        n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3, Task.REGRESSION: 0}[task]
        target = np.digitize(outcome, [0] if n_classes == 2 else [-2, 2]) if n_classes else outcome
        return Rows(EncodedTable.build(values, [str(column) for column in range(700)]), target, task, n_classes)

    later = make(1000)
    first = make(600).fit(FAMILY)
    updated = first
    for _ in range(4):
        updated = make(300).update(FAMILY, updated)
    n_outputs = 3 if task is Task.MULTICLASS else 1
    assert updated.learned.root.shape == (701 * n_outputs,)
    assert updated.learned.root.dtype == np.float32
    assert compute_loss(updated, later) < 0.9 * compute_loss(first, later)
    for _ in range(20):
        updated = make(300, sign=-1.0).update(FAMILY, updated)
    changed = make(1000, sign=-1.0)
    assert compute_loss(updated, changed) < compute_loss(make(1000, sign=-1.0).fit(FAMILY), changed)


def test_a_version_is_small() -> None:
    values = np.random.default_rng(1).normal(size=(2000, linear.NEWTON_LIMIT - 1))
    table = EncodedTable.build(values, [str(column) for column in range(values.shape[1])])
    rows = Rows(table, values[:, 0], Task.REGRESSION, 0)
    estimator = rows.fit(FAMILY)
    assert len(FAMILY.dump(estimator)["linear.npz"]) < 0.75e6
    loaded = FAMILY.load(FAMILY.dump(estimator))
    assert np.array_equal(loaded.learned.root, estimator.learned.root)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("task", Task)
def test_fifty_updates_with_redundant_columns_stay_sound(task: Task) -> None:
    """Columns that repeat others, never vary or separate the classes leave directions of which nothing is known."""

    def make(name: str) -> Rows:
        rows = make_rows(FAMILY, task, 80, name)
        rows = rows.with_column("twin", rows.table.values[:, 0]).with_column("dead", 3.0)
        return rows.with_column("telling", rows.target * 1e6)

    first = make("train")
    estimator = first.fit(FAMILY, params={"l2_penalty": 0.01})
    for number in range(50):
        estimator = make(str(number)).update(FAMILY, estimator)
    assert np.isfinite(FAMILY.predict(estimator, first.table)).all()
    assert compute_loss(estimator, first) < 0.1
