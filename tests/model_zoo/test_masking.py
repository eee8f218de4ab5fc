"""Masked copies: same rows, same targets, less to see, and the same for the same seed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.model_zoo.masking import MOST_HIDDEN, add_masked_copies


def make_table(rows=2_000, width=10):
    numbers = np.random.default_rng(5).normal(size=(rows, width))
    table = pd.DataFrame(numbers, columns=[f"number_{position}" for position in range(width)])
    return table.assign(make=pd.Series(["a", "b"] * (rows // 2), dtype="str"))


def test_the_share_hidden_is_spread_evenly_between_none_and_the_most():
    table = make_table()
    both, _ = add_masked_copies(table, np.zeros(len(table)), np.random.default_rng(0))
    shares = both.tail(len(table)).isna().mean(axis=1)
    assert shares.mean() == pytest.approx(MOST_HIDDEN / 2, abs=0.02)
    # hidden cells of independent rows would be spread by 0.15 around their mean; a share of their own makes it 0.29
    assert shares.std() > 0.25
    assert both.tail(len(table)).isna().mean().min() > 0.4


def test_the_same_seed_hides_the_same_cells_and_another_one_others():
    table, target = make_table(200), np.arange(200.0)
    tables = [add_masked_copies(table, target, np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not tables[0].equals(tables[2])


def test_the_table_passed_in_is_not_changed():
    table = make_table(200)
    before = table.copy()
    add_masked_copies(table, np.zeros(200), np.random.default_rng(1))
    pd.testing.assert_frame_equal(table, before)


@given(st.integers(1, 20), st.integers(0, 3), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_every_copy_is_its_row_with_cells_left_out(rows, width, seed):
    table = pd.DataFrame(np.arange(rows * width, dtype=float).reshape(rows, width)).rename(columns=str)
    table["make"] = pd.Series([f"level {row}" for row in range(rows)], dtype="str")
    table.index = range(100, 100 + rows)
    target = np.arange(rows, dtype=float)
    both, targets = add_masked_copies(table, target, np.random.default_rng(seed))
    assert both.index.tolist() == list(range(2 * rows))
    assert both.dtypes.equals(table.dtypes)
    np.testing.assert_array_equal(targets, np.tile(target, 2))
    plain = table.reset_index(drop=True)
    pd.testing.assert_frame_equal(both.head(rows), plain)
    copies = both.tail(rows).reset_index(drop=True)
    pd.testing.assert_frame_equal(copies.where(copies.notna(), plain), plain)
