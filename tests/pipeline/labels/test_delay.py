"""The gap of the folds follows the delay of labels that was observed in the stream's own time, within reason."""

import numpy as np
import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from made_requests import go_on, make_live_rows, one_by_one, serve

from pointsman.common.config import load_config
from pointsman.common.records import LabelledBatch
from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.label_tables import settlements_table
from pointsman.pipeline.labels.delay import pool_delays, resolve_gap, summarise_delays
from pointsman.pipeline.labels.intake import add_labels

DAY = 86_400


@given(st.lists(st.tuples(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(1, 50)), min_size=1))
def test_a_pooled_delay_covers_most_labels_and_is_one_that_was_seen(known):
    pooled = pool_delays(known)
    assert pooled in {delay for delays, _ in known for delay in delays}
    weight = sum(count for _, count in known)
    within = sum(count * np.mean([delay <= pooled for delay in delays]) for delays, count in known)
    assert within >= 0.9 * weight - 1e-6


def test_delays_are_summed_up_by_quantiles():
    assert summarise_delays(np.array([])) == []
    assert summarise_delays(np.arange(101.0)) == list(range(0, 101, 10))


def test_a_gap_that_is_configured_stays():
    config = load_config(small_stream.ROOT / "config.yaml", ["training.gap=30D"])
    assert resolve_gap(config, None, []) == "30D"


def test_labels_that_come_late_in_the_stream_hold_the_folds_apart(linear_stream, tmp_path):
    folder = small_stream.copy(linear_stream, tmp_path)
    with small_stream.opened(folder, small_stream.LINEAR) as (config, state):
        rows, labels = make_live_rows(20, config.schema_.target)
        days = pd.date_range("2013-01-01", periods=20, freq="D")
        rows["INSR_BEGIN"] = days.strftime("%d-%b-%y").str.upper()
        serve(config, state, one_by_one(rows))
        pairs = [(f"one{place}-0", label) for place, label in enumerate(labels)]
        add_labels(config, state, pairs[:10], "feedback")
        go_on(config, state)
        told = {row["batch"]: row for row in read_rows(state.engine, sa.select(settlements_table))}[4]
        assert (told["delays"][0], told["delays"][-1]) == (10 * DAY, 19 * DAY)
        assert told["gap"] == "0s", "what this update has learned holds from the next one on"
        times = pd.Series(pd.to_datetime(["2010-01-01", "2013-01-01"]))
        window = [LabelledBatch(1, rows.head(2), times, np.zeros(2))]
        assert resolve_gap(config, state, window) == f"{round(18.1 * DAY)}s"
        narrow = [
            LabelledBatch(1, rows.head(2), times.iloc[[1]].repeat(2) + pd.to_timedelta([0, 40], "D"), np.zeros(2))
        ]
        assert resolve_gap(config, state, narrow) == f"{10 * DAY}s", "at most a quarter of what there is to learn"


@pytest.mark.parametrize("gap", ["auto", "0D", "1.5 h"])
def test_gaps_are_durations_or_auto(gap):
    assert load_config(small_stream.ROOT / "config.yaml", [f"training.gap={gap}"]).training.gap == gap
