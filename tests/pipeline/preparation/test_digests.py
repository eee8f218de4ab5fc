"""What a version learned is known row by row: a digest moves with every cell, target, time and place."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.pipeline.preparation.training_set import digest_batches, join_rows


def make_rows():
    def part(number):
        features = pd.DataFrame({"worth": [1.0, np.nan, number], "make": pd.Series(["a", None, "ü,b"], dtype="str")})
        return number, features, np.array([0.0, 1.0, 0.0]), pd.Series(pd.date_range("2020", periods=3))

    return join_rows([part(2), part(5)], max_rows=100)


def change(rows, name, position, cell):
    features = rows.features.copy()
    features.loc[position, name] = cell
    return replace(rows, features=features)


def test_every_batch_has_its_own_rows():
    learned = digest_batches(make_rows())
    assert [(one.batch, one.rows) for one in learned] == [(2, 3), (5, 3)]
    assert learned[0].digest != learned[1].digest
    assert digest_batches(make_rows()) == learned
    assert digest_batches(make_rows().last(1)) == learned[1:]


@pytest.mark.parametrize(
    "other",
    [
        change(make_rows(), "worth", 1, 0.0),
        change(make_rows(), "make", 1, "nan"),
        replace(make_rows(), target=np.array([1.0, 1, 0, 0, 1, 0])),
        replace(make_rows(), times=make_rows().times + pd.Timedelta("1ns")),
        replace(make_rows(), features=make_rows().features.rename(columns={"worth": "price"})),
        make_rows().take(np.array([1, 0, 2, 3, 4, 5])),
    ],
    ids=["missing number", "missing text", "target", "time", "name", "order"],
)
def test_whatever_is_changed_shows(other):
    assert digest_batches(other)[0] != digest_batches(make_rows())[0]


@given(st.lists(st.text(), min_size=3, max_size=3), st.lists(st.text(), min_size=3, max_size=3))
def test_two_different_columns_of_text_never_have_one_digest(first, second):
    def digest(cells):
        rows = make_rows().take(np.arange(3))
        return digest_batches(replace(rows, features=pd.DataFrame({"make": pd.Series(cells, dtype="str")})))

    assert (digest(first) == digest(second)) == (first == second)
