"""The target in an exploration: levels, groups of inputs and what an input alone explains."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from pointsman.common.task import Task
from pointsman.pipeline.reporting.eda.sampling import choose_rows
from pointsman.pipeline.reporting.eda.table import render_table
from pointsman.pipeline.reporting.eda.target import (
    BLOCKS,
    code_target,
    compute_course,
    compute_level,
    compute_relation,
    compute_relations,
    group_cells,
    join_levels,
)


def made_target(labels: list) -> pd.Series:
    return pd.Series(labels, dtype="str")


@given(st.integers(0, 3_000), st.integers(1, 500), st.integers(0, 99))
def test_a_sample_is_in_order_without_repeats_and_spread_evenly(rows, most, seed):
    chosen = choose_rows(rows, most, np.random.default_rng(seed))
    assert len(chosen) == min(rows, most)
    assert (np.diff(chosen) >= 1).all()
    if len(chosen):
        assert chosen[0] >= 0
        assert chosen[-1] < rows
        assert np.diff(chosen).max(initial=0) <= np.ceil(rows / most)


class TestGroups:
    @given(data_frames([column("number", elements=st.floats(-1e6, 1e6) | st.just(np.nan))], index=range_indexes(1)))
    def test_every_cell_has_one_group_and_order_is_kept(self, table):
        codes, names = group_cells(table["number"])
        assert codes.min() >= 0
        assert codes.max() < len(names)
        known = table["number"].notna().to_numpy()
        order = np.argsort(table["number"].to_numpy()[known], kind="stable")
        assert (np.diff(codes[known][order]) >= 0).all()
        assert (np.array(names, dtype=object)[codes[~known]] == "missing").all()

    def test_a_point_mass_is_named_by_its_number(self):
        codes, names = group_cells(pd.Series([0.0] * 60 + [float(number) for number in range(1, 41)]))
        assert names[0] == "0"
        assert (codes[:60] == 0).all()

    def test_dates_are_grouped_as_dates(self):
        _codes, names = group_cells(pd.Series(pd.date_range("2020-01-01", periods=80)))
        assert names[0] == "≤ 10 Jan 2020"

    def test_rare_levels_share_a_group(self):
        cells = pd.Series([f"level{number}" for number in range(30)] + ["level3"] * 9, dtype="str")
        codes, names = group_cells(cells)
        assert names[0] == "level3"
        assert names[-1] == "other levels"
        assert (codes == len(names) - 1).sum() == 39 - 10 - 6


class TestExplained:
    def test_an_input_that_is_the_target_explains_all_and_noise_nothing(self):
        generator = np.random.default_rng(0)
        answers = generator.integers(0, 2, 4_000)
        target = code_target(made_target(answers.astype(str).tolist()), Task.BINARY, ("0", "1"))
        table = pd.DataFrame({"noise": generator.normal(size=4_000), "answer": answers.astype(float)})
        relations = compute_relations(table, target)
        assert [one.column for one in relations] == ["answer", "noise"]
        assert relations[0].explained == pytest.approx(1)
        assert relations[1].explained < 0.005

    def test_a_number_is_explained_as_its_variance_is(self):
        generator = np.random.default_rng(1)
        level = generator.choice(["a", "b"], 10_000)
        number = pd.Series((level == "b") + generator.normal(0, 0.5, 10_000))
        relation = compute_relation("level", pd.Series(level, dtype="str"), code_target(number, Task.REGRESSION, ()))
        assert relation.explained == pytest.approx(0.5, abs=0.03)

    @pytest.mark.parametrize("cells", [["a"] * 6, [None] * 6, list("abcdef")])
    def test_nothing_is_compared_where_nothing_varies_or_every_row_is_alone(self, cells):
        target = code_target(made_target(["0", "1"] * 3), Task.BINARY, ("0", "1"))
        assert compute_relation("one", pd.Series(cells, dtype="str"), target).explained is None

    def test_a_label_that_is_no_class_is_unknown(self):
        target = code_target(made_target(["x", "y", "z", None]), Task.BINARY, ("x", "y"))
        level = compute_level(target, np.arange(4), "all")
        assert (level.unknown, level.means) == (2, (0.5,))


class TestCourse:
    def test_blocks_cover_every_dated_row_in_order_of_time(self):
        times = pd.Series(pd.date_range("2020-01-01", periods=1_000)[::-1])
        times[7] = pd.NaT
        numbers = pd.Series(np.arange(1_000.0)[::-1])
        course = compute_course(code_target(numbers, Task.REGRESSION, ()), times)
        assert len(course) == BLOCKS
        assert sum(level.rows for level in course) == 999
        assert [level.means for level in course] == sorted(level.means for level in course)

    def test_levels_join_to_that_of_all_rows(self):
        labels = made_target(["0", "1", "1", None, "1", None])
        target = code_target(labels, Task.BINARY, ("0", "1"))
        parts = [compute_level(target, rows, "") for rows in (np.array([0, 1, 2]), np.array([3]), np.array([4, 5]))]
        whole = compute_level(target, np.arange(6), "")
        assert join_levels(parts).means == pytest.approx(whole.means)
        assert join_levels(parts).unknown == whole.unknown == 2


def test_the_table_keeps_its_cells_is_the_same_again_and_asks_for_nothing():
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "day": pd.date_range("2014-05-31", periods=50),
            "code": pd.Series(["20140531", "deadbeef"] * 25, dtype="str"),
            "year": generator.integers(1990, 2014, 50).astype(float),
            "empty": np.full(50, np.nan),
        }
    )
    html = render_table(table)
    assert html == render_table(table)
    assert "20140531" in html
    assert "deadbeef" in html
    assert "2.01e+03" not in html
    for outside in ('src="http', "<script src", "<link ", "@import", "fetch(", "url(http"):
        assert outside not in html
