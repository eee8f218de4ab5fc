"""Odd batches in the drift stage: whatever comes, it is judged, kept in the catalogue and judges the next one."""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import Config
from pointsman.common.performance import Stopwatch
from pointsman.common.reading import read_inputs
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.pipeline.drift.detection import WatchedLosses, draft_drift, look_for_drift, rank_alarms
from pointsman.pipeline.drift.reference import fit_reference
from pointsman.pipeline.drift.store import load_tests
from pointsman.pipeline.drift.verdict import Drift, DriftTest
from pointsman.pipeline.preparation.window import build_training_set
from pointsman.registry.generations import Generation
from pointsman.registry.update_run import UpdateRun

ROWS = 150
SCHEMAS = {
    task: Schema(
        time="time",
        target="y",
        task=task,
        classes=classes,
        numeric=("worth", "age"),
        categorical=("make",),
        dates=("time", "end"),
    )
    for task, classes in ((Task.BINARY, ("no", "yes")), (Task.MULTICLASS, ("a", "b", "c")), (Task.REGRESSION, ()))
}
CONFIG = {"schema": {"time": "time", "target": "y"}, "features": {"date_parts": {}, "durations": []}}


def make_frame(number, rows=ROWS):
    random = np.random.default_rng(number)
    time = pd.Timestamp("2020-01-01") + pd.to_timedelta(number * ROWS + np.arange(rows), unit="h")
    return pd.DataFrame(
        {
            "time": time,
            "end": time + pd.Timedelta(days=30),
            "worth": random.normal(0, 1, rows),
            "age": random.normal(40, 9, rows),
            "make": random.choice(["x", "y", "z"], rows),
        }
    )


def make_target(frame, task, number):
    hidden = pd.to_numeric(frame["worth"], errors="coerce").fillna(0).to_numpy(dtype=float, copy=True)
    hidden = np.where(np.isfinite(hidden), hidden, 0) + np.random.default_rng([number, 1]).normal(0, 1, len(frame))
    if task is Task.REGRESSION:
        return hidden
    return np.digitize(hidden, [0] if task is Task.BINARY else [-1, 1]).astype(float)


NOTHING_WATCHED = WatchedLosses(np.empty(0), np.empty(0), np.empty(0, dtype=int))


def judge_drift(folder, task, frames, window=()):
    """What is found in each of the batches, the catalogue written as an update does; ``window`` came before them."""
    schema, window, found = SCHEMAS[task], list(window), []
    config = Config.model_validate({**CONFIG, "state_dir": str(folder)})
    with open_state(config) as state:
        for number, frame in enumerate(frames, len(window) + 1):
            inputs = read_inputs(frame, schema)
            batch = LabelledBatch(number, inputs, inputs["time"], make_target(frame, task, number))
            before, reference = Generation(), None
            if window:
                learned = pd.concat([one.inputs for one in window], ignore_index=True).astype({"make": "str"})
                reference = fit_reference(learned, schema)
                before = SimpleNamespace(champion=None, last_learned=number - 1)
            window.append(batch)
            training_set = build_training_set(config, schema, window, [], number)
            draft = Draft(1)
            run = UpdateRun(config, state, before, schema, number, Stopwatch(), draft)
            found.append(look_for_drift(run, batch, training_set, reference, NOTHING_WATCHED))
            draft_drift(draft, state, found[-1])
            draft.commit(state.engine)
        stored = [one for one in load_tests(state) if one[0] > len(window) - len(frames)]
    assert len(stored) == sum(len(one.tests) for one in found)
    assert {test for _, test in stored} == {test for one in found for test in one.tests}
    assert np.isfinite([[test.score, test.error] for _, test in stored]).all()
    return found


def lose_column(frame):
    return frame.assign(worth=np.nan)


def as_text(frame):
    return frame.assign(worth="much", make=3.0)


def lose_all(frame):
    return frame.assign(worth=np.nan, age=np.nan, make=pd.Series(None, index=frame.index, dtype="str"), end=pd.NaT)


def with_infinities(frame):
    return frame.assign(worth=frame["worth"].mask(frame.index % 3 == 0, np.inf), age=1e308)


def with_new_levels(_):
    return make_frame(10, rows=10_000).assign(make=[f"make {row}" for row in range(10_000)])


def years_ago(frame):
    return frame.assign(time=frame["time"] - pd.DateOffset(years=3), end=frame["end"] - pd.DateOffset(years=3))


ODD = {
    "a column vanishes": lose_column,
    "columns change their types": as_text,
    "every cell is missing": lose_all,
    "infinities and huge numbers": with_infinities,
    "10,000 levels": with_new_levels,
    "an older batch": years_ago,
    "one row": lambda frame: frame.head(1),
    "repeated rows": lambda _: make_frame(3),
    "one row many times": lambda frame: pd.concat([frame.head(1)] * ROWS, ignore_index=True),
}
ALARMED = {
    "a column vanishes": {"worth"},
    "columns change their types": {"worth", "make"},
    "10,000 levels": {"make"},
    "every cell is missing": {"worth", "age", "make", "end"},
    "infinities and huge numbers": {"worth", "age"},
    "an older batch": set(),
    "one row": set(),
    "repeated rows": set(),
}


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The state after nine batches in which nothing happened, and those batches."""
    folder, schema = tmp_path_factory.mktemp("calm"), SCHEMAS[Task.BINARY]
    frames = [make_frame(number) for number in range(1, 10)]
    found = judge_drift(folder, Task.BINARY, frames)
    assert not any(one.alarms for one in found)
    batches = [
        (number, read_inputs(frame, schema), make_target(frame, Task.BINARY, number))
        for number, frame in enumerate(frames, 1)
    ]
    return folder, [LabelledBatch(number, inputs, inputs["time"], target) for number, inputs, target in batches]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_batch_is_judged_and_so_is_the_next(calm, tmp_path, name):
    folder, window = calm
    shutil.copytree(folder, tmp_path / "state")
    found = judge_drift(tmp_path / "state", Task.BINARY, [ODD[name](make_frame(10)), make_frame(11)], window)
    assert found[1].tests
    if name in ALARMED:
        assert {alarm.column for alarm in found[0].alarms if alarm.drift is Drift.DATA} - {""} == ALARMED[name]


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_one_odd_batch_after_the_other_is_judged_for_every_task(tmp_path, task):
    frames = [make_frame(number) for number in range(1, 6)]
    odd = [damage for name, damage in ODD.items() if name != "10,000 levels"]
    found = judge_drift(
        tmp_path, task, [*frames, *(damage(make_frame(20 + place)) for place, damage in enumerate(odd))]
    )
    assert len(found) == len(frames) + len(odd)
    assert all(one.tests for one in found[len(frames) :])


def test_the_first_batches_may_be_odd_too(tmp_path):
    first = [lose_all(make_frame(1)), make_frame(2, rows=1), lose_column(make_frame(3)), make_frame(4)]
    assert not any(one.alarms for one in judge_drift(tmp_path, Task.BINARY, first))


def test_a_later_batch_changes_no_earlier_verdict(tmp_path):
    frames = [make_frame(number) for number in range(1, 6)]
    first = judge_drift(tmp_path / "first", Task.BINARY, [*frames, make_frame(9)])
    other = judge_drift(tmp_path / "other", Task.BINARY, [*frames, lose_all(make_frame(9))])
    assert [one.tests for one in first[:-1]] == [one.tests for one in other[:-1]]
    assert first[-1].tests != other[-1].tests


def test_a_class_called_like_a_column_has_the_damage_of_the_concept():
    schema = SCHEMAS[Task.BINARY]
    inputs = read_inputs(make_frame(1), schema)
    (test,) = [one for one in make_tests("age") if one.alarm]
    losses = np.where(inputs["age"] > 40, 1.0, 0.0)
    alarms = rank_alarms([test], fit_reference(inputs, schema), inputs, losses, np.zeros(5))
    assert [alarm.damage for alarm in alarms] == [losses.mean()]
    assert rank_alarms([test], fit_reference(inputs, schema), inputs, np.empty(0), np.empty(0))[0].damage is None


def make_tests(label):
    return [
        DriftTest(Drift.CONCEPT, label, "level", 0, 3.0, 0.1, 1e-9, True, None),
        DriftTest(Drift.CONCEPT, label, "slope", 0, 0.0, 0.1, 0.9, False, 0.0),
    ]


def test_a_fit_that_fails_costs_its_own_verdict_alone(tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no fit today")

    monkeypatch.setattr("pointsman.pipeline.drift.detection.measure_joint_drift", fail)
    monkeypatch.setattr("pointsman.pipeline.drift.detection.compare_relations", fail)
    *_, newest = judge_drift(tmp_path, Task.BINARY, [make_frame(number) for number in range(1, 7)])
    assert {test.drift for test in newest.tests} == {Drift.DATA}
    assert all(test.column for test in newest.tests)
    assert "no fit today" in caplog.text
