"""Golden rows come back cell by cell, and a model that answers otherwise than it did is noticed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import fit_model
from pointsman.model_zoo.golden import (
    ANSWERS,
    GOLDEN_ROWS,
    ROWS,
    dump_rows,
    find_difference,
    load_answers,
    load_rows,
    make_golden_parts,
)
from pointsman.model_zoo.golden import measure_predict_us as measure

TEXTS = st.lists(st.none() | st.text(), min_size=2, max_size=5)
NUMBERS = st.lists(st.none() | st.floats(), min_size=5, max_size=5)
GENERATOR = np.random.default_rng(4)
FEATURES = pd.DataFrame(
    {
        "worth": np.where(GENERATOR.random(80) < 0.2, np.nan, GENERATOR.normal(size=80)),
        "make": pd.Series(GENERATOR.choice(["a", "b", None], 80), dtype="str"),
    }
)
TARGET = (GENERATOR.random(80) < 0.5).astype(float)


@given(TEXTS, NUMBERS, st.sampled_from(["float64", "float32", "int8", "bool"]))
def test_a_table_comes_back_cell_by_cell(texts, numbers, kind):
    with np.errstate(over="ignore"):
        cells = np.nan_to_num(np.array(numbers, dtype="float64")) if kind in ("int8", "bool") else numbers
        column = pd.Series(np.clip(cells, -9, 9) if kind == "int8" else cells).astype(kind)
    table = pd.DataFrame({"worth": column[: len(texts)], "make": pd.Series(texts, dtype="str")})
    again = load_rows(dump_rows(table))
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    assert dump_rows(again) == dump_rows(table)


@pytest.mark.parametrize("kind", ["object", "datetime64[ns]", "category", "V8"])
def test_a_column_of_any_other_kind_is_refused(kind):
    stored = dump_rows(FEATURES.head(2)).replace(b'"float64"', f'"{kind}"'.encode())
    with pytest.raises((ValueError, TypeError)):
        load_rows(stored)


@pytest.fixture(scope="module")
def model():
    return fit_model(Candidate("tree", "onehot"), FEATURES, TARGET, Task.BINARY, ("no", "yes"), seed=1)


class TestModels:
    def test_equal_models_have_equal_golden_rows_that_they_answer_as_expected(self, model):
        parts = make_golden_parts(model, FEATURES, seed=3)
        assert make_golden_parts(model, FEATURES, seed=3) == parts
        assert make_golden_parts(model, FEATURES, seed=4) != parts
        rows, expected = load_rows(parts[ROWS]), load_answers(parts[ANSWERS])
        assert rows.shape == (GOLDEN_ROWS, 2)
        assert find_difference(model.predict(rows), expected) == 0.0

    def test_fewer_rows_than_wanted_are_all_golden(self, model):
        parts = make_golden_parts(model, FEATURES.head(3), seed=3)
        pd.testing.assert_frame_equal(load_rows(parts[ROWS]), FEATURES.head(3))

    def test_a_model_that_answers_otherwise_is_noticed(self, model):
        parts = make_golden_parts(model, FEATURES, seed=3)
        rows, expected = load_rows(parts[ROWS]), load_answers(parts[ANSWERS])
        moved, spoiled = (replace(model, class_weights=(1.0, weight)) for weight in (1.001, float("nan")))
        assert find_difference(moved.predict(rows), expected) > 1e-5
        assert find_difference(spoiled.predict(rows), expected) == float("inf")
        assert find_difference(model.predict(rows)[:, :1], expected) == float("inf")

    def test_the_cost_of_a_row_is_measured(self, model):
        assert 0 < measure(model, FEATURES) < 1e6
