"""Row hashes: the same for the same content, whatever the dtypes, and in every process."""

import datetime
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pointsman.pipeline.collection.cells import format_cells, storable
from pointsman.pipeline.collection.fingerprints import StoredRows, add_digests, compute_rows_digest, hash_rows

TABLE = pd.DataFrame({"a": ["x", "y", "x"], "b": [1.0, 2.5, 1.0], "day": pd.to_datetime(["2020-01-01"] * 3)})


def test_equal_rows_hash_equal_and_others_do_not():
    first, second, third = hash_rows(TABLE)
    assert first == third
    assert first != second


def test_hashes_do_not_depend_on_column_order_or_empty_columns():
    moved = TABLE[["day", "b", "a"]].assign(late=[None, "", np.nan])
    assert (hash_rows(moved) == hash_rows(TABLE)).all()


def test_a_cell_under_another_name_or_in_another_row_changes_the_digest():
    renamed = TABLE.rename(columns={"a": "c"})
    swapped = TABLE.assign(a=["y", "x", "x"])
    digests = [compute_rows_digest(hash_rows(table)) for table in (TABLE, renamed, swapped)]
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pd.Series([1, 2]), pd.Series([1.0, 2.0])),
        (pd.Series([1, 2]), pd.Series([1, 2], dtype="Int64")),
        (pd.Series([1.5, 4.0]), pd.Series([1.5, 4], dtype=object)),
        (pd.Series([True, False]), pd.Series([True, False], dtype=object)),
        (pd.Series(["a", "b"]), pd.Series(["a", "b"], dtype=object)),
        (pd.Series(["a", "b"]), pd.Series(["a", "b"], dtype="category")),
        (pd.Series([73.3, 0.1], dtype="float32"), pd.Series(np.float32([73.3, 0.1]).astype("float64"))),
        (pd.Series([Decimal("1.50"), Decimal("2")], dtype=object), pd.Series([Decimal("1.5"), Decimal("2.00")])),
        (
            pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"])),
            pd.Series([datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 2)], dtype=object),
        ),
        (pd.Series([b"a", b"\xff"]), pd.Series(["a", "\\xff"])),
    ],
)
def test_the_dtype_a_reader_chose_does_not_matter(first, second):
    assert (hash_rows(pd.DataFrame({"a": first})) == hash_rows(pd.DataFrame({"a": second}))).all()


def test_a_cell_added_to_a_column_changes_no_hash_of_the_others():
    for cells, added in (([1, 2], None), ([True, False], None), ([1, 2], "8R"), (["2020-01-01"], "2020-01-01 10:00")):
        before = pd.DataFrame({"a": pd.Series(cells)})
        after = pd.DataFrame({"a": pd.Series([*cells, added], dtype=object).infer_objects()})
        assert (hash_rows(after)[: len(cells)] == hash_rows(before)).all()
    days = pd.to_datetime(["2020-01-01", "2020-01-02 10:00"], format="ISO8601")
    assert hash_rows(pd.DataFrame({"a": days}))[0] == hash_rows(pd.DataFrame({"a": days[:1]}))[0]


def test_hashes_are_the_same_in_another_process():
    program = (
        "import pandas as pd; from pipeline.collection.fingerprints import hash_rows;"
        "print(*hash_rows(pd.DataFrame({'a': ['x', 'ü'], 'b': [1.0, None]})))"
    )
    here = hash_rows(pd.DataFrame({"a": ["x", "ü"], "b": [1.0, None]}))
    environment = {"PYTHONHASHSEED": "12345", "PYTHONPATH": ":".join(filter(None, sys.path))}
    there = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.split() == [str(number) for number in here]


def test_digests_add_up_and_do_not_depend_on_order():
    hashes = hash_rows(pd.DataFrame({"a": range(1000)}))
    whole = compute_rows_digest(hashes)
    assert compute_rows_digest(hashes[::-1]) == whole
    assert add_digests(compute_rows_digest(hashes[:300]), compute_rows_digest(hashes[300:])) == whole
    assert compute_rows_digest(hashes[:0]) == 0
    assert compute_rows_digest(hashes[:-1]) != whole


def test_rows_that_are_stored_and_read_back_hash_equal(tmp_path):
    mixed = pd.Series([1, "8R", 2.5, None, True, datetime.date(2020, 1, 1), [1, 2]], dtype=object)
    table = pd.DataFrame({"mixed": mixed, "number": range(7), "text": list("abcdefg")})
    storable(table).to_parquet(tmp_path / "a.parquet")
    assert (hash_rows(pd.read_parquet(tmp_path / "a.parquet")) == hash_rows(table)).all()


def test_stored_rows_are_struck_off_as_a_multiset():
    stored = StoredRows([pd.DataFrame({"a": ["x", "x", "y"]}), pd.DataFrame({"a": ["z"]})])
    asked = hash_rows(pd.DataFrame({"a": ["x", "x", "x", "z", "new"]}))
    assert stored.strike_off(asked).tolist() == [True, True, False, True, False]
    assert stored.strike_off(asked).tolist() == [False] * 5
    assert stored.strike_off(hash_rows(pd.DataFrame({"a": ["y"]}))).tolist() == [True]


def test_nothing_stored_strikes_nothing_off():
    assert StoredRows([]).strike_off(hash_rows(TABLE)).tolist() == [False] * 3


def test_formatted_cells_keep_their_index_and_missing_ones():
    cells = format_cells(pd.Series([1, None, "a"], index=[5, 5, 1], dtype=object))
    assert cells.index.tolist() == [5, 5, 1]
    assert cells.isna().tolist() == [False, True, False]
    assert cells.dtype == "str"


def test_long_numbers_beside_missing_ones_are_told_apart_and_are_the_same_in_every_format():
    ids = [900719925474100568, None, 900719925474100569]
    nullable = pd.DataFrame({"id": pd.Series(ids, dtype="Int64")})
    text = pd.DataFrame({"id": ["900719925474100568", "", "900719925474100569"]})
    assert len(set(hash_rows(nullable))) == 3
    assert hash_rows(nullable).tolist() == hash_rows(text).tolist()
