"""Records and rows: what goes into a table comes out as the same record, also by way of JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from pointsman.common.storage.rows import make_row, read_record


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Part:
    batch: int
    share: float | None = None


@dataclass(frozen=True)
class Whole:
    name: str
    colour: Colour
    parts: tuple[Part, ...]
    pair: tuple[str, float]
    pairs: tuple[tuple[str, float], ...] = ()
    other: Colour | None = None
    weights: Mapping[str, float] = field(default_factory=dict)


WHOLE = Whole("a", Colour.RED, (Part(1, 0.5), Part(2)), ("x", 1.0), (("y", 2.0),), Colour.RED, {"b": 0.5})


def test_a_record_comes_back_as_it_went():
    assert read_record(Whole, make_row(WHOLE)) == WHOLE
    assert read_record(Whole, json.loads(json.dumps(make_row(WHOLE)))) == WHOLE


def test_a_row_holds_plain_types_behind_the_cells_it_is_given():
    row = make_row(WHOLE, batch=7)
    assert list(row)[:2] == ["batch", "name"]
    assert type(row["colour"]) is str
    assert row["parts"] == [{"batch": 1, "share": 0.5}, {"batch": 2, "share": None}]


def test_other_columns_are_left_out_and_fields_without_one_have_their_defaults():
    row = {"name": "a", "colour": "red", "parts": [], "pair": ["x", 1.0], "generation": 3}
    assert read_record(Whole, row) == Whole("a", Colour.RED, (), ("x", 1.0))


def test_what_is_missing_or_no_word_of_an_enum_is_refused():
    with pytest.raises(TypeError, match="colour"):
        read_record(Whole, {"name": "a", "parts": [], "pair": ["x", 1.0]})
    with pytest.raises(ValueError, match="'blue' is not a valid Colour"):
        read_record(Whole, make_row(WHOLE) | {"colour": "blue"})
