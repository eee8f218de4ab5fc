"""The selector on records whose lines are of known worth: it finds them, weighs them and steps back where it must."""

from dataclasses import replace

import numpy as np
import pytest

from common.config import SelectionConfig
from common.task import Task
from meta.grades import CLEAN_GROUP, DAMAGED_GROUP
from meta.grading import answer_record, compare_with, grade_selector
from meta.past import MAX_BATCHES, stack_records
from meta.selector import Selector, fit_blends, fit_selector
from meta.trust import Trust, judge_grades
from tests.meta.made_records import LINES, make_profile, make_record, make_records

CONFIG = SelectionConfig()
TRUSTED = Trust(reasons={CLEAN_GROUP: "", DAMAGED_GROUP: ""})
TASKS = list(Task)
CLEAN, DAMAGED = make_profile(0.0, clean_rows=100), make_profile(0.5, flagged_rows=100)


def fit(records=None, lines=LINES, trust=TRUSTED, config=CONFIG, blends=True):
    records = records or make_records()
    made = fit_blends(stack_records(records, lines), 1) if blends and len(lines) > 1 else {}
    return fit_selector(records, lines, {f"blend-{name}": known for name, known in made.items()}, config, 1, trust)


def share(plan, kind, line):
    return plan.weights[kind].get(line, 0.0)


@pytest.mark.parametrize("task", TASKS)
def test_champions_and_weights_follow_what_lines_are_worth(task):
    selector = fit(make_records(task=task))
    assert (selector.champions.clean, selector.champions.damaged) == ("good", "robust")
    clean, damaged = selector.plan(CLEAN), selector.plan(DAMAGED)
    assert share(clean, 0, "good") > 0.6
    assert share(damaged, 1, "robust") > 0.6
    assert (clean.leading, damaged.leading) == ("good", "robust")
    assert not clean.alarm
    assert damaged.alarm.condition == "sparse"
    assert (clean.champion, damaged.champion) == ("good", "robust")


@pytest.mark.parametrize("task", TASKS)
def test_weights_sum_to_one_and_small_ones_are_not_run(task):
    plan = fit(make_records(task=task)).plan(make_profile(0.3, clean_rows=50, flagged_rows=50))
    for weights in plan.weights:
        assert sum(weights.values()) == pytest.approx(1)
        assert min(weights.values()) >= 0.01


def test_each_chooser_can_be_switched_off():
    for names in (("blends",), ("decayed", "forest"), ()):
        plan = fit(config=SelectionConfig(choosers=names)).plan(CLEAN)
        assert tuple(plan.choosers) == names
        if not names:
            assert plan.weights[0] == {"good": 1.0}
            assert "switched off" in plan.why


def test_an_ungraded_plan_leaves_it_to_the_champions():
    selector = fit(trust=Trust())
    clean, damaged = selector.plan(CLEAN), selector.plan(DAMAGED)
    assert (clean.weights[0], clean.reasons[0]) == ({"good": 1.0}, "champion")
    assert (damaged.weights[1], damaged.reasons) == (
        {"robust": 1.0}, ("fallback:sparse", "fallback:sparse", "fallback:anomalous"),
    )  # fmt: skip
    assert "not been graded" in clean.why


def test_a_plan_steps_back_for_the_group_it_lost_on_alone():
    lost = replace(TRUSTED, reasons={CLEAN_GROUP: "it lost", DAMAGED_GROUP: ""})
    selector = fit(trust=lost)
    assert selector.plan(CLEAN).weights[0] == {"good": 1.0}
    assert "champion serves" not in selector.plan(DAMAGED).why


def test_single_mode_serves_exactly_one_line():
    selector = fit()
    for profile in (CLEAN, DAMAGED, make_profile(0.3, clean_rows=50, flagged_rows=50)):
        plan = selector.plan(profile, "single")
        assert plan.lines == (plan.leading,)
        assert len(set(plan.reasons)) == 1
    assert selector.plan(CLEAN, "single").leading == "good"
    assert selector.plan(DAMAGED, "single").leading == "robust"


@pytest.mark.parametrize("task", TASKS)
def test_what_is_stored_plans_the_same(task):
    selector = fit(make_records(task=task))
    stored = selector.dump()
    loaded = Selector.load(stored)
    for profile in (CLEAN, DAMAGED):
        for mode in ("plan", "single"):
            assert loaded.plan(profile, mode) == selector.plan(profile, mode)
    assert loaded.dump() == stored


def test_the_same_records_give_the_same_selector():
    assert fit().dump() == fit().dump()


def test_a_stream_longer_than_what_is_remembered_gives_the_selector_of_what_is():
    long = [make_record(number) for number in range(1, MAX_BATCHES + 3)]
    selectors = [fit_selector(records, LINES, {}, SelectionConfig(), 1) for records in (long, long[2:])]
    assert selectors[0].dump() == selectors[1].dump()


def test_later_records_do_not_reach_back():
    early = make_records(3)
    later = [*early, make_record(4, skill={"good": (0.0, 0.0), "robust": (0.0, 0.0), "poor": (3.0, 3.0)})]
    assert fit(early).dump() == fit(later[:3]).dump()
    assert fit(later).dump() != fit(early).dump()


def test_one_line_alone_serves_everything():
    selector = fit(lines=("robust",))
    for profile in (CLEAN, DAMAGED):
        assert selector.plan(profile).weights == ({"robust": 1.0},) * 3


def test_a_line_without_any_record_gets_little_weight():
    records = [make_record(batch, lines=LINES[:2]) for batch in range(1, 6)]
    plan = fit(records, lines=(*LINES[:2], "newcomer")).plan(CLEAN)
    assert share(plan, 0, "newcomer") < 0.35
    assert plan.leading == "good"


def test_a_newcomer_with_a_record_of_the_newest_batch_counts_at_once():
    records = [*(make_record(batch, lines=LINES[1:]) for batch in range(1, 6)), make_record(6)]
    assert share(fit(records).plan(CLEAN), 0, "good") > 0.3


@pytest.mark.parametrize("task", TASKS)
def test_grades_lie_between_their_bounds(task):
    selector = fit(make_records(5, task=task))
    clean, damaged = grade_selector(selector, make_record(6, task=task))
    for grade in (clean, damaged):
        assert grade.oracle <= grade.single_best <= min(grade.champion, grade.last_best, grade.single) + 1e-12
        assert grade.selected < grade.uniform
    assert (clean.group, clean.requests, damaged.requests) == (CLEAN_GROUP, 1, 5)
    assert (clean.alarms, damaged.alarms) == (0.0, 1.0)
    assert bool(clean.calibration) == task.is_classification


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_a_champion_without_an_error_is_graded_and_can_be_lost_to(task):
    record = make_record(6, task=task)
    truth = record.rows.target[:, None] if task is Task.REGRESSION else np.eye(2)[record.rows.target.astype(int)]
    perfect = record.with_lines(dict.fromkeys(LINES, truth))
    grades = grade_selector(fit(make_records(5, task=task)), perfect)
    assert all(grade.champion == 0 and set(grade.margins.values()) == {0.0} for grade in grades)
    assert (compare_with(0.2, 0.0), compare_with(0.0, 0.0), compare_with(0.3, 0.2)) == (1.0, 0.0, pytest.approx(0.5))
    lost = [replace(grade, difference=0.1, error=0.01) for grade in grades]
    assert all("by 0.1 on" in reason for reason in judge_grades(lost, 4.0, 0.9, root=False).reasons.values())


def test_why_a_threshold_is_not_tuned_is_stored_with_the_selector():
    selector = fit(make_records(5))
    told = replace(selector, untuned="3 of 90 labels are positive")
    assert Selector.load(told.dump()).untuned == told.untuned
    assert Selector.load(selector.dump()).untuned is None
    assert b"untuned" not in selector.dump()["selector.json"]  # a selector of before has the same bytes


def test_a_plan_that_loses_beyond_noise_is_withheld_and_comes_back():
    selector = fit(make_records(5))
    lost = [
        replace(grade, batch=batch, difference=0.1, error=0.01)
        for batch in (6, 7)
        for grade in grade_selector(selector, make_record(6))
    ]
    trust = judge_grades(lost, 4.0, 0.9, root=False)
    assert all("lost to the champion" in reason for reason in trust.reasons.values())
    noisy = [replace(grade, error=1.0) for grade in lost]
    assert not any(judge_grades(noisy, 4.0, 0.9, root=False).reasons.values())
    won = [replace(grade, batch=batch, difference=-0.1) for batch in range(8, 14) for grade in lost[:2]]
    assert not any(judge_grades([*lost, *won], 4.0, 0.9, root=False).reasons.values())


def test_an_expected_loss_has_an_interval_once_enough_batches_were_graded():
    selector = fit(make_records(5))
    grades = [one for batch in (6, 7, 8) for one in grade_selector(selector, make_record(batch))]
    few = judge_grades(grades[:2], 4.0, 0.9, root=False).expect((100, 0, 0))
    assert few.loss is not None
    assert few.lower is None
    enough = judge_grades(grades, 4.0, 0.9, root=False).expect((100, 0, 0))
    assert enough.lower < enough.loss < enough.upper
    assert judge_grades([], 4.0, 0.9, root=False).expect((100, 0, 0)).loss is None


def test_a_line_that_failed_on_a_batch_drops_out_of_its_plan():
    selector = fit(make_records(5))
    record = make_record(6, lines=("robust", "poor"))
    outputs = answer_record(selector, record)
    assert np.isfinite(outputs).all()
    assert outputs.sum(axis=1) == pytest.approx(1)
    assert {grade.group for grade in grade_selector(selector, record)} == {CLEAN_GROUP, DAMAGED_GROUP}


def test_anomalous_rows_lean_on_guarded_lines_as_sparse_ones_would():
    records = make_records()
    blends = {"blend-mixed": fit_blends(stack_records(records, LINES), 1)["mixed"]}
    selector = fit_selector(records, LINES, blends, CONFIG, 1, TRUSTED, guarded=["robust"])
    asked = selector.ask_choosers(DAMAGED)
    proposed = selector.propose(asked)
    plain = np.mean(list(asked.values()), axis=0)
    assert proposed[2, 1] == pytest.approx((plain[2, 1] + 1) / 2, abs=0.02)
    np.testing.assert_allclose(proposed[:2], np.where(plain < 0.01, 0, plain)[:2], atol=0.02)


def test_one_bad_batch_among_good_ones_is_noise():
    selector = fit(make_records(5))
    clean = grade_selector(selector, make_record(6))[0]

    def trust(*differences):
        grades = [replace(clean, batch=6 + k, difference=d, error=0.001) for k, d in enumerate(differences)]
        return judge_grades(grades, 4.0, 0.9, root=False).reasons[CLEAN_GROUP]

    assert trust(0.02, 0.03, 0.02, 0.03)
    assert not trust(-0.02, -0.03, -0.02, 0.12)
    assert trust(0.02)
