"""Rows that were answered are kept as they were, whatever they hold, and are found again by inputs or names."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.errors import StateError
from pointsman.common.schema import Schema
from pointsman.common.storage.files import FileStore
from pointsman.common.task import Task
from pointsman.pipeline.labels.served_rows import (
    compute_keys,
    compute_named_keys,
    find_newest_time,
    join_answered,
    keep_rows,
    load_answered,
    load_row_keys,
    save_answered,
)

TABLE = pd.DataFrame(
    {
        "worth": [1.5, np.nan, 2.0, 1.5],
        "make": pd.Series(["a", "b", None, "a"], dtype="str"),
        "day": pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-01"]),
    }
)
SCHEMA = Schema("day", "sold", Task.BINARY, ("0", "1"), numeric=("worth",), categorical=("make",), dates=("day",))
CELLS = st.tuples(st.none() | st.floats(allow_infinity=False), st.none() | st.text(max_size=3), st.none() | st.dates())


def make_kept(table, positions=None):
    positions = np.arange(len(table)) if positions is None else positions
    return keep_rows(SCHEMA, table, list(table), np.tile([0.25, 0.75], (len(table), 1)), positions)


def make_table(rows):
    table = pd.DataFrame(rows, columns=["worth", "make", "day"])
    days = pd.to_datetime(table["day"], errors="coerce").astype("datetime64[us]")
    return table.astype({"worth": "float64", "make": "str"}).assign(day=days)


def test_equal_inputs_have_equal_keys_wherever_they_are():
    keys = compute_keys(TABLE, list(TABLE))
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3
    shuffled = TABLE.iloc[[2, 0, 1]].reset_index(drop=True)
    np.testing.assert_array_equal(compute_keys(shuffled, list(TABLE)), keys[[2, 0, 1]])


def test_a_key_covers_the_columns_the_request_had():
    assert compute_keys(TABLE, ["make"])[0] == compute_keys(TABLE.assign(worth=0.0), ["make"])[0]
    assert compute_keys(TABLE, ["worth"])[0] != compute_keys(TABLE.assign(worth=0.0), ["worth"])[0]


def test_a_name_is_a_name_only_where_every_part_of_it_is_there():
    raw = pd.DataFrame({"policy": ["7", "7.0", "", "8"], "day": ["2020-01-01", "01/01/2020", "2020-01-01", "soon"]})
    keys = compute_named_keys(raw, ["policy", "day"], SCHEMA)
    assert keys[0] == keys[1] != 0
    assert keys[2] == keys[3] == 0
    assert not compute_named_keys(raw, ["policy", "branch"], SCHEMA).any()
    assert not compute_named_keys(raw, [], SCHEMA).any()


@settings(max_examples=30)
@given(st.lists(CELLS, min_size=1, max_size=6))
def test_rows_come_back_as_they_were_kept(tmp_path_factory, rows):
    files = FileStore(tmp_path_factory.mktemp("rows"))
    kept = make_kept(make_table(rows)).with_versions({"tree-0002": np.full((len(rows), 2), 0.5, np.float32)})
    name = save_answered(files, kept)
    again = load_answered(files, name, SCHEMA)
    pd.testing.assert_frame_equal(again.inputs, kept.inputs)
    for array in ("positions", "digests", "keys", "outputs"):
        np.testing.assert_array_equal(getattr(again, array), getattr(kept, array))
    np.testing.assert_array_equal(again.by_version["tree-0002"], kept.by_version["tree-0002"])
    np.testing.assert_array_equal(load_row_keys(files, name)["digest"], kept.digests)
    np.testing.assert_array_equal(compute_keys(again.inputs, SCHEMA.inputs), kept.digests)


def test_parts_are_joined_and_a_version_that_did_not_score_one_is_unknown_there():
    first, second = make_kept(TABLE), make_kept(TABLE.iloc[:1])
    both = join_answered([first.with_versions({"a": np.ones((4, 2), np.float32)}), second])
    assert len(both) == 5
    assert np.isnan(both.by_version["a"]).sum() == 2
    assert both.take(np.array([4])).digests[0] == second.digests[0]


def test_a_broken_file_is_told_of(tmp_path):
    files = FileStore(tmp_path)
    assert load_row_keys(files, "0" * 64 + ".parquet") is None
    no_rows = files.save(b"no rows", ".parquet")
    with pytest.raises(StateError, match="holds no answered rows"):
        load_row_keys(files, no_rows)


def test_the_clock_of_the_stream_is_no_date_in_the_future():
    at = pd.Timestamp("2020-01-02").to_pydatetime()
    assert find_newest_time(TABLE.assign(day=pd.Timestamp("2999-01-01")), SCHEMA, at) is None
    assert find_newest_time(TABLE, SCHEMA, at) == pd.Timestamp("2020-01-03")
    assert find_newest_time(TABLE.drop(columns="day"), SCHEMA, at) is None
