"""A limit ends steps by the clock, records how far each went, and is followed without one."""

import pytest

from pointsman.common import time_limit as module
from pointsman.common.time_limit import ENDS, INTERRUPTED, CutStep, TimeLimit
from pointsman.common.workers import Workers


@pytest.fixture
def clock(monkeypatch):
    """Return a list whose first number is the time."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_without_a_limit_nothing_is_asked():
    assert [TimeLimit().open(step) for step in ENDS] == [None] * len(ENDS)


def test_a_step_ends_at_its_share_of_the_whole(clock):
    limit = TimeLimit(10)
    allow = limit.open("search", at_a_time=3)
    assert allow(0, 9) == 3
    clock[0] += 10 * ENDS["search"] + 0.1
    assert allow(3, 9) == 0
    assert limit.cuts == [CutStep("search", 3, 9, "update.seconds")]
    assert limit.open("newcomers")(0, 4) == 1, "the next step has time of its own"


def test_a_step_has_seconds_of_its_own(clock):
    limit = TimeLimit(None, 5)
    assert limit.open("newcomers") is None
    clock[0] += 50
    allow = limit.open("search")
    assert allow(0, 4) == 1
    clock[0] += 6
    assert allow(1, 4) == 0
    assert limit.describe() == ["search.seconds=5 ended steps early: 1 of 4 trials"]


def test_each_cause_is_told_with_what_it_ended(clock):
    limit = TimeLimit(3_600, 0.1)
    clock[0] += 1
    allow = limit.open("search")
    clock[0] += 1
    assert allow(0, 4) == 0
    limit.cut("refits", 3, 5, "update.seconds")
    limit.cut("newcomers", 1, 2, INTERRUPTED)
    assert limit.describe() == [
        "search.seconds=0.1 ended steps early: 0 of 4 trials",
        "update.seconds=3600 ended steps early: 3 of 5 models fitted",
        "Ctrl-C ended steps early: 1 of 2 newcomers tried",
    ]


def test_an_update_that_takes_longer_all_the_same_says_so(clock):
    limit = TimeLimit(10)
    clock[0] += 10.5
    assert limit.describe() == []
    clock[0] += 20
    assert limit.describe() == [
        "the update took 30 s of update.seconds=10: reading, judging and fitting what serves are never left out"
    ]


def test_the_least_is_done_however_late_it_is(clock):
    limit = TimeLimit(10)
    clock[0] += 1_000
    allow = limit.open("refits", least=3)
    assert allow(0, 8) == 3
    assert allow(3, 8) == 0


def test_what_was_done_in_full_was_not_cut(clock):
    limit = TimeLimit(10)
    allow = limit.open("refits", least=2)
    clock[0] += 1_000
    assert allow(0, 2) == 2
    assert limit.cuts == []


def test_an_earlier_run_is_followed_whatever_the_clock_says(clock):
    before = [CutStep("refits", 5, 9, "update.seconds"), CutStep("search", 0, 9, INTERRUPTED)]
    limit = TimeLimit(followed=before)
    clock[0] += 1_000
    assert [limit.open("refits", least=2)(done, 9) for done in (0, 5)] == [5, 0]
    assert limit.open("search")(0, 9) == 0
    assert limit.open("newcomers")(0, 3) == 3
    assert limit.cuts == before


def test_workers_do_the_first_tasks_that_time_allows():
    allowed = iter([2, 1, 0])
    for workers in (Workers(1), Workers(2)):
        allowed = iter([2, 1, 0])
        done = workers.share(10).map(lambda ten, task: ten * task, range(8), lambda *_: next(allowed))  # noqa: B023
        assert done == [0, 10, 20]
