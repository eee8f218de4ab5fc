"""Texts that a spreadsheet would run are escaped in CSV, and nothing else is touched."""

from pathlib import Path

import pandas as pd
import pytest

from pointsman.common.tabular.formulas import escape_formulas


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "=", "-x", "--1"])
@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_what_a_spreadsheet_would_run_is_escaped(text, kind):
    table = pd.DataFrame({"a": pd.Series([text, "plain", None]).astype(kind)})
    written = escape_formulas(table, Path("x.csv.gz"))
    assert written["a"].tolist()[:2] == [f"'{text}", "plain"]
    assert written["a"].isna().tolist() == [False, False, True]
    assert table["a"].iloc[0] == text


@pytest.mark.parametrize("text", ["-1", "+1.5", "-1,5", "-1.000,50", "-2e-7", "-12%", "-.5", "a=b", "", "1-2", "'=1"])
def test_numbers_and_other_texts_stay(text):
    table = pd.DataFrame({"a": [text], "b": [-1.5], "c": [-3]})
    pd.testing.assert_frame_equal(escape_formulas(table, Path("x.csv")), table)


def test_only_csv_is_changed_and_names_of_columns_are_too():
    table = pd.DataFrame([["=1", "=2"]], columns=["=a", "=a"])
    assert escape_formulas(table, Path("x.csv")).columns.tolist() == ["'=a", "'=a"]
    for name in ("x.parquet", "x.xlsx"):
        assert escape_formulas(table, Path(name)) is table
