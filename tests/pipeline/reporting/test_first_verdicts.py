"""When drift is first judged is foreseen by the same counts that the detectors go by."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from pointsman.pipeline.drift.concept import LEAST_PAST, learn_expectation
from pointsman.pipeline.drift.novelty import Aspect, Test, learn_usual
from pointsman.pipeline.drift.reference_models import RECENT, split_history
from pointsman.pipeline.drift.verdict import UNSETTLED
from pointsman.pipeline.reporting.changes import say_calm
from pointsman.pipeline.reporting.first_verdicts import foresee_verdicts
from pointsman.pipeline.reporting.templates import FILTERS

MONTHS = [datetime(2020, 1, 31) + timedelta(days=30 * month) for month in range(6)]


@pytest.mark.parametrize("scores", range(9))
def test_data_drift_is_first_judged_when_the_detectors_know_what_is_usual(scores):
    """A batch adds a score to the past of every test; the newest of them is not settled yet."""
    (verdict, _) = foresee_verdicts(20, {"data": scores}, (), [], 6, 24)
    test = Test("age", next(iter(Aspect)), 1)
    ahead = next(more for more in range(20) if learn_usual({test: list(np.ones(scores + more))[:-UNSETTLED]}))
    assert verdict.earliest == 21 + ahead


def count_models(batch):
    return len(split_history(np.arange(batch)))


def test_the_first_verdict_of_concept_drift_does_not_move_while_batches_come():
    """Each batch is measured by as many reference models as it has, none before the fifth."""
    past, judged = [], None
    foretold = set()
    for batch in range(1, 20):
        if learn_expectation([(0.1 * one, 0.1) for one in past]):
            judged = batch
            break
        past += [batch] * count_models(batch)
        (_, verdict) = foresee_verdicts(batch, {"concept": len(past)}, (), [], batch, 24)
        foretold.add(verdict.earliest)
    assert foretold == {judged} == {11}


def test_a_window_too_short_for_reference_models_promises_no_verdict():
    assert [one.kind for one in foresee_verdicts(1, {}, (), [], 1, RECENT + 1)] == ["data"]
    assert foresee_verdicts(1, {}, (), [], 1, RECENT + 2)[1].earliest == RECENT + 2 + LEAST_PAST


def test_a_day_is_told_where_batches_have_a_rhythm():
    (verdict, _) = foresee_verdicts(6, {"data": 5}, (), MONTHS, 6, 24)
    assert verdict.day == (MONTHS[-1] + 3 * timedelta(days=30)).date() == date(2020, 9, 27)
    uneven = [*MONTHS[:-1], MONTHS[-1] + timedelta(days=90)]
    assert foresee_verdicts(6, {"data": 5}, (), uneven, 6, 24)[0].day is None
    assert foresee_verdicts(1, {}, (), MONTHS[:1], 6, 24)[0].day is None


def test_what_has_been_judged_is_foreseen_no_more():
    assert [one.kind for one in foresee_verdicts(9, {}, ("data",), MONTHS, 6, 24)] == ["concept"]
    assert foresee_verdicts(9, {}, ("concept", "data"), MONTHS, 6, 24) == ()


def test_the_first_screen_tells_both_kinds_as_the_chapter_does():
    verdicts = foresee_verdicts(6, {"data": 5, "concept": 2}, (), [], 6, 24)
    drift = SimpleNamespace(suspicions=(), first_verdicts=verdicts)
    told = "the first verdict comes at the earliest with batch 9 for data drift and batch 11 for concept drift"
    assert say_calm(drift, 6) == f"too few batches came to judge drift: {told}"
    assert FILTERS["first_verdicts"](verdicts) == told
    half = SimpleNamespace(suspicions=(SimpleNamespace(batch=6, kind="data"),), first_verdicts=verdicts[1:])
    assert say_calm(half, 6).startswith("no data drift; the rest is not judged yet: the first verdict")
