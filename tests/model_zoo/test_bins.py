"""Fits on one table share its bins, and nobody can tell from what they learn."""

import gc
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from pointsman.common.task import Task
from pointsman.model_zoo import bins
from pointsman.model_zoo.check_tables import Rows, make_rows
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.families import get_family

FAMILY = get_family("lightgbm")


@pytest.fixture
def constructed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the number of rows of every table that LightGBM bins."""
    monkeypatch.setattr(bins._mine, "bins", {})
    counted: list[int] = []
    construct = lightgbm.Dataset._lazy_init

    def count(self, data, *args, **kwargs):
        counted.append(len(data))
        return construct(self, data, *args, **kwargs)

    monkeypatch.setattr(lightgbm.Dataset, "_lazy_init", count)
    return counted


def copy_table(rows: Rows) -> Rows:
    """Return the same rows in another array, of which no bins are known."""
    return replace(rows, table=replace(rows.table, values=rows.table.values.copy()))


VARIED = [
    {},
    {"min_data_in_leaf": 1},
    {"min_data_in_leaf": 200, "num_leaves": 4},
    {"cat_smooth": 1.0, "lambda_l2": 20.0},
    {"feature_fraction": 0.4, "bagging_fraction": 0.5, "learning_rate": 0.2},
    {},
]


@pytest.mark.parametrize("task", Task)
def test_shared_bins_change_no_bit(task: Task, constructed: list[int]) -> None:
    rows = make_rows(FAMILY, task, 300)
    rows = replace(rows, target=np.abs(rows.target))
    weights = 1.0 + np.arange(300) % 4
    varied = [params | {"rounds": 8} for params in VARIED]
    if task is Task.REGRESSION:
        varied += [params | {"objective": "tweedie"} for params in varied]
    for params in varied:
        for given in (weights, None):
            shared = rows.fit(FAMILY, params=params, weights=given, seed=len(params))
            alone = copy_table(rows).fit(FAMILY, params=params, weights=given, seed=len(params))
            assert FAMILY.dump(shared) == FAMILY.dump(alone)
    assert len(constructed) == 1 + 2 * len(varied)


def test_another_target_shares_the_bins_too(constructed: list[int]) -> None:
    rows = make_rows(FAMILY, Task.BINARY)
    flipped = replace(rows, target=1 - rows.target)
    first = FAMILY.predict(rows.fit(FAMILY, params={"bagging_fraction": 1.0}), rows.table)
    second = FAMILY.predict(flipped.fit(FAMILY, params={"bagging_fraction": 1.0}), rows.table)
    assert len(constructed) == 1
    assert first[:, 1] == pytest.approx(second[:, 0], abs=1e-6)


def test_columns_read_as_categories_are_binned_apart(constructed: list[int]) -> None:
    rows = make_rows(FAMILY, Task.BINARY)
    plain = replace(rows, table=replace(rows.table, categorical=()))
    texts = [FAMILY.dump(each.fit(FAMILY))["lightgbm.txt"] for each in (rows, plain, rows)]
    assert len(constructed) == 3
    assert texts[0] == texts[2] != texts[1]


@pytest.mark.usefixtures("constructed")
def test_bins_go_with_their_table() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    bins.share_bins(values, (), 1)
    assert len(bins._mine.bins) == 1
    del values
    gc.collect()
    assert not bins._mine.bins


def test_few_bins_are_kept(constructed: list[int]) -> None:
    tables = [np.random.default_rng(seed).normal(size=(50, 2)).astype(np.float32) for seed in range(bins.KEPT + 2)]
    for table in tables:
        bins.share_bins(table, (), 1)
    assert len(bins._mine.bins) == bins.KEPT
    bins.share_bins(tables[-1], (), 1)
    assert len(constructed) == len(tables)
    bins.share_bins(tables[0], (), 1)
    assert len(constructed) == len(tables) + 1


@pytest.mark.usefixtures("constructed")
def test_an_update_leaves_shared_bins_alone() -> None:
    rows = make_rows(FAMILY, Task.REGRESSION)
    old = rows.fit(FAMILY)
    rows.update(FAMILY, old)
    assert FAMILY.dump(rows.fit(FAMILY)) == FAMILY.dump(old)


@pytest.mark.parametrize("n_rows", [1, 7, 29, 30, 5000])
def test_no_bin_parameter_is_searched(n_rows: int) -> None:
    assert bins.binning_params(n_rows)["bin_construct_sample_cnt"] == n_rows
    assert 1 <= bins.binning_params(n_rows)["min_data_in_bin"] <= 3
    table = EncodedTable(np.zeros((n_rows, 1), dtype=np.float32), ("x",))
    assert bins.share_bins(table.values, (), 1).num_data() == n_rows
