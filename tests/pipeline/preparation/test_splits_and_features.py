"""Folds never look ahead; features are computed row by row and name what is missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.config import Duration, FeaturesConfig, Ratio
from common.errors import ConfigError
from common.files import FileStore
from common.records import LabelledBatch
from common.schema import Schema
from common.task import Task
from pipeline.preparation.clean_store import load_clean_batch, save_clean_batch
from pipeline.preparation.features import engineer_features
from pipeline.preparation.splits import time_ordered_folds

SCHEMA = Schema(time="begin", target="y", task=Task.BINARY, classes=("no", "yes"), numeric=("paid", "worth"),
                categorical=("make",), dates=("begin", "end"))  # fmt: skip
INPUTS = pd.DataFrame({
    "paid": [10.0, 20.0, np.nan], "worth": [100.0, 0.0, 50.0], "make": pd.Series(["a", None, "b"], dtype="str"),
    "begin": pd.to_datetime(["2020-01-01", "2020-02-01", None]), "end": pd.to_datetime(["2020-01-11"] * 3),
})  # fmt: skip


@given(st.integers(4, 60), st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_what_is_validated_lies_after_what_is_learned_by_the_gap(rows, folds, gap):
    times = pd.Series(pd.date_range("2020-01-01", periods=rows, freq="D"))
    splits = time_ordered_folds(times, folds, f"{gap}D")
    for split in splits:
        assert times[split.learn].max() + pd.Timedelta(days=gap) < times[split.validate].min() or gap == 0
        assert split.learn.max() < split.validate.min()
    validated = np.concatenate([split.validate for split in splits]) if splits else np.array([], dtype=int)
    assert len(set(validated)) == len(validated)


def test_features_are_those_configured_in_a_fixed_order():
    config = FeaturesConfig(
        date_parts={"begin": ("month",)}, durations=(Duration(start="begin", end="end"),),
        ratios=(Ratio(numerator="paid", denominator="worth"),),
    )  # fmt: skip
    table = engineer_features(INPUTS, SCHEMA, config)
    assert list(table) == ["paid", "worth", "begin_month", "begin_to_end_days", "paid_per_worth", "make"]
    assert table["begin_month"].tolist()[:2] == [1.0, 2.0]
    assert table["begin_to_end_days"].tolist()[:2] == [10.0, -21.0]
    assert table["paid_per_worth"].isna().tolist() == [False, True, True]
    alone = engineer_features(INPUTS.iloc[[1]], SCHEMA, config)
    pd.testing.assert_frame_equal(alone, table.iloc[[1]])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (FeaturesConfig(date_parts={"paid": ("month",)}), "features.date_parts' names 'paid', which is no date input"),
        (FeaturesConfig(ratios=(Ratio(numerator="make", denominator="paid"),)), "'make', which is no numeric input"),
    ],
)
def test_a_feature_of_a_column_that_cannot_be_is_refused(config, words):
    with pytest.raises(ConfigError, match=words):
        engineer_features(INPUTS, SCHEMA, config)


def test_a_clean_batch_is_stored_by_label_so_that_codes_may_change(tmp_path):
    times = pd.Series(pd.to_datetime(["2020-01-01"] * 3))
    batch = LabelledBatch(4, INPUTS, times, np.array([0.0, 1.0, 1.0]))
    name = save_clean_batch(FileStore(tmp_path), batch, SCHEMA)
    same = load_clean_batch(FileStore(tmp_path), name, 4, SCHEMA)
    pd.testing.assert_frame_equal(same.inputs, INPUTS, check_dtype=False)
    assert same.target.tolist() == [0.0, 1.0, 1.0]
    turned = Schema(**{**vars(SCHEMA), "classes": ("yes", "no"), "numeric": ("paid", "worth", "late")})
    later = load_clean_batch(FileStore(tmp_path), name, 4, turned)
    assert later.target.tolist() == [1.0, 0.0, 0.0]
    assert later.inputs["late"].isna().all()
