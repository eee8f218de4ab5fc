"""Features are computed of any row alone, know what is missing and leave their inputs as they were."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import FeaturesConfig
from pointsman.common.errors import ConfigError
from pointsman.common.reading import read_inputs
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.preparation.features import engineer_features, find_seasons, list_engineered

SCHEMA = Schema(
    time="begin",
    target="y",
    task=Task.BINARY,
    numeric=("paid", "worth"),
    categorical=("make",),
    dates=("begin", "end", "born"),
)
RAW = pd.DataFrame(
    {
        "paid": ["10", "x", "-3.5", "0"],
        "worth": ["100", "2", "0", ""],
        "make": ["9.0", "", "ISUZU", "9"],
        "begin": ["2020-02-29 18:00", "2021-03-01", "soon", "2019-12-31"],
        "end": ["2020-03-01", "2021-02-28", "", "2020"],
        "born": ["1980-02-29", "1999-01-01", "1999-01-01", ""],
    }
)
EVERYTHING = FeaturesConfig.model_validate(
    {
        "date_parts": {"begin": ["year", "month", "day", "weekday", "hour"]},
        "ratios": [{"numerator": "paid", "denominator": "worth"}],
    }
)


def read(raw=RAW, schema=SCHEMA):
    return read_inputs(raw, Schema.from_json({**schema.to_json(), "missing_values": ["", "NA"]}))


def test_auto_measures_every_date_against_the_time():
    table = engineer_features(read(), SCHEMA, FeaturesConfig(date_parts={}))
    assert list(table) == ["paid", "worth", "begin_to_end_days", "begin_to_born_days", "make"]
    assert table["begin_to_end_days"].tolist() == pytest.approx([0.25, -1, np.nan, 1], nan_ok=True)
    assert table["begin_to_born_days"].tolist()[1] == -8095
    assert table["begin_to_born_days"].isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize("dates", [[], ["begin"], ["end", "born"]])
def test_auto_measures_nothing_where_the_time_is_no_input_or_alone(dates):
    schema = Schema.from_json({**SCHEMA.to_json(), "dates": dates})
    config = FeaturesConfig(date_parts={})
    assert list(engineer_features(read(schema=schema), schema, config)) == ["paid", "worth", "make"]


def test_durations_may_be_left_out_or_named():
    without = FeaturesConfig.model_validate({"date_parts": {}, "durations": []})
    assert list(engineer_features(read(), SCHEMA, without)) == ["paid", "worth", "make"]
    named = FeaturesConfig.model_validate({"durations": [{"start": "born", "end": "begin"}]})
    table = engineer_features(read(), SCHEMA, named)
    assert table["born_to_begin_days"].tolist()[:2] == [14_610.75, 8095]


def test_auto_takes_the_seasons_of_the_time_and_says_how_long_they_are():
    table = engineer_features(read(), SCHEMA, FeaturesConfig(durations=()))
    assert list(table) == ["paid", "worth", "begin_month", "begin_weekday", "begin_hour", "make"]
    assert table[["begin_month", "begin_weekday", "begin_hour"]].iloc[0].tolist() == [2, 5, 18]
    seasons = {"begin_month": 365.25, "begin_weekday": 7.0, "begin_hour": 1.0}
    assert find_seasons(SCHEMA, FeaturesConfig()) == seasons
    assert find_seasons(SCHEMA, EVERYTHING) == {}
    without_time = Schema.from_json({**SCHEMA.to_json(), "dates": ["end", "born"]})
    assert find_seasons(without_time, FeaturesConfig()) == {}


def test_a_difference_is_missing_where_either_is():
    config = FeaturesConfig.model_validate({"differences": [{"minuend": "worth", "subtrahend": "paid"}]})
    inputs = read()
    difference = engineer_features(inputs, SCHEMA, config)["worth_minus_paid"]
    np.testing.assert_array_equal(difference, (inputs["worth"] - inputs["paid"]).to_numpy())
    assert list_engineered(SCHEMA, ["paid", "worth_minus_paid", "make"]) == ["worth_minus_paid"]


def test_parts_of_a_date_are_numbers_and_missing_where_the_date_is():
    table = engineer_features(read(), SCHEMA, EVERYTHING)
    parts = table[[f"begin_{part}" for part in ("year", "month", "day", "weekday", "hour")]]
    assert parts.iloc[0].tolist() == [2020, 2, 29, 5, 18]
    assert parts.iloc[2].isna().all()
    assert set(parts.dtypes) == {np.dtype("float64")}


def test_features_have_a_fixed_order_whatever_the_order_of_the_file():
    table = engineer_features(read(RAW[sorted(RAW, reverse=True)]), SCHEMA, EVERYTHING)
    parts = [f"begin_{part}" for part in ("year", "month", "day", "weekday", "hour")]
    durations = ["begin_to_end_days", "begin_to_born_days"]
    assert list(table) == ["paid", "worth", *parts, *durations, "paid_per_worth", "make"]


def test_a_ratio_over_nothing_is_missing_and_never_infinite():
    ratio = engineer_features(read(), SCHEMA, EVERYTHING)["paid_per_worth"]
    assert ratio.tolist() == pytest.approx([0.1, np.nan, np.nan, np.nan], nan_ok=True)


def test_a_ratio_too_large_for_a_number_is_missing():
    raw = pd.DataFrame({"paid": ["1e300", "-1e300", "1e300", "3"], "worth": ["1e-300", "1e-300", "1e300", "1e-300"]})
    ratio = engineer_features(read(raw), SCHEMA, EVERYTHING)["paid_per_worth"]
    assert ratio.tolist() == pytest.approx([np.nan, np.nan, 1, 3e300], nan_ok=True)


@pytest.mark.parametrize("some", [[], [2], [3, 0], [1, 3, 2, 0]])
def test_a_row_does_not_hang_on_its_neighbours(some):
    inputs = read()
    whole = engineer_features(inputs, SCHEMA, EVERYTHING)
    pd.testing.assert_frame_equal(engineer_features(inputs.iloc[some], SCHEMA, EVERYTHING), whole.iloc[some])


def test_inputs_are_not_changed_and_the_index_is_kept():
    inputs = read(RAW.set_index(pd.Index([7, 3, 9, 1])))
    before = inputs.copy()
    table = engineer_features(inputs, SCHEMA, EVERYTHING)
    pd.testing.assert_frame_equal(inputs, before)
    assert table.index.tolist() == [7, 3, 9, 1]


def test_an_absent_column_makes_missing_features_of_the_same_type():
    whole = engineer_features(read(), SCHEMA, EVERYTHING)
    table = engineer_features(read(RAW[["paid"]]), SCHEMA, EVERYTHING)
    assert table.dtypes.equals(whole.dtypes)
    assert table.drop(columns="paid").isna().all(axis=None)
    assert table["paid"].equals(whole["paid"])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"date_parts": {"bgin": ["year"]}},
            r"'features\.date_parts' names 'bgin', which is no date input; the date inputs are: begin, end, born\.",
        ),
        ({"durations": [{"start": "begin", "end": "paid"}]}, r"'features\.durations' names 'paid'"),
        ({"durations": [{"start": "make", "end": "begin"}]}, r"'features\.durations' names 'make'"),
        (
            {"ratios": [{"numerator": "paid", "denominator": "y"}]},
            r"'features\.ratios' names 'y', which is no numeric input; the numeric inputs are: paid, worth\.",
        ),
    ],
)
def test_a_column_that_is_no_such_input_is_refused_with_those_that_are(config, words):
    with pytest.raises(ConfigError, match=words):
        engineer_features(read(), SCHEMA, FeaturesConfig.model_validate(config))


def test_a_role_that_no_column_has_is_said_so():
    schema = Schema(time="begin", target="y", task=Task.BINARY, numeric=("paid",))
    with pytest.raises(ConfigError, match=r"the date inputs are: none\."):
        engineer_features(read(schema=schema), schema, EVERYTHING)
