"""The cost of a stage is measured, also of one that fails, and written beside what the run was about."""

import time

import numpy as np
import psutil
import pytest
import sqlalchemy as sa

from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman.common.performance import Stopwatch, measure_peak_mb, performance_table
from pointsman.common.storage.catalogue import Draft, connect, read_rows


@pytest.fixture
def engine(tmp_path):
    opened = connect(f"sqlite:///{tmp_path / 'catalogue.db'}")
    yield opened
    opened.dispose()


def write(engine, watch, subject="1"):
    draft = Draft()
    draft.add(performance_table, watch.rows("update", subject, 10))
    draft.commit(engine)


def test_waiting_takes_seconds_and_computing_takes_processor_seconds_too():
    watch = Stopwatch()
    with watch.stage("waiting"):
        time.sleep(0.1)
    with watch.stage("computing"):
        started = time.process_time()
        while time.process_time() - started < 0.1:
            pass
    waited, computed = watch.costs
    assert waited.seconds >= 0.1
    assert waited.cpu_seconds < 0.09
    assert computed.cpu_seconds >= 0.1
    assert computed.seconds >= 0.09  # the clocks tick at different rates


def test_a_stage_that_fails_is_measured_and_its_error_goes_on():
    watch = Stopwatch()
    with pytest.raises(ValueError, match="no trial"), watch.stage("search"):
        raise ValueError("no trial succeeded")
    with watch.stage("commit"):
        pass
    assert [cost.stage for cost in watch.costs] == ["search", "commit"]


def test_a_stage_that_is_entered_again_adds_up():
    watch = Stopwatch()
    for _ in range(3):
        with watch.stage("reading"):
            time.sleep(0.01)
        with watch.stage("writing"):
            pass
    reading, writing = watch.costs
    assert (reading.stage, writing.stage) == ("reading", "writing")
    assert reading.seconds >= 0.03
    assert [row["stage"] for row in watch.rows("inference", "a", 5)] == ["reading", "writing"]


def test_a_stage_inside_another_ends_first_and_costs_no_more():
    watch = Stopwatch()
    with watch.stage("training"), watch.stage("search"):
        time.sleep(0.01)
    inner, outer = watch.costs
    assert (inner.stage, outer.stage) == ("search", "training")
    assert inner.seconds <= outer.seconds


def test_the_peak_is_in_mb_and_stays_after_the_memory_is_given_back():
    watch = Stopwatch()
    with watch.stage("before"):
        pass
    held = psutil.Process().memory_info().rss / 1e6
    block = np.ones(50_000_000)  # 400 MB
    del block
    with watch.stage("after"):
        pass
    before, after = (cost.peak_mb for cost in watch.costs)
    assert before >= held * 0.9
    assert after >= held + 250  # less than all of it: a busy system may take back what lies idle meanwhile
    assert after <= measure_peak_mb() < psutil.virtual_memory().total / 1e6


def test_rows_come_back_from_the_catalogue_as_they_were_measured(engine):
    watch = Stopwatch()
    for stage in ("collection", "analysis", "search"):
        with watch.stage(stage):
            pass
    write(engine, watch, "2017Q4")
    stored = read_rows(engine, sa.select(performance_table).order_by(performance_table.c.id))
    assert [row["stage"] for row in stored] == ["collection", "analysis", "search"]
    assert {(row["command"], row["subject"], row["rows"]) for row in stored} == {("update", "2017Q4", 10)}
    assert [row["seconds"] for row in stored] == [cost.seconds for cost in watch.costs]
    assert [row["peak_mb"] for row in stored] == [cost.peak_mb for cost in watch.costs]


def test_a_run_without_stages_writes_nothing(engine):
    write(engine, Stopwatch())
    assert read_rows(engine, sa.select(performance_table)) == []


def test_costs_are_no_part_of_what_two_runs_must_agree_in(engine):
    before = compute_catalogue_digests(engine)
    watch = Stopwatch()
    with watch.stage("search"):
        pass
    write(engine, watch)
    assert compute_catalogue_digests(engine) == before
    assert performance_table.name not in before
