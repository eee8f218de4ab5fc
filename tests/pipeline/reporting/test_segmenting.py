"""Segments: noise is seldom marked, what is planted is, and where rows are few nothing is said."""

from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.records import LabelledBatch
from pointsman.common.task import Task
from pointsman.meta.records import OutOfSamplePredictions, RecordRows
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.explanation.contributions import Contributions, Explanation
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.loss_scale import measure_gain, pool
from pointsman.pipeline.reporting.production_shap import explain_production
from pointsman.pipeline.reporting.sections import segments
from pointsman.pipeline.reporting.sections.segments import compute_segments, read_segment_records
from pointsman.pipeline.reporting.segmenting import LEAST_ROWS, answer_rows, judge_segments, reject, split_column

LEVELS = np.array(["a", "b", "c", "d"])


def make_answers(task, seed, rows=1200, planted=0.0):
    """Answers that are right on average, but too low by ``planted`` where the level is 'b'; and three columns."""
    generator = np.random.default_rng(seed)
    level, number = generator.choice(LEVELS, rows), generator.normal(size=rows)
    columns = [pd.Series(level), pd.Series(number), pd.Series(generator.integers(0, 3, rows).astype(float))]
    off = planted * (level == "b")
    if task is Task.REGRESSION:
        came = number + generator.normal(size=rows) + off
        return answer_rows(task, came, number[:, None], np.zeros((rows, 1))), columns
    chance = 1 / (1 + np.exp(-number))
    came = (generator.uniform(size=rows) < np.clip(chance + off, 0, 1)).astype(float)
    outputs = np.column_stack([1 - chance, chance])
    return answer_rows(task, came, outputs, np.full((rows, 2), 0.5)), columns


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_noise_is_seldom_marked(task):
    """Whether answers are right on average is asked of columns that nothing depends on."""
    marked = 0
    for seed in range(60):
        rows, columns = make_answers(task, seed)
        judged = judge_segments(rows, [columns[0], columns[2]])
        marked += any(segment.marks for column in judged for segment in column)
    assert marked <= 6  # 5 % of 60 are 3


@pytest.mark.parametrize(("task", "planted"), [(Task.BINARY, 0.25), (Task.REGRESSION, 0.5)])
def test_a_planted_bias_is_marked_where_it_is(task, planted):
    rows, columns = make_answers(task, 7, planted=planted)
    level, _, other = judge_segments(rows, columns)
    found = {segment.label: segment.marks for segment in level}
    assert "answers too low" in found["b"]
    assert all("answers too low" not in found[name] for name in "acd")
    assert not any("too" in mark for segment in other for mark in segment.marks)


def test_the_interval_of_a_gain_holds_what_many_rows_show():
    truth, _ = make_answers(Task.REGRESSION, 0, rows=200_000)
    gain = measure_gain(float(truth.own.mean()), float(truth.other.mean()), Task.REGRESSION)
    held = []
    for seed in range(1, 61):
        rows, _ = make_answers(Task.REGRESSION, seed, rows=400)
        ((whole, _),) = judge_segments(rows, [pd.Series(["x"] * 370 + ["y"] * 30)])
        held.append(whole.lower <= gain <= whole.upper)
    assert sum(held) >= 54


def test_few_rows_and_rare_outcomes_say_nothing():
    rows, _ = make_answers(Task.BINARY, 1, rows=400)
    ((_, few),) = judge_segments(rows, [pd.Series(["a"] * (401 - LEAST_ROWS) + ["b"] * (LEAST_ROWS - 1))])
    assert (few.rows, few.lower, few.upper, few.marks) == (LEAST_ROWS - 1, None, None, ())
    rare = answer_rows(Task.BINARY, np.zeros(400), np.tile([0.999, 0.001], (400, 1)), np.tile([0.9, 0.1], (400, 1)))
    ((one, _),) = judge_segments(rare, [pd.Series(["a", "b"] * 200)])
    assert one.lower is None


def test_segments_of_a_column_hold_each_row_once_and_are_a_handful():
    generator = np.random.default_rng(5)
    numbers = pd.Series(generator.lognormal(size=500)).mask(generator.uniform(size=500) < 0.1)
    levels = pd.Series(generator.choice([f"level {one}" for one in range(30)], 500))
    for column in (numbers, levels, pd.Series([1.0] * 500), pd.Series([np.nan] * 500)):
        masks = [mask for _, mask in split_column(column)]
        assert np.array(masks).sum(axis=0).tolist() == [1] * 500
        assert len(masks) <= 6
    assert [label for label, _ in split_column(levels)][-1] == "other levels"


def test_bands_of_whole_numbers_are_named_by_them():
    years = [float(year) for year in range(2000, 2020)] + [2010.0] * 8 + [2011.0] * 8
    labels = [label for label, _ in split_column(pd.Series(years))]
    assert "2010" in labels


def test_the_more_is_asked_the_surer_a_finding_has_to_be():
    assert reject([0.02]) == [True]
    assert reject([0.02, 0.5, 0.5]) == [False] * 3


def test_a_gain_is_of_pooled_means_and_of_numbers_in_their_own_unit():
    assert pool([1.0, 4.0], [3, 1]) == 1.75
    assert measure_gain(4.0, 16.0, Task.REGRESSION) == 0.5
    assert measure_gain(4.0, 16.0, Task.BINARY) == 0.75
    assert measure_gain(1.0, 0.0, Task.BINARY) is None


def make_history(monkeypatch, stored_target):
    """One batch of 80 rows, its record from row 20 on; what is stored of its target may be another one."""
    generator = np.random.default_rng(2)
    features = pd.DataFrame({"kind": generator.choice(["x", "y"], 80), "same": ["s"] * 80})
    target = generator.integers(0, 2, 80).astype(float)
    part = np.repeat([0, 1], [60, 10])
    told = np.tile([0.5, 0.5], (70, 1))
    rows = RecordRows(
        3,
        Task.BINARY,
        ("no", "yes"),
        ("clean", "sparse"),
        (),
        part,
        np.concatenate([target[20:], target[:10]]),
        part,
        np.zeros((70, 1)),
    )
    record = OutOfSamplePredictions(rows, {"linear-0001": told, "prior-0002": told})
    production = SimpleNamespace(id="linear-0009", line="linear-0001")
    prior = SimpleNamespace(line="prior-0002", family="prior", rows=80)
    schema = SimpleNamespace(task=Task.BINARY, target="paid", classes=("no", "yes"))
    generation = SimpleNamespace(production=production, schema=schema, versions=(prior,))
    given = Contributions(features, np.ones((80, 2, 1)), np.zeros(1), ("yes",), "probability of 'yes'")
    known = {
        read_segment_records: ({3: 20}, [record]),
        batches: pd.DataFrame({"number": [3, 4], "clean_file": ["kept", None]}),
        explain_production: Explanation("linear-0009", 3, 80, given),
    }

    def load(_history, number, choose):
        places = choose(80)
        assert (number, places.tolist()) == (3, list(range(20, 80)))
        moments = pd.Series(pd.Timestamp("2020-01-01"), index=range(len(places)))
        stored = target if stored_target is None else stored_target
        return LabelledBatch(3, features.iloc[places].reset_index(drop=True), moments, stored[places])

    monkeypatch.setattr(segments, "load_features", load)
    return History(None, None, generation, datetime(2026, 1, 2), known)


def test_segments_are_of_the_recorded_rows_of_columns_that_vary(monkeypatch):
    figures = compute_segments(make_history(monkeypatch, None))
    assert (figures.version, figures.batches, figures.rows, figures.obstacle) == ("linear-0009", (3,), 60, "")
    assert [one.column for one in figures.columns] == ["kind"]
    assert sum(one.rows for one in figures.columns[0].segments) == 60


def test_a_batch_whose_stored_rows_are_others_is_left_out(monkeypatch):
    figures = compute_segments(make_history(monkeypatch, np.full(80, 2.0)))
    assert (figures.rows, figures.columns) == (0, ())
    assert "no batch has tested" in figures.obstacle
