"""The choosers, each by itself: greedy blends, the forest over kinds of rows, and the hard chooser with its margins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.task import Task
from meta.decayed import compute_part_losses
from meta.greedy import blend_by_kind, blend_greedily, draw_rows
from meta.hard_choice import MARGINS, MIN_GRADES, NEVER, HardChooser, Margins, fit_hard_chooser, tune_margin
from meta.kind_forest import fit_kind_forest, summarise_kinds, weigh_arms
from meta.past import mix_outputs, stack_records
from tests.meta.made_records import LINES, PARTS, make_record, make_records

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


@given(
    hnp.arrays(float, (6, 3, 2), elements=st.floats(-5, 5)),
    hnp.arrays(float, (6, 3), elements=st.floats(0.01, 1)),
)
def test_a_mixture_lies_between_its_members(outputs, weights):
    weights = weights / weights.sum(axis=1, keepdims=True)
    mixed = mix_outputs(outputs, weights)
    assert (mixed <= outputs.max(axis=1) + 1e-9).all()
    assert (mixed >= outputs.min(axis=1) - 1e-9).all()
    np.testing.assert_allclose(mix_outputs(outputs, weights[0])[0], mixed[0])


class TestKindForest:
    def test_examples_are_kinds_of_rows_in_parts(self):
        past = stack(batches=3)
        _, losses, age, rows = summarise_kinds(past, np.eye(len(LINES)))
        assert len(rows) == 3 * len(PARTS)
        assert rows.sum() == len(past)
        parts = compute_part_losses(past)
        np.testing.assert_allclose(np.sort(losses, axis=0), np.sort(parts.losses, axis=0))
        assert set(age) == {0, 1, 2}

    def test_it_weighs_robust_lines_up_as_inputs_get_worse(self):
        past = stack(batches=10)
        forest = fit_kind_forest(past, np.eye(len(LINES)), 4.0, seed=1)
        clean, damaged = np.zeros((1, past.quality.shape[1])), np.full((1, past.quality.shape[1]), 0.6)
        weights = weigh_arms(forest, np.vstack([clean, damaged]), 0.01)
        assert LINES[int(weights[0].argmax())] == "good"
        assert LINES[int(weights[1].argmax())] == "robust"

    def test_one_arm_leaves_nothing_to_choose(self):
        past = stack_records(make_records(), LINES[:1])
        assert fit_kind_forest(past, np.eye(1), 4.0, seed=1) is None


def fit_hard(margins=None, batches=8):
    records = make_records(batches)
    parts = compute_part_losses(stack_records(records, LINES))
    described = [profile.metafeatures for record in records for profile in record.rows.profiles]
    age = batches - parts.batch
    return fit_hard_chooser(LINES, described, parts.losses, age, 4.0, margins or Margins(), 1), described


class TestHardChooser:
    def test_it_departs_only_where_it_is_sure(self):
        chooser, described = fit_hard()
        clean, damaged = described[0], described[-1]
        assert chooser.choose(damaged, "good", 0.5) == "robust"
        assert chooser.choose(clean, "robust", 0.5) == "good"
        assert chooser.choose(clean, "good", 0.5) == "good"
        assert chooser.choose(damaged, "good", NEVER) == "good"

    def test_too_few_examples_leave_the_champion(self):
        chooser, described = fit_hard(batches=2)
        assert chooser.forest is None
        assert chooser.choose(described[-1], "good", 0.5) == "good"

    def test_an_unknown_champion_stays(self):
        chooser, described = fit_hard()
        assert chooser.choose(described[-1], "elsewhere", 0.5) == "elsewhere"

    def test_margins_are_stored(self):
        margins = Margins(damaged=2.0)
        assert Margins.from_json(margins.to_json()) == margins
        assert (margins.of(False), margins.of(True)) == (NEVER, 2.0)
        assert HardChooser(LINES, None, margins).choose({}, "good", 2.0) == "good"

    def test_a_margin_must_have_paid_off_on_several_batches(self):
        def tried(*gains):
            return [{str(margin): gain if margin == 2.0 else 0.1 for margin in MARGINS} for gain in gains]

        def tune(*gains):
            return tune_margin(tried(*gains), np.arange(len(gains))[::-1], 4.0)

        assert tune(*[-0.05] * MIN_GRADES) == 2.0
        assert tune(*[-0.05] * (MIN_GRADES - 1)) == NEVER
        assert tune(*[0.05] * 5) == NEVER
        assert tune(-0.3, 0.25, -0.2, 0.2) == NEVER
