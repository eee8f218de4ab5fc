"""Served rows find their labels by their inputs, and what they cost is reckoned against the other lines."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.ledger import compute_keys, find_single_best, match_unique

TABLE = pd.DataFrame({
    "worth": [1.5, np.nan, 2.0, 1.5],
    "make": pd.Series(["a", "b", None, "a"], dtype="str"),
    "day": pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-01"]),
})  # fmt: skip


def test_equal_inputs_have_equal_keys_wherever_they_are():
    keys = compute_keys(TABLE, list(TABLE))
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3
    shuffled = TABLE.iloc[[2, 0, 1]].reset_index(drop=True)
    np.testing.assert_array_equal(compute_keys(shuffled, list(TABLE)), keys[[2, 0, 1]])


def test_a_key_covers_the_columns_the_request_had():
    assert compute_keys(TABLE, ["make"])[0] == compute_keys(TABLE.assign(worth=0.0), ["make"])[0]
    assert compute_keys(TABLE, ["worth"])[0] != compute_keys(TABLE.assign(worth=0.0), ["worth"])[0]


@given(
    hnp.arrays(np.int64, st.integers(0, 30), elements=st.integers(0, 12)),
    hnp.arrays(np.int64, st.integers(0, 30), elements=st.integers(0, 12)),
)
def test_a_match_is_unique_on_both_sides(left, right):
    first, second = match_unique(left, right)
    np.testing.assert_array_equal(left[first], right[second])
    matched = set(left[first].tolist())
    unique = {key for key in left.tolist() if (left == key).sum() == 1 and (right == key).sum() == 1}
    assert matched == unique


def test_the_single_best_is_judged_over_all_requests_so_far():
    entries = [
        {"champion": 0.5, "rows": 100, "losses": {"a": 0.5, "b": 0.3}},
        {"champion": 0.5, "rows": 10, "losses": {"a": 0.5, "b": 0.9}},
    ]
    assert find_single_best(entries[:1], entries[1]) == 0.9
    assert find_single_best([], entries[1]) == 0.5
    assert find_single_best([], {"champion": 0.5, "rows": 1, "losses": {}}) is None
