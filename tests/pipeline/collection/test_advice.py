"""What messages on cells advise can be copied into the configuration as it stands, and works."""

import logging
import re

import pandas as pd
import pytest
import yaml

from pointsman.common.adaptation import read_adapted
from pointsman.common.config import Config
from pointsman.common.errors import DataError
from pointsman.pipeline.collection.ordering import read_part
from pointsman.pipeline.collection.part import Part
from pointsman.pipeline.collection.roles import infer_schema

ROWS = 40
DAYS = [f"2023-01-{1 + row % 28:02}" for row in range(ROWS)]


def infer(caplog, cells, target=None, **schema):
    """Return the schema of a stream with one column in question, and its first warning."""
    table = pd.DataFrame({"day": DAYS, "x": cells, "age": range(20, 20 + ROWS), "y": target or ["a", "b"] * 20})
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        found = infer_schema(table, configure(**schema), "rows.csv")
    return found, next(iter(caplog.messages), "")


def configure(**schema):
    return Config.model_validate({"schema": {"time": "day", "target": "y"} | schema})


def copy_advice(warning, key):
    """Return the value of a key of the schema section as a message writes it, read as a configuration is."""
    advised = re.search(rf"schema\.{key}: ([\[{{].*[\]}}])", warning)
    assert advised, warning
    return {key: yaml.safe_load(advised[1])}


@pytest.mark.parametrize("mark", [",", "."])
def test_numbers_that_can_be_read_two_ways(caplog, mark):
    cells = [f"{row + 1}{mark}{row + 101}" for row in range(ROWS)]
    guessed, warning = infer(caplog, cells)
    other, silence = infer(caplog, cells, **copy_advice(warning, "numbers"))
    assert guessed.notation("x").decimal != other.notation("x").decimal
    assert silence == ""


def test_days_that_may_be_months(caplog):
    cells = [f"{1 + row % 12:02}/{1 + row % 11:02}/2020" for row in range(ROWS)]
    guessed, warning = infer(caplog, cells)
    other, silence = infer(caplog, cells, **copy_advice(warning, "dates"))
    assert (guessed.notation("x").date_format, other.notation("x").date_format) == ("%d/%m/%Y", "%m/%d/%Y")
    assert silence == ""


def test_texts_that_count_as_missing(caplog):
    cells = ["?" if row % 5 == 0 else str(row * 7) for row in range(ROWS)]
    guessed, warning = infer(caplog, cells)
    stated, silence = infer(caplog, cells, **copy_advice(warning, "missing_values"))
    assert guessed.missing_of("x") == stated.missing_of("x") == stated.missing_values
    assert silence == ""
    assert infer(caplog, cells, categorical=["x"])[0].categorical == ("x",)


def test_a_missing_word_that_is_a_label_and_one_that_is_none(caplog):
    target = ["None", "theft", "fire", "None"] * 10
    labelled, warning = infer(caplog, DAYS, target)
    assert labelled.classes == ("None", "fire", "theft")
    assert "taken for a label" in warning
    assert infer(caplog, DAYS, target, **copy_advice(warning, "missing_values"))[0].classes == ("fire", "theft")
    target = ["NA", "theft", "fire", "glass"] * 10
    unlabelled, warning = infer(caplog, DAYS, target)
    assert "NA" not in unlabelled.classes
    assert "taken for a missing label" in warning
    assert "NA" in infer(caplog, DAYS, target, **copy_advice(warning, "missing_values"))[0].classes


def test_dates_in_two_notations(caplog):
    cells = ["13/02/2020", "02/14/2020"] * 20
    _, warning = infer(caplog, cells)
    stated, silence = infer(caplog, cells, **copy_advice(warning, "dates"))
    assert "x" in stated.dates
    assert "20 of 40 cells of 'x' cannot be read" in silence  # those of the other notation
    later = pd.DataFrame({"x": ["15/02/2020", "02/16/2020"] * 5})
    assert read_adapted(later, stated).changes == ()  # what is stated is contradicted by no batch
    assert read_adapted(later, stated).inputs["x"].notna().sum() == 5


@pytest.mark.parametrize(
    ("times", "stated"),
    [(["13/02/2023", "02/14/2023", "02/15/2023"] * 10, "%m/%d/%Y"), (["44927", "44928", "44929"] * 10, "excel")],
)
def test_times_that_are_refused_and_stated(times, stated):
    table = pd.DataFrame({"day": times, "y": ["a", "b", "a"] * 10})
    part = Part("part", "rows.csv", lambda: table, None)
    with pytest.raises(DataError, match=rf"schema\.time_format.*{stated}"):
        read_part(part, configure().schema_)
    ordered = read_part(part, configure(time_format=stated).schema_)
    assert ordered.time_format == stated
    assert pd.notna(ordered.times).sum() >= 20


def test_an_identifier_that_is_none(caplog):
    cells = [f"P{row}" for row in range(ROWS)] + [f"Q{row}" for row in range(20)]
    table = pd.DataFrame({"day": ["2023-01-01"] * 60, "x": cells, "age": range(60), "y": ["a", "b"] * 30})
    with caplog.at_level(logging.WARNING):
        assert "x" in infer_schema(table, configure(), "rows.csv").unused
    assert "schema.categorical to keep it" in caplog.text
    assert "x" in infer_schema(table, configure(categorical=["x"]), "rows.csv").categorical
