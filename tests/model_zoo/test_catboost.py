"""What the CatBoost family adds to the contract: codes as categories, missing cells, and bytes without a clock."""

import os
from dataclasses import replace

import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.catboost import LEAST_SAMPLED
from pointsman.model_zoo.check_tables import Rows, make_rows
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.estimator import Estimator
from pointsman.model_zoo.families import FAMILIES

pytest.importorskip("catboost", reason="the optional catboost is not installed")
FAMILY = FAMILIES["catboost"]
FEW = {"rounds": 30}


def fit(rows: Rows, **changes) -> Estimator:
    return rows.fit(FAMILY, params=FEW | changes)


def make_coded_rows(n_rows: int = 600) -> Rows:
    """Rows whose target is which of eight codes they hold, in no order that a threshold could follow."""
    rows = make_rows(FAMILY, Task.BINARY, n_rows)
    codes = np.random.default_rng(1).integers(0, 8, n_rows)
    return replace(rows.with_column("group", codes), target=np.isin(codes, [1, 4, 6]).astype(int))


def test_codes_are_categories_and_not_numbers() -> None:
    rows = make_coded_rows()
    numbered = replace(rows, table=replace(rows.table, categorical=()))
    losses = []
    for each in (rows, numbered):
        estimator = each.fit(FAMILY, params={"rounds": 20, "depth": 1})
        losses.append(-np.log(FAMILY.predict(estimator, each.table)[np.arange(len(rows)), rows.target]).mean())
    assert losses[0] < 0.7 * losses[1]


@pytest.mark.parametrize("code", [np.nan, 1e12, -3.0])
def test_what_is_no_code_is_a_missing_one(code: float) -> None:
    rows = make_coded_rows()
    estimator = fit(rows)
    missing = FAMILY.predict(estimator, rows.with_column("group", -1.0).table)
    assert np.array_equal(FAMILY.predict(estimator, rows.with_column("group", code).table), missing)
    assert not np.array_equal(FAMILY.predict(estimator, rows.with_column("group", 1.0).table), missing)


def test_a_missing_cell_in_a_complete_column_is_read_as_the_median() -> None:
    rows = make_rows(FAMILY, Task.REGRESSION)
    estimator = fit(rows)
    helper = rows.table.values[:, 1]
    answers = {
        cell: FAMILY.predict(estimator, rows.with_column("helper", cell).table)
        for cell in (np.nan, float(np.median(helper)), float(helper.min()))
    }
    missing, at_median, at_least = answers.values()
    assert np.array_equal(missing, at_median)
    assert np.abs(missing - at_least).mean() > 0.3


def test_a_missing_cell_in_a_column_with_missing_cells_stays_missing() -> None:
    rows = make_rows(FAMILY, Task.REGRESSION, 600)
    gaps = np.isnan(rows.table.values[:, 0])
    rows = replace(rows, target=np.where(gaps, 5.0, rows.target))
    estimator = fit(rows, rounds=80)
    assert FAMILY.predict(estimator, rows.with_column("signal", np.nan).table).mean() > 4
    assert FAMILY.predict(estimator, rows.with_column("signal", 0.0).table).mean() < 2


@pytest.mark.parametrize("task", list(Task))
def test_the_model_and_its_bytes_do_not_depend_on_the_number_of_threads(task: Task) -> None:
    rows = make_rows(FAMILY, task)
    stored = [
        FAMILY.dump(
            FAMILY.fit(
                rows.table, rows.target, task=task, n_classes=rows.n_classes, params=FEW, seed=1, threads=threads
            )
        )
        for threads in (1, 2)
    ]
    assert stored[0] == stored[1]
    assert set(stored[0]) == {"estimator.json", "catboost.json", "catboost.npz"}


def test_another_seed_is_another_model() -> None:
    rows = make_rows(FAMILY, Task.BINARY)
    contents = {FAMILY.dump(rows.fit(FAMILY, params=FEW, seed=seed))["catboost.npz"] for seed in (1, 2)}
    assert len(contents) == 2


def test_nothing_is_printed_or_written(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    rows = make_rows(FAMILY, Task.MULTICLASS)
    FAMILY.load(FAMILY.dump(fit(rows)))
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("n_rows", [2, 3, LEAST_SAMPLED - 1, LEAST_SAMPLED])
def test_few_rows_are_not_sampled_away(n_rows: int) -> None:
    rows = make_rows(FAMILY, Task.REGRESSION, n_rows)
    assert np.isfinite(FAMILY.predict(fit(rows, rounds=400, subsample=0.5), rows.table)).all()


def test_where_no_column_varies_the_baseline_answers() -> None:
    table = EncodedTable.build(np.tile([1.0, np.nan, 2.0], (40, 1)), ["a", "b", "c"], [2])
    target = np.arange(40.0)
    estimator = FAMILY.fit(table, target, task=Task.REGRESSION, n_classes=0, params=FEW, seed=1)
    assert estimator.learned is None
    assert FAMILY.predict(estimator, table) == pytest.approx(target.mean())


def test_a_first_impression_takes_fewer_rounds_with_larger_steps() -> None:
    light = FAMILY.lighten({"rounds": 200, "learning_rate": 0.1, "max_ctr_complexity": 2}, 1 / 3)
    assert (light["rounds"], round(light["learning_rate"], 6), light["max_ctr_complexity"]) == (67, 0.3, 1)
    assert FAMILY.lighten({"rounds": 200, "learning_rate": 0.3}, 1 / 3)["rounds"] == 200
