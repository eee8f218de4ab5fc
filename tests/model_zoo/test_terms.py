"""Answers taken apart: parts of every family add up, through its link, to what it answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.task import Task
from pointsman.model_zoo.check_tables import make_rows
from pointsman.model_zoo.families import FAMILIES, get_family
from pointsman.model_zoo.terms import Terms, carry

EXPLAINED = [
    name for name in ("linear", "lightgbm", "tree", "extra_trees", "knn", "catboost") if FAMILIES[name].installed
]


def explain(name, task):
    family = FAMILIES[name]
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    values = rows.take(slice(40)).table.values
    terms = family.explain(estimator, values)
    answers = family.answer(estimator, values).reshape(len(values), -1)
    return family, estimator, terms, answers, rows


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("name", EXPLAINED)
def test_base_and_parts_add_up_to_the_answer_through_the_link(name, task):
    family, estimator, terms, answers, rows = explain(name, task)
    assert terms.parts.shape == (40, len(rows.table.names), len(terms.base))
    np.testing.assert_allclose(
        family.link(estimator, terms.base + terms.parts.sum(axis=1)), answers, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("name", EXPLAINED)
def test_what_is_carried_to_the_answer_adds_up_to_it_and_names_what_matters(name, task):
    family, estimator, terms, answers, rows = explain(name, task)
    carried = carry(terms, lambda margins: family.link(estimator, margins)[:, -1])
    base = family.link(estimator, terms.base[None])[0, -1]
    np.testing.assert_allclose(base + carried.sum(axis=1), answers[:, -1], rtol=1e-4, atol=1e-5)
    assert rows.table.names[np.abs(carried).mean(axis=0).argmax()] != "noise"


def test_a_family_that_cannot_say_says_nothing():
    rows = make_rows(get_family("prior"), Task.BINARY)
    assert get_family("prior").explain(rows.fit(get_family("prior")), rows.table.values) is None


PARTS = st.lists(st.tuples(*[st.floats(-8, 8)] * 3), min_size=1, max_size=4)


@settings(deadline=None)
@given(PARTS, st.floats(-4, 4))
def test_parts_of_log_odds_add_up_in_probability_and_keep_their_signs(parts, base):
    def link(margins):
        return 1 / (1 + np.exp(-margins[:, 0]))

    terms = Terms(np.array(parts)[:, :, None], np.array([base]))
    carried = carry(terms, link)
    exact = link(terms.base + terms.parts.sum(axis=1)) - link(np.array([[base]]))
    np.testing.assert_allclose(carried.sum(axis=1), exact, atol=1e-3)
    assert (np.sign(carried) * np.sign(terms.parts[:, :, 0]) >= 0).all()


def test_a_link_of_two_margins_is_followed_along_the_way_to_the_row():
    terms = Terms(np.array([[[1.0, 0.0], [0.0, 2.0]]]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(carry(terms, lambda margins: margins[:, 0] * margins[:, 1]), [[2.0, 3.0]], rtol=1e-6)
