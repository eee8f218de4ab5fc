"""Rows are read one by one as a table of them is read: the same inputs, the same features, to the bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.config import FeaturesConfig, QualityConfig
from pointsman.common.errors import ConfigError
from pointsman.common.reading import read_inputs
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.model_zoo.cells import Cells
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.preparation.row_reader import LONGEST, RowReader, TypedRows, remember

QUALITY = QualityConfig.model_validate(
    {
        "ranges": [{"column": "worth", "min": -5, "max": 1e6}, {"column": "worth", "max": 5e5}],
        "allowed": [{"column": "paid", "allowed": [0, 1, 2.5, 7]}, {"column": "make", "allowed": ["a", 9, "ISUZU"]}],
    }
)
FEATURES = FeaturesConfig.model_validate(
    {
        "date_parts": {"begin": ["year", "month", "day", "weekday", "hour"], "end": ["month"]},
        "ratios": [{"numerator": "paid", "denominator": "worth"}],
        "differences": [{"minuend": "worth", "subtrahend": "paid"}],
    }
)
PLAIN_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER_TEXTS = (
    st.floats(allow_nan=True).map(repr)
    | st.decimals(-999, 10**6, places=2).map(str)
    | st.sampled_from(
        [
            "",
            " 7 ",
            "1e5",
            "1_000",
            "1,5",
            "+-1",
            "-999",
            "-999.0",
            "NA",
            "inf",
            "٣",
            "0x1F",
            "+4",
            "007",
            "1.",
            ".5",
            "-0",
            "True",
        ]
    )
)
NUMBERS = st.none() | st.integers(-(10**6), 10**12) | st.floats() | NUMBER_TEXTS | PLAIN_TEXTS
LEVELS = st.none() | st.sampled_from(["a", " a ", "9", "9.0", "ISUZU", "NA", "", "-999", "True"]) | PLAIN_TEXTS
DATES = (
    st.none()
    | PLAIN_TEXTS
    | st.sampled_from(
        [
            "2020-02-29",
            "2020-02-30",
            "2020-02-29 18:30",
            "2020-02-29T18:30:59",
            "2020-02-29T18:30:59Z",
            "08-AUG-13",
            "20200131",
            "31/12/2019",
            "12/31/2019",
            "now",
            "today",
            "2020-13-01",
            "0000-01-01",
            "0001-01-01",
            "9999-12-31",
            "2020-02-29T25:00",
            "2020-01",
        ]
    )
    | st.dates().map(str)
    | st.datetimes().map(str)
)


def make_schema(date_format):
    return Schema(
        time="begin",
        target="y",
        task=Task.BINARY,
        time_format=date_format,
        numeric=("paid", "worth"),
        categorical=("make", "town"),
        dates=("begin", "end"),
        missing_values=("", "NA", "-999"),
    )


def read_as_table(rows, schema):
    """One row at a time, each as a table of texts: what a cell is read as does not hang on its neighbours."""
    columns = {name: pd.Series([row.get(name) for row in rows], dtype="str") for name in schema.inputs}
    inputs = clean_inputs(read_inputs(pd.DataFrame(columns), schema), QUALITY, schema)
    return inputs, Cells.of(engineer_features(inputs, schema, FEATURES))


def same_levels(one, other):
    return [one.known[code] if code >= 0 else None for code in one.codes] == [
        other.known[code] if code >= 0 else None for code in other.codes
    ]


@pytest.mark.parametrize("date_format", [None, "ISO8601", "%d-%b-%y", "%Y-%d-%m"])
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {},
            optional={"paid": NUMBERS, "worth": NUMBERS, "make": LEVELS, "town": LEVELS, "begin": DATES, "end": DATES},
        ),
        min_size=1,
        max_size=4,
    )
)
def test_rows_are_read_as_a_table_of_them(date_format, rows):
    schema = make_schema(date_format)
    reader = RowReader(schema, QUALITY, FEATURES)
    typed = reader.read(rows)
    texts = [{name: cell if cell is None else str(cell) for name, cell in row.items()} for row in rows]
    inputs, cells = read_as_table(texts, schema)
    pd.testing.assert_frame_equal(typed.to_frame(), inputs, check_exact=True)
    apart = TypedRows.join([reader.read([row]) for row in rows])
    pd.testing.assert_frame_equal(apart.to_frame(), inputs, check_exact=True)
    engineered = reader.engineer(typed)
    assert engineered.numeric == cells.numeric
    assert np.array_equal(engineered.numbers, cells.numbers, equal_nan=True)
    assert all(same_levels(engineered.levels[name], cells.levels[name]) for name in schema.categorical)


def test_numbers_and_booleans_are_cells_too():
    reader = RowReader(make_schema(None), QUALITY, FEATURES)
    typed = reader.read(
        [{"paid": True, "worth": -999, "make": 9.0, "town": False, "begin": 20200131, "end": 20200131.0}]
    )
    assert typed.numbers["paid"].tolist() == [1.0]
    assert np.isnan(typed.numbers["worth"][0])
    assert (typed.levels["make"].known, typed.levels["town"].known) == (("9",), ("False",))
    assert typed.dates["begin"][0] == typed.dates["end"][0] == np.datetime64("2020-01-31")


def test_short_texts_are_remembered_and_long_ones_fill_no_memory():
    read = []
    reader = remember(lambda text: read.append(text) or len(text))
    short, long = "x" * LONGEST, "x" * (LONGEST + 1)
    assert [reader(text) for text in (short, short, long, long)] == [LONGEST, LONGEST, LONGEST + 1, LONGEST + 1]
    assert read == [short, long, long]


def test_a_rule_on_a_column_that_is_none_is_refused_before_any_row():
    wrong = QualityConfig.model_validate({"ranges": [{"column": "wrong", "min": 0}]})
    with pytest.raises(ConfigError, match="'wrong', which is no numeric input"):
        RowReader(make_schema(None), wrong, FEATURES)
