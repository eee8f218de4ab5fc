"""A candidate's key says what it is: equal keys for equal candidates, another one for any difference."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.model_zoo.candidate import Candidate

PLAIN = Candidate("lightgbm", "native", {"rounds": 30, "learning_rate": 0.1})


def test_every_treatment_makes_another_key():
    treated = [
        Candidate("tree", "onehot", {}, window, masked, guarded)
        for window, masked, guarded in itertools.product((None, 1, 3), (False, True), (False, True))
    ]
    assert len({one.key for one in treated}) == len(treated)
    assert len({one.treatment for one in treated}) == len(treated)


def test_the_order_of_parameters_does_not_matter():
    other = Candidate("lightgbm", "native", {"learning_rate": 0.1, "rounds": 30})
    assert other.key == PLAIN.key
    assert other == PLAIN


@pytest.mark.parametrize(
    "other",
    [
        Candidate("lightgbm", "native", {"rounds": 31, "learning_rate": 0.1}),
        Candidate("lightgbm", "target", dict(PLAIN.params)),
        Candidate("tree", "native", dict(PLAIN.params)),
        Candidate("lightgbm", "native", {**PLAIN.params, "balance": 0.5}),
    ],
)
def test_any_other_way_to_learn_has_another_key(other):
    assert other.key != PLAIN.key


def test_all_rows_as_they_are_need_no_word():
    assert PLAIN.treatment == ()
    assert Candidate("tree", "onehot", {}, 3, True, True).treatment == ("last 3", "masked", "guarded")


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.floats(allow_nan=False), st.text(max_size=5))))
def test_a_key_can_be_made_of_any_parameters_in_any_order(params):
    backwards = dict(reversed(params.items()))
    assert Candidate("tree", "onehot", params).key == Candidate("tree", "onehot", backwards).key
