"""A batch that stands out gets every trial, a calm one its share."""

import numpy as np
import pytest

from pointsman.pipeline.training.budget import DEVIATIONS, size_search, stands_out

CALM = [0.50, 0.52, 0.51, 0.51]
LOUD = [0.50, 0.52, 0.51, 0.70]


def test_it_stands_out_from_the_stated_distance_on():
    known = np.array([0.50, 0.52, 0.51, 0.49])
    bar = known.mean() + DEVIATIONS * known.std(ddof=1)
    assert not stands_out([*known, bar - 1e-9])
    assert stands_out([*known, bar + 1e-9])


def test_a_better_batch_is_no_reason_to_search():
    assert not stands_out([0.50, 0.52, 0.51, 0.10])


@pytest.mark.parametrize("history", [[0.5], [0.5, 0.5, 0.5], [np.nan, 0.5, 0.5, 0.5], [*CALM, np.nan]])
def test_what_cannot_be_compared_is_new(history):
    assert stands_out(history)


def test_unknown_batches_in_between_do_not_hide_that_one_stands_out():
    assert stands_out([0.50, np.nan, 0.52, 0.51, 0.70])
    assert not stands_out([0.50, np.nan, 0.52, 0.51, 0.51])


@pytest.mark.parametrize(
    ("losses", "alarmed", "expected"),
    [(CALM, False, 6), (CALM, True, 20), (LOUD, False, 20), (LOUD, True, 20), ([0.1], False, 20)],
)
def test_an_alarm_or_a_loss_that_stands_out_gives_all_trials(losses, alarmed, expected):
    assert size_search(20, 0.3, losses, alarmed) == expected


def test_there_is_always_a_trial():
    assert size_search(1, 0.01, CALM, alarmed=False) == 1
