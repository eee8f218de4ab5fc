"""Cells of any source become the same numbers, levels, dates and labels."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pointsman.common.cells.dates import find_far
from pointsman.common.cells.notation import Notation
from pointsman.common.errors import DataError
from pointsman.common.reading import (
    encode_target,
    find_missing,
    read_any_dates,
    read_dates,
    read_inputs,
    read_labels,
    read_levels,
    read_numbers,
)
from pointsman.common.schema import Schema
from pointsman.common.task import Task

MISSING = ("", "NA", "-999")
NAN = pytest.approx(np.nan, nan_ok=True)


def make_schema(**changes):
    return Schema(**{"time": "day", "target": "y", "task": Task.BINARY, "missing_values": MISSING, **changes})


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series(["1.5", "-999", "", "2"]),
        pd.Series([1.5, -999.0, None, 2.0]),
        pd.Series([1.5, "-999", None, 2], dtype=object),
        pd.Series([Decimal("1.5"), Decimal("-999"), None, Decimal("2")], dtype=object),
        pd.Series(["1.5", "-999", None, "2"], dtype="category"),
        pd.Series([1.5, -999, None, 2], dtype="Float64"),
    ],
    ids=["text", "float", "mixed", "decimal", "category", "nullable"],
)
def test_numbers_are_the_same_from_every_dtype(cells):
    assert read_numbers(cells, MISSING).tolist() == [1.5, NAN, NAN, 2.0]
    assert find_missing(cells, MISSING).tolist() == [False, True, True, False]


def test_what_is_no_number_or_infinite_is_missing():
    read = read_numbers(pd.Series(["1,200", "1e400", "inf", "0x10", "1_000", "-", "1e3", " 7 "]))
    assert read.tolist() == [NAN, NAN, NAN, NAN, NAN, NAN, 1000.0, 7.0]
    assert read_numbers(pd.Series(["1,200", "1.5"]), notation=Notation(thousands=",")).tolist() == [1200.0, 1.5]
    assert read_numbers(pd.Series(["1.200,5", "1.5"]), notation=Notation(",", ".")).tolist() == [1200.5, NAN]


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series(["1", "2.0", "NA", ""]),
        pd.Series([1.0, 2.0, None, None]),
        pd.Series([1, 2, None, None], dtype="Int64"),
        pd.Series([1, "2", None, "NA"], dtype=object),
        pd.Series(["1", "2", None, "NA"], dtype="category"),
    ],
    ids=["text", "float", "nullable", "mixed", "category"],
)
def test_levels_are_the_same_from_every_dtype(cells):
    levels = read_levels(cells, MISSING)
    assert levels.tolist() == ["1", "2", NAN, NAN]
    assert levels.dtype == "str"


def test_levels_of_booleans_nested_cells_and_nothing():
    assert read_levels(pd.Series([True, False])).tolist() == ["True", "False"]
    assert read_levels(pd.Series([1, True], dtype=object)).tolist() == ["1", "True"]
    assert read_levels(pd.Series([["a"], ["b"]])).tolist() == ["['a']", "['b']"]
    assert read_levels(pd.Series([None, None])).isna().all()
    assert read_levels(pd.Series([], dtype="str")).empty


def test_dates_of_another_notation_than_the_stated_are_read_where_day_and_month_cannot_be_mixed_up():
    cells = ["08-AUG-13", "2013-08-09", " 10.08.2013 ", "08/11/2013", "08/25/2013", "soon"]
    assert read_dates(pd.Series(cells), "%d-%b-%y").dt.day.tolist() == [8, 9, 10, NAN, NAN, NAN]
    assert read_dates(pd.Series(cells), "%d/%m/%Y").dt.month.tolist() == [8, 8, 8, 11, NAN, NAN]
    assert read_dates(pd.Series(cells), "%m/%d/%Y").dt.month.tolist() == [8, 8, 8, 8, 8, NAN]


def test_a_stated_format_wins_over_the_order_of_the_known_ones():
    assert read_dates(pd.Series(["02/01/2013"])).iloc[0] == pd.Timestamp("2013-01-02")
    assert read_dates(pd.Series(["02/01/2013"]), "%m/%d/%Y").iloc[0] == pd.Timestamp("2013-02-01")


def test_dates_are_read_from_every_dtype():
    expected = pd.Series(pd.to_datetime(["2020-01-01", None])).astype("datetime64[us]")
    mixed = pd.Series([datetime.date(2020, 1, 1), None], dtype=object)
    zoned = pd.Series(pd.to_datetime(["2020-01-01 02:00+02:00", None], utc=True)).dt.tz_convert("Africa/Addis_Ababa")
    years = pd.Series([2020.0, None])
    for cells in (mixed, zoned, years, pd.Series(["2020-01-01T02:00+02:00", ""]), pd.Series([20200101.0, None])):
        pd.testing.assert_series_equal(read_dates(cells), expected)


def test_dates_keep_the_index_and_repeat_for_repeated_cells():
    read = read_dates(pd.Series(["2020-01-02", "2020-01-01", "2020-01-02"], index=[7, 7, 3]))
    assert read.dt.day.tolist() == [2, 1, 2]
    assert read.index.tolist() == [7, 7, 3]


def test_no_word_is_read_as_the_clock():
    assert read_dates(pd.Series(["now", "Today", "NaT"])).isna().all()


def test_moments_that_databases_have_no_room_for_are_missing():
    far = pd.Series([-(2**62), 0], dtype="int64").astype("datetime64[us]")
    assert read_dates(far).isna().tolist() == [True, False]
    assert read_dates(pd.Series([-361, 20200101])).isna().tolist() == [True, False]
    assert read_dates(pd.Series(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])).isna().all()
    assert read_dates(pd.Series(["1700-01-01", "2199-12-31"])).notna().all()


def test_dates_beyond_reach_are_missing_and_no_year_is_too_far_to_be_read():
    cells = pd.Series(["9999-12-31", "31.12.9999", "0001-01-01", "2999-12-31 00:00", "2020-01-01"])
    assert read_dates(cells).isna().tolist() == [True, True, True, True, False]
    assert find_far(read_any_dates(cells)).tolist() == [True, True, True, True, False]


def test_labels_of_a_rule_are_one_and_zero():
    schema = make_schema(positive="> 0")
    assert read_labels(pd.Series(["5.0", "0", "-3", "", "x"]), schema).tolist() == ["1", "0", "0", NAN, NAN]
    for rule, expected in {">=2": "01", "<2": "10", "<= 2": "11"}.items():
        assert "".join(read_labels(pd.Series([1, 2]), make_schema(positive=rule))) == expected


def test_a_rule_without_a_number_is_refused():
    with pytest.raises(DataError, match="'> much'"):
        read_labels(pd.Series([1.0]), make_schema(positive="> much"))


@pytest.mark.parametrize(
    "cells", [pd.Series(["7", "", "NA"]), pd.Series([7.0, None, None]), pd.Series([7, None, "NA"])]
)
def test_a_missing_label_means_what_is_stated(cells):
    assert read_labels(cells, make_schema(task=Task.REGRESSION, missing_target=0)).tolist() == [7.0, 0.0, 0.0]
    assert read_labels(cells, make_schema(missing_target="none")).tolist() == ["7", "none", "none"]
    assert read_labels(cells, make_schema(positive="> 0", missing_target=0)).tolist() == ["1", "0", "0"]
    assert read_labels(cells, make_schema()).tolist() == ["7", NAN, NAN]


def test_targets_are_codes_of_classes_or_numbers():
    schema = make_schema(classes=("no", "yes"))
    labels = read_labels(pd.Series(["yes", "no", "maybe", ""]), schema)
    assert encode_target(labels, schema).tolist() == [1.0, 0.0, NAN, NAN]
    numbers = make_schema(task=Task.REGRESSION)
    assert encode_target(read_labels(pd.Series(["2.5", "x"]), numbers), numbers).tolist() == [2.5, NAN]
    assert encode_target(read_labels(pd.Series([], dtype="str"), schema), schema).shape == (0,)


def test_labels_that_mean_the_same_are_one_class():
    written = pd.Series(["Paid", "paid ", "PAID", "un paid", "Un  Paid", "theft"])
    read = read_labels(written, make_schema(classes=("paid", "un paid")))
    assert read.tolist() == ["paid", "paid", "paid", "un paid", "un paid", "theft"]
    truth = make_schema(classes=("0", "1"))
    for cells in (pd.Series(["0", "1"]), pd.Series([False, True]), pd.Series(["false", "TRUE"]), pd.Series([0.0, 1.0])):
        assert read_labels(cells, truth).tolist() == ["0", "1"]
    assert read_labels(pd.Series(["ja", "Nein"]), make_schema(classes=("nein", "ja"))).tolist() == ["ja", "nein"]


def test_words_of_a_truth_value_are_one_level_or_number_from_every_format():
    schema = make_schema(
        numeric=("n",),
        categorical=("c",),
        notations={"n": Notation(words=("0", "1")), "c": Notation(words=("false", "true"))},
    )
    for cells in (
        ["true", "false", None],
        ["TRUE", "False", ""],
        [True, False, None],
        ["1", "0", "NA"],
        ["yes", "no", ""],
    ):
        inputs = read_inputs(pd.DataFrame({"n": pd.Series(cells), "c": pd.Series(cells)}), schema)
        assert inputs["n"].tolist() == [1.0, 0.0, NAN]
        assert inputs["c"].tolist() == ["true", "false", NAN]


def test_inputs_have_the_schemas_order_types_and_the_rows_index():
    schema = make_schema(numeric=("n", "gone"), categorical=("c", "lost"), dates=("day", "ended"))
    raw = pd.DataFrame({"extra": [1, 2], "day": ["08-AUG-13", "x"], "c": [1.0, None], "n": ["3", "-999"]}, index=[9, 4])
    inputs = read_inputs(raw, schema)
    assert list(inputs.columns) == ["n", "gone", "c", "lost", "day", "ended"]
    assert inputs.dtypes.astype(str).tolist() == ["float64"] * 2 + ["str"] * 2 + ["datetime64[us]"] * 2
    assert inputs.index.tolist() == [9, 4]
    assert inputs.loc[9, ["n", "c"]].tolist() == [3.0, "1"]
    assert inputs.loc[4].isna().all()


def test_a_real_file_reads_the_same_from_csv_and_parquet(real_data, tmp_path):
    from pointsman.common.tabular.reader import read_table

    text = read_table(real_data("eic_sample.csv")).head(500)
    typed = pd.read_csv(real_data("eic_sample.csv")).head(500)
    typed.to_parquet(tmp_path / "typed.parquet")
    schema = make_schema(
        numeric=("INSURED_VALUE", "PREMIUM", "SEATS_NUM"), categorical=("SEX", "MAKE"), dates=("INSR_BEGIN",)
    )
    pd.testing.assert_frame_equal(
        read_inputs(text, schema), read_inputs(read_table(tmp_path / "typed.parquet"), schema)
    )


def test_a_target_whose_square_is_no_number_is_none():
    cells = pd.Series(["1e149", "-1e151", "inf", "3"])
    assert read_labels(cells, make_schema(task=Task.REGRESSION)).isna().tolist() == [False, True, True, False]
