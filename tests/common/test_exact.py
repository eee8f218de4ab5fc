"""Whole numbers beyond 2**53 keep their digits beside missing cells; what float64 holds stays as it was."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.common.exact import concat_tables, type_cells
from pointsman.common.storage.files import FileStore
from pointsman.common.tabular.reader import read_chunks, read_table
from pointsman.common.tabular.writers import open_table

LONG = 900719925474100568
WHOLE = st.integers(-(2**63), 2**63 - 1)


def digits(cells):
    return ["" if pd.isna(cell) else str(int(cell)) for cell in cells]


@given(st.lists(st.none() | WHOLE, min_size=1, max_size=6))
def test_no_digit_is_lost_when_cells_get_a_type(cells):
    assert digits(type_cells(pd.Series(cells, dtype=object))) == digits(cells)


@given(st.lists(st.none() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_infinity=False), max_size=6))
def test_ordinary_cells_get_the_type_that_pandas_infers(cells):
    column = pd.Series(cells, dtype=object)
    pd.testing.assert_series_equal(type_cells(column), column.infer_objects())


@given(st.lists(st.lists(st.none() | WHOLE, min_size=1, max_size=4), min_size=1, max_size=3))
def test_no_digit_is_lost_when_tables_are_put_together(parts):
    tables = [pd.DataFrame({"id": type_cells(pd.Series(cells, dtype=object))}) for cells in parts]
    assert digits(concat_tables(tables)["id"]) == [text for cells in parts for text in digits(cells)]


def test_tables_of_ordinary_numbers_are_put_together_as_pandas_does():
    tables = [pd.DataFrame({"a": [1, 2], "b": ["x", None]}), pd.DataFrame({"a": [1.5, None]}), pd.DataFrame({"c": [1]})]
    pd.testing.assert_frame_equal(concat_tables(tables), pd.concat(tables, ignore_index=True))


CELLS = {
    "long": (pa.int64(), [LONG, None, -LONG, 5, None], "Int64"),
    "unsigned": (pa.uint64(), [2**64 - 1, None, 0, 5, 6], "UInt64"),
    "late": (pa.int64(), [None, 1, 2, 3, LONG], "Int64"),
    "short": (pa.int64(), [None, 1, 2, 3, 4], "float64"),
    "narrow": (pa.int32(), [None, 1, 2, 3, 2**31 - 1], "float64"),
    "full": (pa.int64(), [LONG, 1, 2, 3, 4], "int64"),
    "truth": (pa.bool_(), [True, None, False, True, None], "object"),
}


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("coded", [False, True])
def test_a_parquet_column_has_one_type_in_the_whole_file_and_in_parts(tmp_path, statistics, coded):
    columns = {name: pa.array(cells, kind) for name, (kind, cells, _) in CELLS.items()}
    if coded:
        columns = {name: cells.dictionary_encode() if name != "truth" else cells for name, cells in columns.items()}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=2, write_statistics=statistics)
    tables = [read_table(tmp_path / "a.parquet"), *(chunk.table for chunk in read_chunks(tmp_path / "a.parquet", 2))]
    for table in tables:
        assert table.dtypes.astype(str).to_dict() == {name: dtype for name, (_, _, dtype) in CELLS.items()}
    for name, (_, cells, _) in CELLS.items():
        for read in (tables[0][name], pd.concat([table[name] for table in tables[1:]])):
            assert digits(read) == digits(cells)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".xlsx"])
def test_answers_hold_every_digit_and_truth_value(tmp_path, ending):
    columns = {name: pa.array(cells, kind) for name, (kind, cells, _) in CELLS.items()}
    columns["money"] = pa.array([None, "1.50", "2", "12345678901234567890.12", "3"]).cast(pa.decimal128(30, 2))
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    types = {name: column.type for name, column in columns.items()}
    with open_table(tmp_path / f"b{ending}", types) as writer:
        for chunk in read_chunks(tmp_path / "a.parquet", 2):
            writer.write(chunk.table)
    read = read_table(tmp_path / f"b{ending}")
    for name in ("long", "unsigned", "late", "full"):
        cells = read[name].astype(object).where(read[name].notna() & read[name].ne(""), None)
        assert digits(cells) == digits(CELLS[name][1])
    assert [str(cell) for cell in read["truth"] if not pd.isna(cell) and cell != ""] == ["True", "False", "True"]
    assert str(read["money"].iloc[3]) == "12345678901234567890.12"
    if ending == ".parquet":
        assert pq.read_schema(tmp_path / "b.parquet").field("money").type == pa.decimal128(30, 2)


def test_a_stored_table_keeps_every_digit(tmp_path):
    table = pd.DataFrame({"id": pd.Series([LONG, None], dtype="Int64"), "x": [1.0, np.nan]})
    store = FileStore(tmp_path)
    pd.testing.assert_frame_equal(store.load_table(store.save_table(table)), table)
