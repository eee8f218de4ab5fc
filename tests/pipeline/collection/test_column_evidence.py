"""What a column is, on the evidence of all its cells."""

import numpy as np
import pandas as pd
import pytest

from pointsman.common.cells.notation import Notation
from pointsman.common.config import SchemaConfig
from pointsman.common.errors import DataError
from pointsman.pipeline.collection.column import ColumnRole
from pointsman.pipeline.collection.column_evidence import decide_column, decide_declared

STATED = SchemaConfig(time="day", target="y")
DAYS = [f"2023-01-{day:02}" for day in range(1, 29)]


def decide(cells, **stated):
    return decide_column(pd.Series(cells), "x", SchemaConfig(time="day", target="y", **stated))


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (["1201-03", "1305-11"] * 30, ColumnRole.CATEGORICAL),
        (["J", "O"] * 30, ColumnRole.CATEGORICAL),
        (["F", "N"] * 30, ColumnRole.CATEGORICAL),
        (["0421", "0077", "1200"] * 20, ColumnRole.CATEGORICAL),
        (["31. Januar 1983", "10. April 1990"] * 20, ColumnRole.DATE),
        (["1983年01月31日", "1990年11月02日"] * 20, ColumnRole.DATE),
        (["12,5 %", "7 %"] * 20, ColumnRole.NUMERIC),
        (["￥4,986", "￥12,001"] * 20, ColumnRole.NUMERIC),
        (["9999-12-31"] * 50 + DAYS, ColumnRole.DATE),
    ],
)
def test_a_role_follows_from_what_cells_mean(cells, role):
    assert decide(cells).role is role


def test_words_of_one_meaning_alone_stay_apart():
    assert decide(["J", "O"] * 30).notation.words is None
    assert decide(["true", "TRUE"] * 30).notation.words == ("", "TRUE")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1.250", "2.375", "0"] * 20, "can be read two ways"),
        ([f"{number} TEUR" for number in range(60)], "unit 'TEUR'"),
        (["12%", "0.12", "0.5"] * 20, "percent sign"),
        ([f"{number:05}" for number in range(990, 1100)], "begin with 0"),
        ([f"P{number}" for number in range(60)], "schema.dates"),
        (DAYS * 3 + ["TBD"] * 20, "'TBD' (20 cells) count as missing"),
        ([str(number) for number in range(60)] + ["n/k"] * 30, "'n/k' (30 cells) count as missing"),
        ([*map(str, range(90)), *(f"{number} kg" for number in range(30))], "of the cells of 'x' are numbers"),
        ([str(number) for number in range(200001, 200013)] * 5, "schema.numeric makes them numbers"),
    ],
)
def test_what_was_guessed_is_told_with_the_key_that_decides(cells, words):
    assert any(words in warning for warning in decide(cells).warnings)


def test_typed_numbers_are_no_riddle():
    for cells in ([1.234, 2.345] * 20, [200_001, 200_002] * 20):
        column = decide(cells)
        assert (column.role, column.warnings) == (ColumnRole.NUMERIC, ())


def test_a_column_of_nothing_but_row_numbers_is_left_out():
    column = decide_column(pd.Series(np.arange(60).astype(str)), "Unnamed: 0", STATED)
    assert column.role is ColumnRole.UNUSED
    assert column.warnings


def test_the_advice_on_missing_values_can_be_copied_as_it_stands():
    (warning,) = decide([str(number) for number in range(60)] + ["?"] * 3).warnings
    assert 'schema.missing_values: ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"]' in warning


def test_stated_marks_that_a_column_has_not_are_told_of():
    column = decide(["14.9", "7.25", "3.5"] * 10, numbers={"decimal": ","})
    assert (column.role, column.notation.decimal) == (ColumnRole.NUMERIC, ".")
    assert "schema.numbers states 1234,5" in column.warnings[0]


def test_a_declared_role_is_kept_and_its_notation_decided():
    declared = SchemaConfig(time="day", target="y", dates={"x": "%d/%m/%y"})
    column = decide_declared(pd.Series(["01/02/23", "03/02/23"]), "x", ColumnRole.DATE, declared)
    assert column.notation == Notation(date_format="%d/%m/%y", stated=True)
    with pytest.raises(DataError, match=r"schema\.numeric names 'x', no cell of which"):
        decide_declared(pd.Series(["red", "blue"]), "x", ColumnRole.NUMERIC, STATED)
