"""The map over tasks gives the same answers wherever its workers are."""

import os
import sys
import threading
import time

import numpy as np
import pytest

from pointsman.common import workers as module
from pointsman.common.errors import ConfigError
from pointsman.common.workers import InterruptedAgain, Workers

TASKS = [3, 1, 2, 5, 4]
EXPECTED = [f"{task}:10000" for task in TASKS]


def describe(shared, task):
    """Answer later the earlier a task comes, so that the order of answers is not that of their ends."""
    time.sleep(0.02 * (5 - TASKS.index(task)))
    return f"{task}:{len(shared)}"


def report(shared, task):
    return task, shared["text"], float(shared["rows"].sum()), os.getpid()


def refuse(_, task):
    raise LookupError(f"no {task}")


def count_threads(*_):
    import sklearn  # noqa: F401
    from threadpoolctl import threadpool_info

    return {library["num_threads"] for library in threadpool_info()}


def nest(*_):
    import joblib

    return joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(3)), os.getpid()


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=":0"
        ) as local,
        distributed.Client(local),
    ):
        yield local


@pytest.fixture
def everywhere(cluster):
    """Return one worker, two threads and a cluster of two workers."""
    return [Workers(1), Workers(2), Workers(1, cluster.scheduler_address)]


def test_answers_are_the_same_in_the_same_order(everywhere):
    for workers in everywhere:
        assert workers.share("x" * 10_000).map(describe, TASKS) == EXPECTED


def test_the_dearest_task_begins_first_and_answers_keep_their_order():
    crew, begun = Workers(2).share(None), []
    submit = crew._pool.submit

    def note(run, function, shared, task):
        begun.append(task)
        return submit(run, function, shared, task)

    crew._pool.submit = note
    assert crew.map(lambda _, task: -task, TASKS, costs=TASKS) == [-task for task in TASKS]
    assert begun == sorted(TASKS, reverse=True)


def test_one_worker_keeps_the_order_since_neighbours_share_what_they_encode():
    begun = []
    Workers(1).share(None).map(lambda _, task: begun.append(task), TASKS, costs=TASKS)
    assert begun == TASKS


def test_how_many_tasks_are_done_is_told_as_they_end(everywhere):
    for workers in everywhere:
        told = []
        workers.share("x", lambda *counts, told=told: told.append(counts)).map(describe, TASKS)
        assert told == [(done, len(TASKS)) for done in range(1, len(TASKS) + 1)]


def test_every_worker_knows_what_is_shared(everywhere):
    shared = {"text": "abc", "rows": np.arange(300_000.0)}
    expected = [(task, "abc", float(shared["rows"].sum())) for task in range(40)]
    for workers in everywhere:
        answers = workers.share(shared).map(report, range(40))
        assert [answer[:3] for answer in answers] == expected
        processes = {answer[3] for answer in answers}
        assert os.getpid() not in processes if workers.scheduler else processes == {os.getpid()}


def test_the_next_crew_is_not_mistaken_for_the_last(everywhere):
    for workers in everywhere:
        seen = []
        for text in "abcdef":  # each crew is dropped, so that the next may get its address
            seen += {answer[1] for answer in workers.share({"text": text, "rows": np.zeros(1)}).map(report, [1, 2])}
        assert seen == list("abcdef")


def test_a_task_runs_on_one_thread(everywhere):
    for workers in everywhere:
        assert workers.share(None).map(count_threads, [1, 2]) == [{1}, {1}]


def test_what_a_task_runs_in_parallel_stays_in_its_process(everywhere):
    for workers in everywhere:
        for inner, own in workers.share(None).map(nest, range(4)):
            assert inner == [own] * 3


def test_an_error_of_a_task_reaches_the_caller(everywhere):
    for workers in everywhere:
        with pytest.raises(LookupError, match="no 1"):
            workers.share(None).map(refuse, [1, 1])


def test_as_many_threads_as_workers_run_at_a_time():
    """Two tasks that wait for each other end only where both run."""
    both = threading.Barrier(2, timeout=30)
    assert sorted(Workers(2).share(both).map(lambda shared, _: shared.wait(), [1, 2])) == [0, 1]


def test_the_threads_of_a_crew_serve_all_its_maps():
    crew = Workers(2).share(None)
    names = {name for _ in range(3) for name in crew.map(lambda *_: threading.current_thread().name, range(4))}
    assert len(names) <= 2


def test_after_an_error_no_other_task_begins():
    done = []

    def work(_, task):
        if task == 0:
            raise LookupError("no 0")
        time.sleep(0.05)
        done.append(task)

    with pytest.raises(LookupError, match="no 0"):
        Workers(2).share(None).map(work, range(50))
    settled = len(done)
    time.sleep(0.2)
    assert len(done) == settled < 49


def test_a_second_interrupt_ends_the_wait_for_what_has_begun(monkeypatch):
    crew, hold, calls = Workers(2).share(None), threading.Event(), []

    def work(_, task):
        if task == 0:
            raise KeyboardInterrupt
        hold.wait(30)

    def interrupt(_):
        calls.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "wait", interrupt)
    with pytest.raises(InterruptedAgain):
        crew.map(work, range(4))
    hold.set()
    assert calls == [1]


def test_the_libraries_have_their_threads_back_after_a_map():
    from threadpoolctl import threadpool_info

    before = [library["num_threads"] for library in threadpool_info()]
    Workers(2).share(None).map(count_threads, [1, 2])
    assert [library["num_threads"] for library in threadpool_info()] == before


def test_nothing_to_do_is_done():
    assert Workers(2).share(None).map(refuse, []) == []


def test_a_scheduler_that_does_not_answer_is_named_in_one_sentence(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    expected = (
        r"^The key 'workers.scheduler' is 'tcp://127.0.0.1:1', where no Dask cluster answers \(.+\); "
        r"start one with 'dask scheduler' and 'dask worker', or set the key to null\.$"
    )
    with pytest.raises(ConfigError, match=expected):
        Workers(1, "tcp://127.0.0.1:1").share(None).map(report, [1])


def test_a_scheduler_without_workers_is_refused_as_well(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0") as local,
        distributed.Client(local),
        pytest.raises(ConfigError, match="no Dask cluster answers"),
    ):
        Workers(1, local.scheduler_address).share(None).map(report, [1])


def test_an_absent_dask_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    expected = (
        r"^The key 'workers.scheduler' is 'tcp://10.0.0.5:8786' and needs Dask, which is not installed; "
        r"run: pip install -r requirements-dask\.txt$"
    )
    with pytest.raises(ConfigError, match=expected):
        Workers(1, "tcp://10.0.0.5:8786").share(None).map(report, [1])
