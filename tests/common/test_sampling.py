"""Samples of rows: evenly spread, whether or not the end of the table is known."""

import numpy as np
import pandas as pd

from pointsman.common.sampling import SpreadSample, spread_rows


def test_a_spread_sample_keeps_all_of_a_short_table_and_every_nth_row_of_a_long_one():
    for n_rows, part in ((5, 2), (20, 7), (21, 7), (1_000, 13), (1_000, 400)):
        sample, cells = SpreadSample(10), np.arange(n_rows)
        for first in range(0, n_rows, part):
            rows = cells[first : first + part]
            sample.add(first, rows, pd.DataFrame({"a": rows}))
        kept, frame = sample.collect()
        assert frame["a"].tolist() == kept.tolist()
        assert kept.tolist() == list(range(0, n_rows, sample.every))
        assert 10 < len(kept) <= 20 or len(kept) == n_rows
        assert len(spread_rows(len(kept), 10)) == min(10, len(kept))
