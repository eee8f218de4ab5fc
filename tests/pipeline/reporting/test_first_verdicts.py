"""When drift is first judged is foreseen by the same counts that the detectors go by."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from pointsman.pipeline.drift.concept import learn_expectation
from pointsman.pipeline.drift.novelty import Aspect, Test, learn_usual
from pointsman.pipeline.drift.verdict import UNSETTLED
from pointsman.pipeline.reporting.first_verdicts import foresee_verdicts

MONTHS = [datetime(2020, 1, 31) + timedelta(days=30 * month) for month in range(6)]


@pytest.mark.parametrize("scores", range(9))
def test_data_drift_is_first_judged_when_the_detectors_know_what_is_usual(scores):
    """A batch adds a score to the past of every test; the newest of them is not settled yet."""
    (verdict, _) = foresee_verdicts(20, {"data": scores}, (), [])
    test = Test("age", next(iter(Aspect)), 1)
    ahead = next(more for more in range(20) if learn_usual({test: list(np.ones(scores + more))[:-UNSETTLED]}))
    assert verdict.earliest == verdict.latest == 21 + ahead


@pytest.mark.parametrize("known", range(7))
def test_concept_drift_is_first_judged_between_one_and_two_measurements_a_batch(known):
    (_, verdict) = foresee_verdicts(20, {"concept": known}, (), [])
    for each, told in ((2, verdict.earliest), (1, verdict.latest)):
        past = [(0.1 * number, 0.1) for number in range(40)]
        assert told == 21 + next(more for more in range(20) if learn_expectation(past[: known + each * more]))


def test_a_day_is_told_where_batches_have_a_rhythm():
    (verdict, _) = foresee_verdicts(6, {"data": 5}, (), MONTHS)
    assert verdict.day == (MONTHS[-1] + 3 * timedelta(days=30)).date() == date(2020, 9, 27)
    uneven = [*MONTHS[:-1], MONTHS[-1] + timedelta(days=90)]
    assert foresee_verdicts(6, {"data": 5}, (), uneven)[0].day is None
    assert foresee_verdicts(1, {}, (), MONTHS[:1])[0].day is None


def test_what_has_been_judged_is_foreseen_no_more():
    assert [one.kind for one in foresee_verdicts(9, {}, ("data",), MONTHS)] == ["concept"]
    assert foresee_verdicts(9, {}, ("concept", "data"), MONTHS) == ()
