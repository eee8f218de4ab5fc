"""Metaparameters: each number against a hand count."""

import json
import math

import pandas as pd
import pytest

from pointsman.common.config import Config
from pointsman.common.reading import read_dates
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.collection.metaparameters import compute_metaparameters

FRAME = pd.DataFrame(
    {
        "day": ["2020-01-01", "2020-01-01", "2020-01-03", "soon"],
        "amount": ["1.5", "1.5", "8R", ""],
        "colour": ["red", "red", "NA", "blue"],
        "note": ["x"] * 4,
        "y": ["1", "1", "", "0"],
    }
)
SCHEMA = Schema(
    time="day",
    target="y",
    task=Task.BINARY,
    classes=("0", "1"),
    numeric=("amount", "gone"),
    categorical=("colour",),
    dates=("day",),
    missing_values=("", "NA"),
)


def compute(frame=FRAME, schema=SCHEMA, late_rows=1):
    batch = RawBatch(1, "rows.csv", frame, read_dates(frame["day"]), {}, late_rows)
    return compute_metaparameters(batch, schema)


def test_every_number_is_what_counting_by_hand_gives():
    assert compute() == pytest.approx(
        {
            "rows": 4,
            "columns": 5,
            "late_ratio": 0.25,
            "duplicate_ratio": 0.25,
            "start_day": 18262,
            "end_day": 18264,
            "span_days": 2,
            "rows_per_day": 1.5,
            "unreadable_time_ratio": 0.25,
            "numeric_columns": 2,
            "categorical_columns": 1,
            "date_columns": 1,
            "absent_columns": 1,
            "unknown_columns": 1,
            "missing_ratio": (0.25 + 1 + 0.25 + 0) / 4,
            "max_missing_ratio": 1,
            "unreadable_number_ratio": 0.25,
            "mean_levels": 2,
            "target_missing_ratio": 0.25,
            "target_labels": 2,
            "target_unseen_ratio": 0,
            "target_share": 2 / 3,
        }
    )


def test_the_target_of_a_multiclass_stream():
    schema = Schema.from_json({**SCHEMA.to_json(), "task": "multiclass", "classes": ["a", "b"]})
    computed = compute(FRAME.assign(y=["a", "b", "c", "c"]), schema)
    assert computed["target_majority_share"] == 0.5
    assert computed["target_entropy"] == pytest.approx(1.5)
    assert computed["target_unseen_ratio"] == 0.5


def test_the_target_of_a_regression():
    schema = Schema.from_json({**SCHEMA.to_json(), "task": "regression", "classes": []})
    computed = compute(FRAME.assign(y=["0", "3", "", "6"]), schema)
    assert computed["target_mean"] == 3
    assert computed["target_std"] == pytest.approx(math.sqrt(6))
    assert computed["target_median"] == 3
    assert computed["target_zero_ratio"] == pytest.approx(1 / 3)


def test_what_depends_on_labels_is_named_so():
    unlabelled = compute(FRAME.assign(y=""))
    labelled = compute(FRAME.assign(y=["1", "0", "", "0"]))
    differing = {name for name in labelled if labelled[name] != unlabelled[name]}
    assert differing
    assert all(name.startswith("target_") for name in differing)


@pytest.mark.parametrize("task", list(Task))
def test_numbers_are_json_even_where_nothing_can_be_computed(task):
    schema = Schema.from_json({**SCHEMA.to_json(), "task": task, "classes": [], "categorical": [], "numeric": []})
    computed = compute(FRAME.assign(y="", day="soon"), schema)
    assert json.loads(json.dumps(computed, allow_nan=False)) == computed
    assert computed["start_day"] is computed["rows_per_day"] is computed["mean_levels"] is None
    assert computed["target_missing_ratio"] == 1


def test_a_batch_within_a_day_has_no_infinite_rate():
    assert compute(FRAME.assign(day="2020-01-01"))["rows_per_day"] == 4


def test_the_demo_stream_has_the_published_claim_share():
    from pointsman.pipeline.collection.batching import take_batch
    from pointsman.pipeline.collection.roles import infer_schema

    config = Config.model_validate(
        {
            "source": {"demo": {"rows": 3000}},
            "schema": {"time": "INSR_BEGIN", "target": "CLAIM_PAID", "positive": "> 0", "missing_target": 0},
            "batch": {"rows": 3000},
        }
    )
    batch = take_batch(config, None, 1, list)
    computed = compute_metaparameters(batch, infer_schema(batch.frame, config, batch.origin))
    assert 0.04 < computed["target_share"] < 0.12
    assert computed["target_missing_ratio"] == 0
    assert computed["rows"] == 3000
    assert all(value is None or math.isfinite(value) for value in computed.values())
