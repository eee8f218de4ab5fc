"""The chooser with its margins, and the greedy selections that ensembles are made of, each by itself."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointsman.common.task import Task
from pointsman.meta.chooser import choose
from pointsman.meta.chooser_fitting import (
    MARGINS,
    MIN_DAMAGED_GRADES,
    MIN_EXAMPLES,
    MIN_GRADES,
    fit_chooser,
    tune_margin,
)
from pointsman.meta.decayed import compute_part_losses
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP
from pointsman.meta.grading import grade_selector
from pointsman.meta.greedy import blend_by_kind, blend_greedily, draw_rows
from pointsman.meta.past import mix_outputs, stack_records
from pointsman.meta.profile import METAFEATURES, QUALITY
from tests.meta.made_records import LINES, make_ensembles, make_record, make_records, make_selector

TASKS = list(Task)


def stack(**changes):
    return stack_records(make_records(**changes), LINES)


class TestGreedy:
    @pytest.mark.parametrize("task", TASKS)
    def test_a_blend_is_no_worse_than_its_best_line(self, task):
        past = stack(task=task)
        weights = blend_greedily(past, np.random.default_rng(0))
        assert weights.sum() == pytest.approx(1)
        assert (weights >= 0).all()
        blended = past.compute_losses(past.mix(weights)).mean()
        assert blended <= past.losses.mean(axis=0).min() * 1.02

    def test_there_are_weights_for_each_kind_of_row(self):
        weights = blend_by_kind(stack(), np.random.default_rng(0))
        assert weights.shape == (3, len(LINES))
        assert LINES[int(weights[0].argmax())] == "good"
        assert LINES[int(weights[1].argmax())] == "robust"

    def test_a_line_that_is_hardly_known_has_to_wait(self):
        records = [*(make_record(batch, lines=LINES[1:]) for batch in range(1, 6)), make_record(6)]
        weights = blend_greedily(stack_records(records, LINES), np.random.default_rng(0))
        assert weights[LINES.index("good")] == 0

    def test_newer_rows_are_drawn_more_often_and_halves_are_balanced(self):
        past = stack(batches=12)
        drawn = past.take(draw_rows(past, 20_000, np.random.default_rng(0), balanced=True))
        assert drawn.clean.mean() == pytest.approx(0.5, abs=0.02)
        assert (drawn.batch == 12).sum() > 1.7 * (drawn.batch == 6).sum()


@given(hnp.arrays(float, (6, 3, 2), elements=st.floats(-5, 5)), hnp.arrays(float, (6, 3), elements=st.floats(0.01, 1)))
def test_a_mixture_lies_between_its_members(outputs, weights):
    weights = weights / weights.sum(axis=1, keepdims=True)
    mixed = mix_outputs(outputs, weights)
    assert (mixed <= outputs.max(axis=1) + 1e-9).all()
    assert (mixed >= outputs.min(axis=1) - 1e-9).all()
    np.testing.assert_allclose(mix_outputs(outputs, weights[0])[0], mixed[0])


def fit(batches=8, lines=LINES, unknown=None, skill=None):
    records = make_records(batches, lines=lines, skill=skill)
    parts = compute_part_losses(stack_records(records, lines))
    described = [profile.metafeatures for record in records for profile in record.rows.profiles]
    losses = parts.losses.copy()
    if unknown:
        losses[parts.batch < batches, lines.index(unknown)] = np.nan
    return fit_chooser(lines, described, losses, np.ones(len(losses)), 1.0, 1), described


def predict(chooser, request):
    return {line: votes.mean() for line, votes in chooser.vote(request).items()}


class TestChooser:
    def test_it_predicts_for_each_request_which_candidate_loses_least(self):
        chooser, described = fit()
        clean, damaged = predict(chooser, described[0]), predict(chooser, described[-1])
        assert set(clean) == set(LINES)
        assert min(clean, key=clean.get) == "good"
        assert min(damaged, key=damaged.get) == "robust"

    def test_it_reads_nothing_but_the_quality_of_inputs(self):
        chooser, described = fit()
        for name in set(METAFEATURES) - set(QUALITY):
            assert predict(chooser, described[-1] | {name: 99.0}) == predict(chooser, described[-1])

    def test_too_few_examples_or_one_candidate_predict_nothing(self):
        few, described = fit(batches=(MIN_EXAMPLES - 1) // 6)
        alone, _ = fit(lines=("good",))
        assert few.vote(described[-1]) == alone.vote(described[-1]) == {}

    def test_a_candidate_with_a_short_record_is_held_against_what_others_lost_then(self):
        chooser, described = fit(unknown="good", skill={"good": (4.0, 4.0), "robust": (1.5, 1.6), "poor": (0.2, 0.2)})
        for request in described:
            predicted = predict(chooser, request)
            assert np.isfinite(list(predicted.values())).all()
            assert min(predicted, key=predicted.get) == "good"


VOTES = st.dictionaries(
    st.sampled_from("abcde"), st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array), min_size=1
)


class TestChoice:
    @given(VOTES, st.sampled_from("abcde"), st.none() | st.sampled_from(MARGINS), st.sets(st.sampled_from("abcde")))
    def test_the_incumbent_is_left_only_for_an_allowed_candidate_with_a_gain_beyond_the_margin(
        self, votes, incumbent, margin, allowed
    ):
        chosen = choose(votes, incumbent, margin, allowed)
        if chosen == incumbent:
            return
        assert margin is not None
        assert chosen in allowed
        assert votes[incumbent].mean() - votes[chosen].mean() > margin
        sure = [one for one in allowed if one in votes and (votes[one] < votes[incumbent]).all()]
        assert votes[chosen].mean() == min(votes[one].mean() for one in sure)

    def test_it_is_not_left_where_trees_disagree_as_about_damage_that_no_record_has_shown(self):
        gain = np.full(20, -0.1)
        one, two = gain.copy(), gain.copy()
        one[0], two[:2] = 0.1, 0.1
        known = {"default": np.zeros(20), "one against": one, "two against": two}
        assert choose(known, "default", 0.001, ["one against"]) == "one against"
        assert choose(known, "default", 0.001, ["two against"]) == "default"

    def test_an_incumbent_of_which_nothing_is_predicted_stays(self):
        assert choose({"a": np.zeros(3)}, "new", 0.001, ["a", "new"]) == "new"
        assert choose({}, "a", 0.001, ["a", "b"]) == "a"


def make_grades(*losses, mode="all"):
    """Grades of batches on which each margin, or by margin, lost that much relative to the incumbent."""
    records = make_records(5)
    clean = grade_selector(make_selector(records, make_ensembles()), make_record(6))[0]

    def by_margin(loss):
        return {str(margin): loss[margin] if isinstance(loss, dict) else loss for margin in MARGINS}

    return [replace(clean, batch=6 + place, margins={mode: by_margin(loss)}) for place, loss in enumerate(losses)]


class TestMargin:
    def test_one_that_surely_paid_off_is_taken_and_the_best_of_them(self):
        gains = {margin: -0.01 - 0.01 * (margin == 0.002) for margin in MARGINS}
        assert tune_margin(make_grades(*[gains] * MIN_GRADES), "all", 4.0, 0.9) == 0.002

    @pytest.mark.parametrize(
        "losses",
        [
            (),
            (-0.05,) * (MIN_GRADES - 1),
            (0.05,) * 5,
            (0.0,) * 5,
            (-0.3, 0.25, -0.2, 0.2),
            (-0.5, 0.01, 0.01, 0.01),
            (*(0.0,) * 9, -1e-6),
            (*(0.0,) * 9, *(-0.05,) * (MIN_GRADES - 1)),
        ],
        ids=["nothing", "few", "lost", "no difference", "noise", "one lucky batch", "one that differed", "few did"],
    )
    def test_none_without_grades_that_surely_paid_off(self, losses):
        assert tune_margin(make_grades(*losses), "all", 4.0, 0.9) is None

    def test_batches_on_which_the_incumbent_was_chosen_are_no_evidence(self):
        noisy = (-0.3, 0.25, -0.2, 0.2, -0.1)
        assert tune_margin(make_grades(*(0.0,) * 20, *noisy), "all", 4.0, 0.9) is None
        assert tune_margin(make_grades(*(0.0,) * 20, *(-0.05,) * MIN_GRADES), "all", 4.0, 0.9) is not None

    def test_each_mode_has_its_own_and_grades_without_any_do_not_count(self):
        grades = make_grades(*[-0.05] * MIN_GRADES, mode="single")
        assert tune_margin(grades, "single", 4.0, 0.9) == MARGINS[0]
        assert tune_margin(grades, "all", 4.0, 0.9) is None
        assert tune_margin([replace(one, margins={}) for one in grades], "single", 4.0, 0.9) is None

    def test_newer_batches_count_more(self):
        losses = (0.02, 0.02, -0.05, -0.05, -0.05, -0.05, -0.05, -0.05)
        assert tune_margin(make_grades(*losses), "all", 1.0, 0.9) is not None
        assert tune_margin(make_grades(*losses[::-1]), "all", 1.0, 0.9) is None

    def test_damaged_input_takes_more_batches_to_be_sure(self):
        def tune(count, group):
            grades = [replace(one, group=group) for one in make_grades(*(-0.05,) * count)]
            return tune_margin(grades, "all", 4.0, 0.9)

        assert tune(MIN_GRADES, CLEAN_GROUP) is not None
        assert tune(MIN_DAMAGED_GRADES - 1, DAMAGED_GROUP) is None
        assert tune(MIN_DAMAGED_GRADES, DAMAGED_GROUP) is not None

    @settings(deadline=None)
    @given(st.lists(st.floats(-0.5, 0.5), min_size=MIN_GRADES, max_size=8))
    def test_no_margin_is_taken_whose_mean_was_a_loss(self, losses):
        grades = [
            SimpleNamespace(batch=place, group=CLEAN_GROUP, margins={"all": dict.fromkeys(map(str, MARGINS), loss)})
            for place, loss in enumerate(losses)
        ]
        assert tune_margin(grades, "all", 1e9, 0.9) is None or np.mean(losses) < 0
