"""Served rows find their labels by what names them or by their inputs, and only where that tells one row."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointsman.pipeline.labels.matching import match_rows, spread_out

KEYS = hnp.arrays(np.int64, st.integers(0, 30), elements=st.integers(0, 12))


@given(KEYS, KEYS, st.integers(1, 4))
def test_a_match_is_unique_in_the_batch_and_in_each_request(batch, keys, requests):
    owners = np.arange(len(keys)) % requests
    in_batch, matched = match_rows(batch, keys, owners)
    np.testing.assert_array_equal(batch[in_batch], keys[matched])
    expected = {
        row
        for row, (key, owner) in enumerate(zip(keys, owners, strict=True))
        if (batch == key).sum() == 1 and ((keys == key) & (owners == owner)).sum() == 1
    }
    assert set(matched.tolist()) == expected
    assert len(matched) == len(expected)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12))
def test_every_kept_row_has_its_place(requests):
    table = pd.DataFrame(requests, columns=["first_row", "kept_rows"])
    owner, places = spread_out(table)
    expected = [(number, first + row) for number, (first, kept) in enumerate(requests) for row in range(kept)]
    assert list(zip(owner.tolist(), places.tolist(), strict=True)) == expected
