"""Columns that give the answer away, and honest ones that are only good."""

import numpy as np
import pytest
from claims_batch import SCHEMA, breaches, find_check, judge_frame, make_frame, make_past, make_stream

from common.task import Task
from pipeline.analysis.quality.separation import compute_separation


def with_paid(rows=300, noise=0.0, seed=0):
    """A premium that knows the label up to ``noise``."""
    frame, random = make_frame(rows, seed), np.random.default_rng(seed)
    claimed = frame["claim"].eq("yes").to_numpy()
    return frame.assign(premium=(claimed * 100 + random.normal(scale=1 + noise, size=rows)).round(3).astype(str))


def test_a_column_that_is_the_answer_is_found_and_a_good_one_is_not():
    judgement = judge_frame(with_paid())
    assert breaches(judgement) == {("DQ029", "premium")}
    assert "'premium' alone tells 100.0% of the target 'claim'" in find_check(judgement, "DQ029", "premium").message
    assert breaches(judge_frame(with_paid(noise=100))) == set()
    assert breaches(judge_frame(with_paid(), max_leakage=1.0)) == set()


def test_a_level_that_is_the_answer_is_found_and_many_levels_are_not():
    frame = make_frame(300)
    assert breaches(judge_frame(frame.assign(make=frame["claim"].str.upper()))) == {("DQ029", "make")}
    many = frame.assign(make=[f"M{level}" for level in np.random.default_rng(0).integers(0, 150, 300)])
    assert find_check(judge_frame(many), "DQ029", "make").share > 0.8


def test_what_has_always_told_as_much_is_no_leak():
    stream = [
        frame.assign(premium=with_paid(len(frame), 0.0, seed)["premium"]) for seed, frame in enumerate(make_stream(7))
    ]
    assert ("DQ029", "premium") not in breaches(judge_frame(stream[6], past=make_past(stream[:6])))


def test_being_filled_in_only_with_a_claim_is_found():
    frame = make_frame(300)
    judgement = judge_frame(frame.assign(premium=frame["premium"].where(frame["claim"].eq("yes"), "")))
    assert ("DQ030", "premium") in breaches(judgement)
    assert "as if it were written once the label is known" in find_check(judgement, "DQ030", "premium").message


def test_a_column_that_appears_only_after_the_label():
    frame = make_frame(300)
    unlabelled = np.arange(300) % 5 == 0
    late = frame.assign(claim=frame["claim"].mask(unlabelled, ""), premium=frame["premium"].mask(unlabelled, ""))
    judgement = judge_frame(late)
    assert ("DQ031", "premium") in breaches(judgement)
    assert ("DQ031", "seats") not in breaches(judgement)
    assert find_check(judge_frame(frame), "DQ031", "premium").share is None


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.MULTICLASS])
def test_separation_of_numbers_and_of_several_classes(task):
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 600).astype(float) if task is Task.MULTICLASS else random.normal(size=600)
    levels = random.integers(0, 400, 600)
    assert compute_separation(random.normal(size=600), target, task, is_level=False) < 0.1
    assert compute_separation(levels, target, task, is_level=True) < 0.2
    if task is Task.MULTICLASS:
        assert compute_separation(target.astype(int), target, task, is_level=True) == 1.0
    else:
        assert compute_separation(np.exp(target), target, task, is_level=False) == pytest.approx(1.0)


def test_a_target_of_one_value_separates_nothing():
    assert compute_separation(np.arange(100.0), np.zeros(100), Task.REGRESSION, is_level=False) is None
    assert compute_separation(np.arange(100.0), np.zeros(100), Task.BINARY, is_level=False) is None
    assert find_check(judge_frame(make_frame().assign(claim="no"), SCHEMA), "DQ029", "premium").share is None
