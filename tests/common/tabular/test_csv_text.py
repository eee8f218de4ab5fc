"""CSV text: the characters that pandas writes."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.tabular.csv_text import make_csv, show_times

TEXT = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6)
COLUMNS = {
    "text": (TEXT, "str"),
    "object": (TEXT, "object"),
    "number": (st.floats(), "float64"),
    "size": (st.floats(-1e12, 1e12), "float64"),
    "share": (st.floats(0, 1), "float64"),
    "round": (st.integers(-(10**11), 10**11), "float64"),
    "whole": (st.integers(-(2**63), 2**63 - 1), "int64"),
    "flag": (st.booleans(), "bool"),
    "narrow": (st.floats(width=32), "float32"),
    "time": (st.none() | st.datetimes(pd.Timestamp(1700, 1, 1), pd.Timestamp(2200, 1, 1)), "datetime64[us]"),
    "day": (st.none() | st.dates(pd.Timestamp(1700, 1, 1).date(), pd.Timestamp(2200, 1, 1).date()), "datetime64[s]"),
}


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
def test_any_table_is_written_as_pandas_does(drawn, names):
    n_rows = drawn.draw(st.integers(0, 5))
    cells = {name: drawn.draw(st.lists(COLUMNS[name][0], min_size=n_rows, max_size=n_rows)) for name in names}
    table = pd.DataFrame({f'{name}, "x"': pd.Series(cells[name], dtype=COLUMNS[name][1]) for name in names})
    for header in (True, False):
        expected = show_times(table).to_csv(index=False, header=header, lineterminator="\n").encode()
        assert make_csv(table, header) == expected


def test_numbers_of_every_size_are_written_as_python_does():
    exponents = np.arange(-320.0, 309.0)
    with np.errstate(all="ignore"):
        numbers = np.concatenate([10.0**exponents, 1 / 3 * 10.0**exponents, -(2.0 ** np.arange(-1074, 1024))])
    written = make_csv(pd.DataFrame({"a": numbers, "b": 0}), header=False).decode().splitlines()
    assert written == [f"{float(number)!r},0" for number in numbers]


def test_a_column_that_lies_in_pieces_is_written_whole():
    parts = [pd.DataFrame({"a": pd.Series([text, None], dtype="str"), "b": 1}) for text in ("x", 'y"')]
    for table in (pd.concat(parts), pd.concat(parts, axis=0).iloc[1:3]):
        assert make_csv(table, header=True) == table.to_csv(index=False).encode()


@given(st.lists(COLUMNS["time"][0] | COLUMNS["day"][0], max_size=6), st.integers(0, 6), st.sampled_from([[1], [None]]))
def test_a_moment_is_written_alike_in_any_part_of_a_table(moments, cut, beside):
    table = pd.DataFrame({"at": pd.Series(moments, dtype="datetime64[us]")}).assign(a=beside * len(moments))
    parts = [make_csv(part, header=False) for part in (table.iloc[:cut], table.iloc[cut:])]
    written = make_csv(table, header=False)
    assert b"".join(parts) == written
    cells = [line.split(",")[0] for line in written.decode().splitlines()]
    assert cells == ["" if pd.isna(moment) else str(moment) for moment in table["at"]]


def test_a_return_in_a_cell_is_quoted_so_that_the_row_stays_one():
    assert make_csv(pd.DataFrame({"a": ["x\ry"], "b": [1]}), header=False) == b'"x\ry",1\n'
