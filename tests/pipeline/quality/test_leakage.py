"""Columns that give the answer away, and honest ones that are only good."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claims_batch import SCHEMA, breaches, find_check, judge_frame, make_frame, make_past, make_stream, shift

from pointsman.common.task import Task
from pointsman.pipeline.quality.separation import compute_separation


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


RARE = 4
"""Positive rows in each of the small batches below, too few to judge a column by."""

COPIES = {
    "as a number": ("premium", lambda y, _: y),
    "shifted": ("premium", lambda y, _: y + 5),
    "scaled": ("premium", lambda y, _: y * 1000),
    "inverted": ("premium", lambda y, _: 1 - y),
    "with noise": ("premium", lambda y, random: y + random.normal(0, 0.15, len(y))),
    "as text": ("make", lambda y, _: np.where(y == 1, "paid", "unpaid")),
    "as a level": ("make", lambda y, random: np.where(y == 1, "A", random.choice(["B", "C"], len(y)))),
    "as a date": ("end", lambda y, _: np.where(y == 1, "2022-12-31", "2020-12-31")),
}


def make_rare(batch, column="premium", copy=None, rows=80, rare=RARE):
    """A batch with ``rare`` positive rows and, in a column, what ``copy`` makes of the target."""
    random = np.random.default_rng(batch)
    claimed = np.isin(np.arange(rows), random.choice(rows, rare, replace=False)).astype(float)
    frame = shift(make_frame(rows, batch), 30 * batch).assign(claim=np.where(claimed == 1, "yes", "no"))
    return frame if copy is None else frame.assign(**{column: pd.Series(copy(claimed, random)).astype("str")})


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_of_a_rare_target_is_found_once_there_are_enough_of_each_class(way):
    column, copy = COPIES[way]
    stream = [make_rare(batch, column, copy) for batch in range(4)]
    first = judge_frame(stream[0])
    assert find_check(first, "DQ029", column).share is None
    assert "hardly any labelled row, here and in earlier batches" in find_check(first, "DQ029", column).message
    found = judge_frame(stream[3], past=make_past(stream[:3]))
    assert ("DQ029", column) in breaches(found)
    assert "in batches 1 to 7, as the label itself" in find_check(found, "DQ029", column).message


def test_columns_that_do_not_copy_a_rare_target_are_left_alone():
    stream = [make_rare(batch) for batch in range(4)]
    assert not {found for found in breaches(judge_frame(stream[3], past=make_past(stream[:3]))) if found[0] == "DQ029"}


def test_only_this_batch_and_those_before_it_are_pooled():
    stream = [make_rare(batch, "premium", COPIES["as a number"][1] if batch == 3 else None) for batch in range(4)]
    judged = find_check(judge_frame(stream[2], past=make_past(stream[:2])), "DQ029", "premium")
    assert judged.share is not None
    assert judged.passed


def test_being_filled_in_with_a_rare_claim_is_found_over_batches():
    stream = [make_rare(batch, "premium", lambda y, _: np.where(y == 1, "12.5", "")) for batch in range(4)]
    assert ("DQ030", "premium") in breaches(judge_frame(stream[3], past=make_past(stream[:3])))


def test_a_class_that_the_sample_of_a_large_batch_misses_is_looked_for_in_all_of_it(monkeypatch):
    monkeypatch.setattr("pointsman.pipeline.quality.pooling.SAMPLED_ROWS", 60)
    frame = make_rare(1, "premium", COPIES["shifted"][1], rows=600, rare=15)
    assert "in batch 7, as the label" in find_check(judge_frame(frame), "DQ029", "premium").message


def test_no_more_batches_are_read_than_it_takes():
    stream, read = [make_rare(batch) for batch in range(6)], []
    past = make_past(stream[:5])

    def read_earlier():
        for batch in past.read_earlier():
            read.append(batch.number)
            yield batch

    judge_frame(stream[5], past=replace(past, read_earlier=read_earlier))
    assert read == [5, 4, 3]
    read.clear()
    judge_frame(make_frame(), past=replace(past, read_earlier=read_earlier), min_rows=1)
    assert read == [5]


def test_copies_of_classes_and_numbers():
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, 300).astype(float)
    for copy in (classes, 7 - classes, classes * 10 + random.normal(0, 0.5, 300)):
        assert compute_separation(copy, classes, Task.MULTICLASS, is_level=False) > 0.95
    amounts = np.where(random.random(300) < 0.9, 0.0, random.gamma(2, 100, 300))
    for copy in (amounts, -amounts, np.log1p(amounts)):
        assert compute_separation(copy, amounts, Task.REGRESSION, is_level=False) == pytest.approx(1.0)
    few = np.where(np.arange(300) < 5, 1.0, 0.0)
    assert compute_separation(few, few, Task.REGRESSION, is_level=False) is None


def test_what_looks_like_a_leak_in_a_few_rows_has_to_look_so_in_more():
    leaky = with_paid(100)
    assert ("DQ029", "premium") in breaches(judge_frame(leaky))
    before = [with_paid(100, noise=100, seed=seed) for seed in range(6)]
    assert ("DQ029", "premium") not in breaches(judge_frame(leaky, past=make_past(before)))
    assert ("DQ029", "premium") in breaches(judge_frame(with_paid(500), past=make_past(before)))
    assert ("DQ029", "premium") in breaches(judge_frame(leaky, past=make_past([with_paid(100, seed=1)])))
