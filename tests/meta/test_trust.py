"""How far the choice is trusted: a choice that loses steps back, says so, and comes back when it loses no longer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.meta.chooser_fitting import MIN_DAMAGED_GRADES
from pointsman.meta.ensembles import TYPICAL, fit_ensembles
from pointsman.meta.flags import RowKind
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP, GROUPS
from pointsman.meta.grading import grade_selector
from pointsman.meta.past import stack_records
from pointsman.meta.selector_fitting import MIN_BATCHES
from pointsman.meta.trust import LOSING_BATCHES, MIN_SPREAD, UNGRADED, Trust, is_losing, judge_grades
from tests.meta.made_records import (
    DEFAULTS,
    LINES,
    follow,
    make_ensembles,
    make_profile,
    make_record,
    make_records,
    make_selector,
    with_ensembles,
)

CLEAN, DAMAGED = make_profile(0.0, clean_rows=100), make_profile(0.5, flagged_rows=100)


@pytest.fixture(scope="module")
def graded():
    """One batch's two grades, to be given other numbers."""
    ensembles = make_ensembles()
    return grade_selector(make_selector(make_records(5), ensembles), with_ensembles(make_record(6), ensembles))


def repeat(graded, differences, error=0.01, **changes):
    """Grades of as many batches as there are differences to the champion."""
    return [
        replace(grade, batch=6 + place, difference=difference, error=error, **changes)
        for place, difference in enumerate(differences)
        for grade in graded
    ]


def judge(grades):
    return judge_grades(grades, 4.0, 0.9, root=False)


class TestReasons:
    def test_without_a_grade_the_champions_serve(self):
        assert set(judge([]).reasons.values()) == set(judge([]).single.values()) == {UNGRADED}

    def test_a_loss_beyond_noise_is_withheld_and_gains_bring_it_back(self, graded):
        lost = repeat(graded, [0.1, 0.1])
        assert all("lost to the champion" in reason for reason in judge(lost).reasons.values())
        assert not any(judge(repeat(graded, [0.1, 0.1], error=1.0)).reasons.values())
        assert not any(judge(repeat(graded, [0.1, 0.1, *[-0.1] * 6])).reasons.values())

    def test_one_bad_batch_among_good_ones_is_noise(self, graded):
        assert judge(repeat(graded, [0.02, 0.03, 0.02, 0.03], error=0.001)).reasons[CLEAN_GROUP]
        assert not judge(repeat(graded, [-0.02, -0.03, -0.02, 0.12], error=0.001)).reasons[CLEAN_GROUP]
        assert judge(repeat(graded, [0.02], error=0.001)).reasons[CLEAN_GROUP]

    def test_three_losing_batches_in_a_row_are_enough_whatever_was_gained_before(self, graded):
        hidden = [-9.0, -9.0, *[1e-6] * LOSING_BATCHES]
        trust = judge(repeat(graded, hidden, error=1.0))
        newest = 6 + len(hidden) - 1
        for group in GROUPS:
            assert f"on {group} input of each of the batches {newest - 2} to {newest}" in trust.reasons[group]
        assert not any(judge(repeat(graded, hidden[:-1], error=1.0)).reasons.values())
        assert not any(judge(repeat(graded, [*hidden, 0.0], error=1.0)).reasons.values())

    def test_each_group_and_each_mode_is_judged_by_itself(self, graded):
        clean, damaged = graded
        grades = [*repeat([clean], [0.1] * 3), *repeat([damaged], [-0.1] * 3)]
        trust = judge(grades)
        assert trust.withheld(CLEAN_GROUP)
        assert not trust.withheld(DAMAGED_GROUP)
        worse = [replace(one, single=one.champion + (one.group == DAMAGED_GROUP)) for one in grades]
        assert not judge(worse).withheld(CLEAN_GROUP, "single")
        assert "lost to the champion" in judge(worse).withheld(DAMAGED_GROUP, "single")

    @given(st.lists(st.floats(-1, 1), max_size=8))
    def test_losing_is_a_matter_of_the_newest_batches_alone(self, differences):
        newest = differences[-LOSING_BATCHES:]
        assert is_losing(differences) == (len(newest) == LOSING_BATCHES and all(one > 0 for one in newest))

    @settings(deadline=None)
    @given(st.lists(st.floats(-1, 1), min_size=1, max_size=6))
    def test_what_is_stored_says_the_same(self, graded, differences):
        trust = judge(repeat(graded, differences))
        assert Trust.from_json(trust.to_json()) == trust

    def test_a_champion_that_is_new_did_not_win_what_was_lost(self, graded):
        lost = repeat(graded, [0.1] * LOSING_BATCHES, champions={"good": 25}, single=9.0)
        newer = [*lost[: -len(graded)], *(replace(one, champions={"poor": 25}) for one in lost[-len(graded) :])]
        unnamed = [replace(one, champions={}) for one in lost]  # grades of an earlier release

        def find_withheld(grades, clean):
            trust = judge_grades(grades, 4.0, 0.9, root=False, champions={CLEAN_GROUP: clean, DAMAGED_GROUP: "good"})
            return [group for group in GROUPS if trust.withheld(group) and trust.withheld(group, "single")]

        assert find_withheld(lost, "good") == list(GROUPS)
        assert find_withheld(lost, "poor") == [DAMAGED_GROUP]
        assert find_withheld(newer, "good") == find_withheld(newer, "poor") == []
        assert find_withheld(unnamed, "poor") == list(GROUPS)
        assert find_withheld([], "poor") == list(GROUPS)

    def test_copies_without_an_alarm_do_not_hide_the_champion_for_damaged_input(self, graded):
        """They have the clean champion: where most copies raise no alarm, the choice could once lose for ever."""
        lost = repeat(graded, [0.1] * LOSING_BATCHES, champions={"c": 8, "d": 6})
        for damaged, why in (("d", f"lost to the champion on {DAMAGED_GROUP} input"), ("new", "")):
            trust = judge_grades(lost, 4.0, 0.9, root=False, champions={CLEAN_GROUP: "c", DAMAGED_GROUP: damaged})
            assert why in trust.withheld(DAMAGED_GROUP)
            assert bool(trust.withheld(DAMAGED_GROUP)) == bool(why)

    def test_a_champion_without_an_error_can_be_lost_to(self, graded):
        lost = repeat(graded, [0.1], champion=0.0)
        assert all("by 0.1 (log-loss) on" in reason for reason in judge(lost).reasons.values())


def test_an_expected_loss_has_an_interval_once_enough_batches_were_graded():
    ensembles = make_ensembles()
    selector = make_selector(make_records(5), ensembles)
    grades = [
        one
        for batch in range(6, 6 + MIN_SPREAD)
        for one in grade_selector(selector, with_ensembles(make_record(batch), ensembles))
    ]
    few = judge(grades[:2]).expect((100, 0, 0))
    assert few.loss is not None
    assert few.lower is None
    enough = judge(grades)
    expected, of_champion = enough.expect((100, 0, 0)), enough.expect((100, 0, 0), of_champion=True)
    assert expected.lower < expected.loss < expected.upper
    assert of_champion.loss == pytest.approx(np.mean([one.champion for one in grades[::2]]), rel=0.1)
    assert judge([]).expect((100, 0, 0)).loss is None
    assert enough.expect((0, 0, 5)).loss is None  # no anomalous row was ever graded


def make_skill(good, robust, poor):
    """By line, how strongly its answers follow the truth, on clean rows and on damaged ones."""
    return {line: (skill, skill) for line, skill in zip(LINES, (good, robust, poor), strict=True)}


HEADS, TAILS = make_skill(4, -1.5, 1), make_skill(-1.5, 4, 1)
"""Two lines are turned round every other batch, so the middling one is the champion, and better than their mean."""
ALIKE = make_skill(2.5, 1.8, 1.8)
"""The mean of all lines is better than each."""
LOPSIDED = make_skill(4, 0.5, 0.5)
"""One line is surely better than all others, and than any mixture with them."""
EQUAL = dict.fromkeys(LINES, 1 / 3)


def follow_fixed(*skills):
    """Follow a stream with two ensembles that never change: the choice can leave its default, or step back."""
    records = [make_record(batch, skill=skill) for batch, skill in enumerate(skills, start=1)]
    return list(follow(records, {line: (EQUAL,) * len(RowKind) for line in vars(DEFAULTS).values()}))


def list_differences(grades, group):
    return [one.difference for one in grades if one.group == group]


@pytest.fixture(scope="module")
def turning():
    return follow_fixed(*[HEADS, TAILS] * 2, HEADS, ALIKE, ALIKE)


class TestStreams:
    @pytest.mark.parametrize(("profile", "group"), [(CLEAN, CLEAN_GROUP), (DAMAGED, DAMAGED_GROUP)])
    def test_a_choice_that_keeps_losing_steps_back_says_so_and_returns(self, turning, profile, group):
        """A large gain of the first graded batch outweighs the losses in every mean, and once hid them for good."""
        selector, grades = turning[4]
        won, *lost = list_differences(grades, group)
        assert won < -1
        assert len(lost) == LOSING_BATCHES
        assert min(lost) > 0
        assert np.mean([won, *lost]) < 0
        assert turning[3][0].plan(profile).model == DEFAULTS.of(turning[3][0].plan(profile).alarm)
        plan = selector.plan(profile)
        assert plan.model == plan.champion == "poor"
        assert plan.weights == ({"poor": 1.0},) * len(RowKind)
        assert set(plan.reasons) == {"champion"}
        assert f"what was chosen lost to the champion on {group} input of each of the batches 3 to 5" in plan.why
        after, grades = turning[-1]
        assert list_differences(grades, group)[-1] < 0
        assert after.plan(profile).model == DEFAULTS.of(plan.alarm)
        assert "lost to the champion" not in after.plan(profile).why

    def test_a_line_that_is_surely_better_than_the_mixture_serves_within_three_losing_batches(self):
        """So it was on a real stream: two large gains hid eight batches in which one line beat the mixture."""
        steps = follow_fixed(make_skill(1, 4, 1), make_skill(2, -1.5, 1), *[LOPSIDED] * 7)
        assert list_differences(steps[1][1], CLEAN_GROUP)[0] < -0.5
        for selector, _ in steps[2 + LOSING_BATCHES :]:
            for profile in (CLEAN, DAMAGED):
                plan = selector.plan(profile)
                assert plan.model == plan.champion == "good"
                assert "lost to the champion" in plan.why or "predicted to lose least" in plan.why

    def test_a_line_that_is_surely_the_best_in_each_batch_is_chosen_once_graded(self):
        for selector, _ in follow_fixed(*[LOPSIDED] * 14)[MIN_BATCHES + MIN_DAMAGED_GRADES - 1 :]:
            for profile in (CLEAN, DAMAGED):
                plan = selector.plan(profile)
                assert selector.propose(plan.alarm, selector.vote(profile), "all") == plan.model == "good"


def test_ensembles_that_are_fitted_anew_follow_one_line_that_is_surely_better():
    """A softmax over decayed records gives nearly all weight to it, so nothing needs to step back."""

    def fit(records):
        past = stack_records(records, LINES)
        fitted = fit_ensembles(past, (), 4.0, 0.01, 5, 1)
        return {
            f"ensemble-{variant}": [
                {line: float(share) for line, share in zip(LINES, shares, strict=True) if share > 0}
                for shares in members
            ]
            for variant, members in fitted.items()
        }

    *_, (selector, grades) = follow([make_record(batch, skill=LOPSIDED) for batch in range(1, 6)], fit)
    assert selector.ensembles[f"ensemble-{TYPICAL}"][0]["good"] > 0.99
    clean = [one for one in grades if one.group == CLEAN_GROUP]
    assert all(one.selected <= one.champion * 1.01 for one in clean)
