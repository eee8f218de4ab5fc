"""A clean batch comes back as it was, typed by the schema of today, whatever was learned of columns since."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.errors import StateError
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.files import FileStore
from pointsman.common.task import Task
from pointsman.pipeline.preparation.clean_store import load_clean_batch, save_clean_batch

SCHEMA = Schema(
    time="begin",
    target="y",
    task=Task.MULTICLASS,
    classes=("9", "10", "no claim"),
    numeric=("paid",),
    categorical=("make",),
    dates=("end",),
)
REGRESSION = replace(SCHEMA, task=Task.REGRESSION, classes=())
INPUTS = pd.DataFrame(
    {
        "paid": [1.5, np.nan, -1e300, 0.1 + 0.2],
        "make": pd.Series(["Škoda", None, "9", "NA"], dtype="str"),
        "end": pd.to_datetime(
            ["2020-01-01 12:30:00.000001", None, "1899-12-31", "2261-01-01"], format="ISO8601"
        ).astype("datetime64[us]"),
    }
)
TIMES = pd.Series(pd.date_range("2019-12-31 23:59:59", periods=4, freq="h").astype("datetime64[us]"))
CODES = np.array([2.0, 0.0, 1.0, 2.0])


@pytest.fixture
def files(tmp_path):
    return FileStore(tmp_path)


def make_batch(target=CODES, inputs=INPUTS, times=TIMES):
    return LabelledBatch(3, inputs, times, target)


@pytest.mark.parametrize(
    ("schema", "target"),
    [(SCHEMA, CODES), (REGRESSION, np.array([-1.25, 0.0, 1e12, 1 / 3]))],
    ids=["classes", "numbers"],
)
def test_everything_comes_back_to_the_last_bit_and_type(files, schema, target):
    name = save_clean_batch(files, make_batch(target), schema)
    back = load_clean_batch(files, name, 3, schema)
    assert back.number == 3
    pd.testing.assert_frame_equal(back.inputs, INPUTS, check_exact=True)
    pd.testing.assert_series_equal(back.times, TIMES, check_names=False)
    assert back.target.tolist() == target.tolist()
    assert back.target.dtype == np.float64


def test_rows_keep_their_order_where_quarantine_left_gaps_in_the_index(files):
    batch = make_batch(inputs=INPUTS.set_index(pd.Index([11, 2, 7, 1])))
    back = load_clean_batch(files, save_clean_batch(files, batch, SCHEMA), 3, SCHEMA)
    pd.testing.assert_frame_equal(back.inputs, INPUTS)
    assert back.times.tolist() == TIMES.tolist()
    assert back.target.tolist() == CODES.tolist()


def test_the_same_batch_is_one_file_and_another_target_is_another(files):
    first = save_clean_batch(files, make_batch(), SCHEMA)
    assert save_clean_batch(files, make_batch(), SCHEMA) == first
    assert save_clean_batch(files, make_batch(CODES[::-1]), SCHEMA) != first


def test_a_class_that_came_later_moves_codes_but_no_label(files):
    name = save_clean_batch(files, make_batch(), SCHEMA)
    wider = replace(SCHEMA, classes=("9", "10", "11", "no claim"))
    assert load_clean_batch(files, name, 3, wider).target.tolist() == [3.0, 0.0, 1.0, 3.0]


def test_a_label_the_schema_lost_is_missing_and_no_other_class(files):
    name = save_clean_batch(files, make_batch(), SCHEMA)
    narrower = replace(SCHEMA, classes=("9", "10"))
    assert np.isnan(load_clean_batch(files, name, 3, narrower).target).tolist() == [True, False, False, True]


def test_inputs_are_those_of_todays_schema_in_its_order(files):
    name = save_clean_batch(files, make_batch(), SCHEMA)
    today = replace(SCHEMA, numeric=("late", "paid"), categorical=("town",), dates=("born",))
    back = load_clean_batch(files, name, 3, today).inputs
    assert list(back) == ["late", "paid", "town", "born"]
    assert back[["late", "town", "born"]].isna().all(axis=None)
    assert {name: str(kind) for name, kind in back.dtypes.items()} == {
        "late": "float64",
        "paid": "float64",
        "town": "str",
        "born": "datetime64[us]",
    }
    assert back["paid"].equals(INPUTS["paid"])


def test_a_batch_of_no_inputs_keeps_its_rows(files):
    bare = replace(SCHEMA, numeric=(), categorical=(), dates=())
    back = load_clean_batch(files, save_clean_batch(files, make_batch(inputs=INPUTS[[]]), bare), 3, bare)
    assert (len(back), back.target.tolist()) == (4, CODES.tolist())


def test_a_damaged_file_is_refused_and_not_learned_from(files):
    name = save_clean_batch(files, make_batch(), SCHEMA)
    stored = files.path(name).read_bytes()
    files.path(name).write_bytes(stored[:-1])
    with pytest.raises(StateError, match="was altered; restore it"):
        load_clean_batch(files, name, 3, SCHEMA)
