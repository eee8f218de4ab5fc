"""A schema keeps the roles and the classes of a stream."""

import json

import numpy as np
import pytest

from pointsman.common.schema import Schema, canonical_level, order_classes
from pointsman.common.task import Task

MISSING = ("", "NA", "-999")
NAN = pytest.approx(np.nan, nan_ok=True)


def make_schema(**changes):
    return Schema(**{"time": "day", "target": "y", "task": Task.BINARY, "missing_values": MISSING, **changes})


def test_a_schema_survives_json():
    schema = make_schema(
        classes=("0", "1"), numeric=("a",), dates=("day",), unused={"b": "why"}, positive="> 0", missing_target=0.0
    )
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_inputs_are_numbers_then_levels_then_dates():
    schema = make_schema(numeric=("n",), categorical=("c",), dates=("day",))
    assert schema.inputs == ("n", "c", "day")


@pytest.mark.parametrize(
    ("known", "new", "expected"),
    [
        ((), ["b", "a"], ("a", "b")),
        (("b",), ["a"], ("b", "a")),
        (("yes",), ["no"], ("no", "yes")),
        (("b", "a"), ["c"], ("b", "a", "c")),
        (("b", "c"), ["a", "d"], ("b", "c", "a", "d")),
        (("b", "a"), ["a"], ("b", "a")),
    ],
)
def test_new_classes_never_move_the_codes_of_more_than_two(known, new, expected):
    assert make_schema(classes=known).with_classes(new).classes == expected


def test_a_regression_takes_no_classes():
    assert make_schema(task=Task.REGRESSION).with_classes(["3"]).classes == ()


def test_the_positive_class_is_last_whatever_its_spelling():
    assert order_classes(["0", "1"], 0) == ("1", "0")
    assert order_classes(["0", "1"], 0.0) == ("1", "0")
    assert order_classes(["False", "True"], False) == ("True", "False")
    assert order_classes(["lost", "kept"], " kept ") == ("lost", "kept")
    assert order_classes(["Lost", "Kept"], "lost") == ("Kept", "Lost")
    assert order_classes(["0", "1"], False) == order_classes(["0", "1"], "no") == ("1", "0")


@pytest.mark.parametrize(
    ("cell", "level"),
    [(1, "1"), (-3.0, "-3"), ("1.50", "1.50"), ("-", "-"), ("", ""), (" x ", "x"), ("1.0.0", "1.0.0"), (1e-5, "1e-05")],
)
def test_a_level_is_trimmed_text_and_whole_numbers_have_no_fraction(cell, level):
    assert canonical_level(cell) == level
