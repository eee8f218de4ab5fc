"""Tables written in parts: what they hold is what one write of the whole makes, and it is seen once it is whole."""

import gzip
import os

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest

from pointsman.common.errors import DataError
from pointsman.common.storage.files import name_temporary, sweep
from pointsman.common.tabular import writers as table_writers
from pointsman.common.tabular.csv_text import show_times
from pointsman.common.tabular.reader import read_table
from pointsman.common.tabular.writers import check_room, open_table, write_table

TABLE = pd.DataFrame(
    {
        "text": ["a", 'say "hi"', "x,y", "", None, "line\nbreak"],
        "number": [0.1, 1e-7, np.nan, 1e22, -0.0, 3.0],
        "whole": [1, 2, 3, 4, 5, 6],
        "flag": [True, False] * 3,
        "time": pd.to_datetime(["2020-01-01 07:00", None, "2020-01-01 12:30", "1999-12-31 08:00", None, None]),
    }
)


def write_in_parts(path, table, rows, types=None):
    with open_table(path, types) as writer:
        for start in range(0, len(table), rows):
            writer.write(table.iloc[start : start + rows])
    return path


def test_a_table_written_whole_is_the_bytes_that_pandas_writes(tmp_path):
    for ending, written in ((".csv", TABLE.to_csv(index=False).encode()), (".parquet", TABLE.to_parquet(index=False))):
        write_table(TABLE, tmp_path / f"whole{ending}")
        assert (tmp_path / f"whole{ending}").read_bytes() == written


def test_an_old_sheet_is_written_as_a_new_one(tmp_path):
    write_table(TABLE, tmp_path / "a.xls")
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".xlsx"])
def test_parts_are_read_back_as_one_write_is(tmp_path, ending):
    write_table(TABLE, tmp_path / f"whole{ending}")
    parts = write_in_parts(tmp_path / f"parts{ending}", TABLE, 2)
    pd.testing.assert_frame_equal(read_table(parts), read_table(tmp_path / f"whole{ending}"))


def test_text_in_parts_is_the_same_bytes_and_zipped_text_is_the_same_each_time(tmp_path):
    text = write_in_parts(tmp_path / "a.csv", TABLE, 2).read_bytes()
    assert text == show_times(TABLE).to_csv(index=False).encode()
    zipped = [write_in_parts(tmp_path / f"{name}.csv.gz", TABLE, 2).read_bytes() for name in "ab"]
    assert zipped[0] == zipped[1]
    assert gzip.decompress(zipped[0]) == text


def test_a_column_that_begins_with_empty_cells_gets_the_type_it_has(tmp_path):
    table = pd.DataFrame({"a": pd.Series([None, None, True], dtype="object")})
    path = write_in_parts(tmp_path / "a.parquet", table, 2, {"a": pa.bool_()})
    assert read_table(path)["a"].tolist() == [None, None, True]


def test_a_column_that_changes_its_type_is_refused_and_leaves_nothing(tmp_path):
    table = pd.DataFrame({"amount": pd.Series([1, 2, "x"], dtype="object")})
    with pytest.raises(DataError, match=r"a\.parquet' .*amount.*write it as \.csv"):
        write_in_parts(tmp_path / "a.parquet", table, 2)
    assert not list(tmp_path.iterdir())


def test_text_in_a_sheet_stays_text_whatever_it_begins_with(tmp_path):
    table = pd.DataFrame({"=a": ["=1+1", "bell\a", "x" * 40_000], "zone": pd.to_datetime(["2020-01-01"] * 3, utc=True)})
    path = write_in_parts(tmp_path / "a.xlsx", table, 2)
    cells = [cell for (cell, _) in openpyxl.load_workbook(path).active.iter_rows(values_only=False)]
    assert [cell.data_type for cell in cells] == ["s"] * 4
    assert [cell.value[:5] for cell in cells] == ["=a", "=1+1", "bell", "xxxxx"]


def test_a_sheet_that_cannot_hold_the_rows_is_refused_before_any_is_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(table_writers, "EXCEL_ROWS", 3)
    for ending in (".csv", ".csv.gz", ".parquet"):
        for rows in (3, 4):
            write_table(TABLE.head(rows), tmp_path / f"{rows}{ending}")
        check_room(tmp_path / f"3{ending}", tmp_path / "a.xlsx")
        check_room(tmp_path / f"4{ending}", tmp_path / "a.csv")
        with pytest.raises(DataError, match=r"holds 3 rows, which are too few for .*a\.xlsx'; write \.csv"):
            check_room(tmp_path / f"4{ending}", tmp_path / "a.xlsx")
    with pytest.raises(DataError, match="holds 3 rows"):
        write_in_parts(tmp_path / "a.xlsx", TABLE, 2)
    assert not (tmp_path / "a.xlsx").exists()


def test_a_table_is_seen_only_once_it_is_whole(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with open_table(tmp_path / "a.csv") as writer:
        writer.write(TABLE)
        assert (tmp_path / "a.csv").read_text() == "old"
    assert (tmp_path / "a.csv").read_text() != "old"
    with pytest.raises(AttributeError), open_table(tmp_path / "b.csv") as writer:
        writer.write("no table")  # an AttributeError, once it is waited for
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_sweeping_a_folder_of_the_user_takes_half_written_files_alone(tmp_path):
    half = name_temporary(tmp_path / "a.csv")
    half = half.with_name(half.name.replace(f"-{os.getpid()}-", "-999999999-"))
    deep = tmp_path / "deep" / half.name
    deep.parent.mkdir()
    for path in (half, deep, tmp_path / ".notes.tmp", tmp_path / ".my-old-file.tmp"):
        path.write_bytes(b"x")
        os.utime(path, (0, 0))
    sweep(tmp_path, deep=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".my-old-file.tmp", ".notes.tmp", "deep"]
    assert deep.exists()
