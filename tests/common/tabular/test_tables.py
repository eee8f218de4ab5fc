"""Tables as people keep them: every file is read right or refused in one sentence that names it."""

import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from pointsman.common.errors import DataError, StateError
from pointsman.common.formats import FORMATS, find_format
from pointsman.common.tabular.reader import read_table
from pointsman.common.tabular.writers import write_table

ROWS = pd.DataFrame({"day": ["2013-08-08", "2013-08-09"], "level": ["a", "ü"], "amount": ["1.50", "2"]})


def write_text(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".xlsx"])
def test_a_written_table_reads_back_equal(tmp_path, ending):
    path = tmp_path / f"rows{ending}"
    write_table(ROWS, path)
    pd.testing.assert_frame_equal(read_table(path), ROWS)


def test_writing_the_same_table_twice_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"
    write_table(ROWS, first)
    write_table(ROWS, second)
    assert first.read_bytes() == second.read_bytes()


def test_csv_cells_stay_text(tmp_path):
    table = read_table(write_text(tmp_path / "a.csv", "a,b,c\n007,NA,\n1.0,nan,x\n"))
    assert table.to_numpy().tolist() == [["007", "NA", ""], ["1.0", "nan", "x"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_header(tmp_path, separator):
    text = separator.join(["name", "amount"]) + "\n" + separator.join(["x", '"1,5;2|3\t4"']) + "\n"
    table = read_table(write_text(tmp_path / "a.csv", text))
    assert table.to_dict("list") == {"name": ["x"], "amount": ["1,5;2|3\t4"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_usual_encodings_are_understood(tmp_path, encoding, ending):
    content = '"make",usage\nCitroën,own\n'.encode(encoding)
    path = tmp_path / f"a{ending}"
    path.write_bytes(gzip.compress(content) if ending == ".csv.gz" else content)
    assert read_table(path).to_dict("list") == {"make": ["Citroën"], "usage": ["own"]}


def test_a_file_with_a_header_alone_has_columns_and_no_rows(tmp_path):
    pd.DataFrame(columns=["a", "b"]).to_excel(tmp_path / "a.xlsx", index=False)
    for path in (write_text(tmp_path / "a.csv", "a,b\n"), tmp_path / "a.xlsx"):
        table = read_table(path)
        assert list(table.columns) == ["a", "b"]
        assert len(table) == 0


def test_a_short_row_ends_in_empty_cells(tmp_path):
    table = read_table(write_text(tmp_path / "a.csv", "a,b,c\n1,2\n4,5,6\n"))
    assert table.to_numpy().tolist() == [["1", "2", ""], ["4", "5", "6"]]


def test_a_separator_at_every_line_end_makes_no_column(tmp_path):
    table = read_table(write_text(tmp_path / "a.csv", "a,b,\n1,2,\n"))
    assert table.to_dict("list") == {"a": ["1"], "b": ["2"]}


def test_a_nameless_column_with_cells_is_kept(tmp_path):
    table = read_table(write_text(tmp_path / "a.csv", ",b\n0,2\n"))
    assert table.to_numpy().tolist() == [["0", "2"]]


def test_names_are_trimmed_and_cells_with_line_breaks_kept(tmp_path):
    table = read_table(write_text(tmp_path / "a.csv", ' a ,b\n1,"x\ny"\n\n3,4\n'))
    assert table.to_dict("list") == {"a": ["1", "3"], "b": ["x\ny", "4"]}


@pytest.mark.parametrize("rows", ["1,2,3\n4,5,6\n", "1,2\n4,5,6\n", "1,2,3\n4,5\n"])
def test_a_row_with_more_cells_than_names_is_refused(tmp_path, rows):
    path = write_text(tmp_path / "long.csv", "a,b\n" + rows)
    with pytest.raises(DataError, match=r"long\.csv"):
        read_table(path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b'a,b\n1,"x\n3,4\n'])
def test_a_csv_without_usable_content_is_refused(tmp_path, content):
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.csv"):
        read_table(tmp_path / "bad.csv")


@pytest.mark.parametrize("ending", [".csv.gz", ".parquet", ".xlsx", ".xls"])
def test_a_damaged_file_is_refused_by_name(tmp_path, ending):
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5000)[:40] if ending == ".csv.gz" else b"no such format")
    with pytest.raises(DataError, match="damaged") as refused:
        read_table(path)
    assert "\n" not in str(refused.value)


def test_a_missing_file_an_unknown_ending_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv' does not exist"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"use one of \.csv"):
        read_table(write_text(tmp_path / "a.json", "[]"))
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(DataError, match=r"b\.csv"):
        read_table(tmp_path / "b.csv")


def test_a_column_name_given_twice_is_refused(tmp_path):
    pd.DataFrame([[1, 2]], columns=["a", "a "]).to_excel(tmp_path / "a.xlsx", index=False)
    pd.DataFrame([[1, 2]], columns=["a", "a "]).to_parquet(tmp_path / "a.parquet")
    for path in (write_text(tmp_path / "a.csv", "a, a\n1,2\n"), tmp_path / "a.xlsx", tmp_path / "a.parquet"):
        with pytest.raises(DataError, match="'a' more than once"):
            read_table(path)


def test_two_nameless_columns_are_no_name_given_twice(tmp_path):
    pd.DataFrame([["x", 1, None, None]]).to_excel(tmp_path / "a.xlsx", index=False, header=["a", "b", None, None])
    for path in (write_text(tmp_path / "a.csv", "a,b,,\nx,1,,\n"), tmp_path / "a.xlsx"):
        assert list(read_table(path).columns) == ["a", "b"]


def test_excel_cells_keep_their_content_beside_empty_ones(tmp_path):
    written = pd.DataFrame({"flag": [True, None, False], "code": [1, "NA", 4], "number": [1.5, None, 2], "none": None})
    written.to_excel(tmp_path / "a.xlsx", index=False)
    table = read_table(tmp_path / "a.xlsx")
    assert table["flag"].tolist() == [True, pytest.approx(np.nan, nan_ok=True), False]
    assert table["code"].tolist() == [1, "NA", 4]
    assert table["number"].dtype == "float64"
    assert table["none"].isna().all()


def test_an_empty_first_sheet_is_refused(tmp_path):
    pd.DataFrame().to_excel(tmp_path / "empty.xlsx", index=False)
    with pytest.raises(DataError, match=r"empty\.xlsx' has an empty first sheet"):
        read_table(tmp_path / "empty.xlsx")


def test_a_spreadsheet_with_a_broken_inside_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "hollow.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "no workbook")
    with pytest.raises(DataError, match=r"hollow\.xlsx' cannot be read as \.xlsx"):
        read_table(tmp_path / "hollow.xlsx")


def test_a_named_parquet_index_is_a_column_and_categories_are_their_values(tmp_path):
    table = pd.DataFrame({"kind": pd.Categorical(["a", "b"])}, index=pd.DatetimeIndex(["2020-01-01"] * 2, name="day"))
    table.to_parquet(tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    assert list(read.columns) == ["day", "kind"]
    assert read["kind"].dtype == "str"
    assert isinstance(read.index, pd.RangeIndex)


def test_a_filtered_parquet_table_gets_a_fresh_index(tmp_path):
    pd.DataFrame({"a": range(5)}).query("a > 2").to_parquet(tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    assert read.index.tolist() == [0, 1]
    assert list(read.columns) == ["a"]


def test_formats_are_told_by_the_longest_ending(tmp_path):
    assert [find_format(tmp_path / f"x{ending.upper()}") for ending in FORMATS] == list(FORMATS)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_text(tmp_path / "a.csv", "old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(StateError, match="disk full"):
        write_table(ROWS, path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


def test_real_files_of_every_kind_are_read_whole(real_data):
    shapes = {"eic_sample.csv": (8000, 16), "hotel.parquet": (119_390, 26), "aus_motor.xlsx": (22_036, 11)}
    assert {name: read_table(real_data(name)).shape for name in shapes} == shapes


def test_real_text_is_what_the_csv_module_reads(real_data):
    import csv

    path = real_data("bank.csv")
    expected = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    table = read_table(path)
    assert list(table.columns) == expected[0]
    assert table.iloc[[0, 20_000, -1]].to_numpy().tolist() == [expected[1], expected[20_001], expected[-1]]
