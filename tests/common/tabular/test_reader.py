"""Chunks: together they are the table that the whole file is read as, however it is cut."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.errors import DataError
from pointsman.common.tabular.reader import read_ahead, read_chunks, read_table

CELLS = st.sampled_from(["", "a", " b ", "ü", '"x\ny"', '"1;2"', '"say ""hi"""', "007", "NA", "1.50"])
TEXTS = st.builds(
    lambda names, rows, separator, ends, mark: (
        mark + separator.join(names) + ends + ends.join(separator.join(row[: len(names)]) for row in rows) + ends
    ),
    st.sampled_from([["a", "b", "c"], ["a", "b", ""], ["", "b"], ["a", "", ""], ['"x y"', " b "]]),
    st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)


def read_both(path, rows):
    """Return the whole table and the chunks put together, or the errors of both."""
    results = []
    for read in (read_table, lambda one: pd.concat([chunk.table for chunk in read_chunks(one, rows)])):
        try:
            results.append(read(path).reset_index(drop=True))
        except DataError as error:
            results.append(str(error))
    return results


def expect_alike(path, rows):
    whole, together = read_both(path, rows)
    if isinstance(whole, str):
        assert isinstance(together, str), "a file that is refused as a whole is answered in parts"
    else:
        assert not isinstance(together, str), together
        pd.testing.assert_frame_equal(together, whole)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.sampled_from(["utf-8", "utf-16", "cp1252"]), st.booleans(), st.integers(1, 4))
def test_any_text_is_read_in_chunks_as_it_is_whole(text, encoding, zipped, rows):
    content = text.encode(encoding, errors="ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.csv.gz" if zipped else "a.csv")
        path.write_bytes(gzip.compress(content) if zipped else content)
        expect_alike(path, rows)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(1, 5))
def test_any_parquet_table_is_read_in_chunks_as_it_is_whole(drawn, rows, group):
    n_rows = drawn.draw(st.integers(1, 7))
    columns = {
        name: pa.array(drawn.draw(st.lists(st.none() | cells, min_size=n_rows, max_size=n_rows)), kind)
        for name, cells, kind in (
            ("whole", st.integers(-5, 5), pa.int32()),
            ("flag", st.booleans(), pa.bool_()),
            ("number", st.floats(-1, 1), pa.float64()),
            ("text", st.sampled_from("ab"), pa.string()),
            ("day", st.dates(), pa.date32()),
            ("none", st.none(), pa.null()),
            ("time", st.none(), pa.timestamp("us")),
        )
    }
    columns["kind"] = pa.array(list("xyxyxyx")[:n_rows]).dictionary_encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=group, write_statistics=drawn.draw(st.booleans()))
        expect_alike(path, rows)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(5, 15, 2, name="position"),
        pd.Index([3, 1, 2, 9, 4], name=" key "),
        pd.Index([3, 1, 2, 9, 4]),
        pd.MultiIndex.from_product([["x"], range(5)], names=["one", "two"]),
    ],
)
def test_a_parquet_index_with_a_name_is_a_column_of_every_chunk(tmp_path, index):
    pd.DataFrame({"a": pd.Categorical(list("xyxyz"))}, index=index).to_parquet(tmp_path / "a.parquet")
    expect_alike(tmp_path / "a.parquet", 2)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from([None, 1, 2.5, "x", True, "NA", pd.Timestamp("2020-01-01")])] * 3), max_size=5)
)
def test_a_sheet_of_one_chunk_is_what_pandas_reads_of_it(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.xlsx"
        pd.DataFrame([["begin", 1, 1], *rows, ["end", 1, 1]], columns=["a", "b", "c"]).to_excel(path, index=False)
        expect_alike(path, 10)


def test_a_long_sheet_comes_in_chunks_with_its_blank_rows_and_without_those_at_its_end(tmp_path):
    table = pd.DataFrame({"a": ["x", None, "y", None, None], "b": [1.5, None, 2.5, 3.5, None]})
    table.to_excel(tmp_path / "a.xlsx", index=False)
    expect_alike(tmp_path / "a.xlsx", 2)


@pytest.mark.parametrize(
    ("last", "said"), [(["x", 1, 2], "has 3 cells in row 5 and 2 columns"), (["x", 1, None], None)]
)
def test_a_sheet_that_becomes_wider_is_refused_by_row(tmp_path, last, said):
    pd.DataFrame([["a", "b", None], ["x", 1, None], ["x", 1, None], ["x", 1, None], last]).to_excel(
        tmp_path / "a.xlsx", index=False, header=False
    )
    whole, together = read_both(tmp_path / "a.xlsx", 2)
    if said:
        assert said in together
    else:
        pd.testing.assert_frame_equal(whole, together)


PLAIN = st.lists(st.sampled_from(["a", "b", ",", ",", "\n", "\r\n", " ", "é", "\t", "\0", '"']), max_size=30)


@settings(max_examples=120, deadline=None)
@given(PLAIN, st.integers(1, 3), st.booleans())
def test_any_characters_are_read_in_chunks_as_they_are_whole(parts, rows, zipped):
    content = ("x,y\n" + "".join(parts)).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.csv.gz" if zipped else "a.csv")
        path.write_bytes(gzip.compress(content) if zipped else content)
        expect_alike(path, rows)


@pytest.mark.parametrize("body", ["1,2\r" * 900, '"1\r",2\n' * 900, "1,2\r3,4\n" * 500])
def test_single_returns_are_read_as_in_the_whole_table(tmp_path, body):
    (tmp_path / "a.csv").write_bytes(f"x,y\n{body}".encode())
    expect_alike(tmp_path / "a.csv", 100)


@pytest.mark.parametrize("line", ["1", "1,", "   ", "1,2,3", '1,"2"'])
def test_a_line_of_another_kind_far_down_is_read_as_in_the_whole_table(tmp_path, line):
    (tmp_path / "a.csv").write_text("a,b\n" + "1,2\n" * 700_000 + line + "\n" + "3,4\n" * 9)
    expect_alike(tmp_path / "a.csv", 200_000)


def test_a_letter_in_the_last_line_decides_how_the_first_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes("a\nü\n".encode("cp1252") + b"x\n" * 50 + "é\n".encode("cp1252"))
    first = next(read_chunks(tmp_path / "a.csv", 10))
    assert first.table["a"][0] == "ü"


def test_a_nameless_column_that_is_filled_late_is_there_from_the_start(tmp_path):
    (tmp_path / "a.csv").write_text("a,,\n" + "1,,\n" * 5 + "1,,x\n")
    chunks = list(read_chunks(tmp_path / "a.csv", 2))
    assert [list(chunk.table) for chunk in chunks] == [["a", "Unnamed: 2"]] * 3


def test_a_long_row_late_in_a_file_is_named_with_its_line(tmp_path):
    (tmp_path / "long.csv").write_text("a,b\n" + "1,2\n" * 500 + "1,2,3\n")
    chunks = read_chunks(tmp_path / "long.csv", 100)
    with pytest.raises(DataError, match=r"Line 502 of the file '.*long\.csv' has 3 cells and the header has 2"):
        list(chunks)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".xlsx"])
@pytest.mark.parametrize("n_rows", [0, 6, 7])
def test_chunks_say_where_they_begin_and_the_last_one_that_it_is(tmp_path, ending, n_rows):
    path = tmp_path / f"a{ending}"
    table = pd.DataFrame({"a": np.arange(n_rows)})
    getattr(table, {".parquet": "to_parquet", ".xlsx": "to_excel"}.get(ending, "to_csv"))(path, index=False)
    chunks = list(read_ahead(read_chunks(path, 3)))
    assert [chunk.first for chunk in chunks] == list(range(0, max(n_rows, 1), 3))
    assert all(isinstance(chunk.table.index, pd.RangeIndex) for chunk in chunks)
    assert [chunk.done == 1 for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_what_goes_wrong_in_the_thread_is_told_by_it(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv' does not exist"):
        next(read_ahead(read_chunks(tmp_path / "none.csv", 3)))


def test_real_files_are_the_same_in_chunks(real_data):
    for name in ("hotel.parquet", "pm25.csv"):
        expect_alike(real_data(name), 7_001)
