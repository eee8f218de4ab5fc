"""Registered ensembles: few members that answer like many, kinds of rows that keep their own only where it pays."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.task import Task
from pointsman.meta.ensembles import (
    DAMAGED,
    LEAST_WEIGHT,
    TYPICAL,
    condense,
    fit_ensembles,
    is_better,
    mix_members,
    restrict,
    route,
)
from pointsman.meta.flags import RowKind
from pointsman.meta.greedy import MIN_ROWS
from pointsman.meta.past import mix_outputs, stack_records
from tests.meta.made_records import LINES, make_record, make_records

EIGHT = tuple("abcdefgh")


def draw(seed, lines, rows=30, outputs=2, zeros=0):
    """Answers of lines that share much, and the weights of a mixture of them, some of them 0."""
    generator = np.random.default_rng(seed)
    answers = generator.normal(size=(rows, 1, outputs)) + generator.normal(size=(rows, lines, outputs))
    weights = generator.dirichlet(np.full(lines, generator.choice([0.3, 1.0, 3.0])))
    weights[:zeros] = 0
    return answers, weights / weights.sum()


def measure_distance(outputs, weights, others):
    return float(((mix_outputs(outputs, weights) - mix_outputs(outputs, others)) ** 2).mean())


CASES = (st.integers(0, 2**31), st.integers(2, 9), st.integers(1, 5))


class TestCondensing:
    @settings(deadline=None, max_examples=60)
    @given(*CASES)
    def test_a_few_members_make_a_mixture_no_further_than_the_heaviest(self, seed, lines, most):
        outputs, weights = draw(seed, lines, zeros=seed % 2)
        few = condense(outputs, weights, most)
        assert (few >= 0).all()
        assert few.sum() == pytest.approx(1)
        assert 1 <= (few > 0).sum() <= most
        assert (few[weights == 0] == 0).all()
        heaviest = np.where(weights >= np.sort(weights)[-most:][0], weights, 0)
        distance = measure_distance(outputs, few, weights)
        assert distance <= measure_distance(outputs, heaviest / heaviest.sum(), weights) + 1e-7

    @settings(deadline=None, max_examples=60)
    @given(*CASES)
    def test_the_order_of_lines_changes_nothing_and_it_is_always_the_same(self, seed, lines, most):
        outputs, weights = draw(seed, lines)
        order = np.random.default_rng(seed).permutation(lines)
        few = condense(outputs, weights, most)
        np.testing.assert_allclose(condense(outputs[:, order], weights[order], most), few[order], atol=1e-9)
        assert condense(outputs, weights, most).tolist() == few.tolist()

    @settings(deadline=None)
    @given(*CASES)
    def test_a_mixture_of_few_stays_as_it_is(self, seed, lines, most):
        outputs, weights = draw(seed, lines, zeros=max(0, lines - most))
        assert condense(outputs, weights, most).tolist() == weights.tolist()

    def test_twins_are_not_both_taken(self):
        """The heaviest two may be one model twice; a lighter one that answers otherwise brings the mixture closer."""
        outputs, _ = draw(1, 3, rows=500)
        outputs[:, 1] = outputs[:, 0]
        few = condense(outputs, np.array([0.35, 0.35, 0.3]), 2)
        assert few[2] == pytest.approx(0.3, abs=0.01)
        assert (few > 0).sum() == 2

    def test_lines_that_answer_alike_can_stand_for_each_other(self):
        outputs = np.ones((20, 4, 1))
        few = condense(outputs, np.full(4, 0.25), 2)
        assert few.sum() == pytest.approx(1)
        assert (few > 0).sum() <= 2

    @pytest.mark.parametrize("level", [0.0, 1e3, 1e6, -1e6])
    def test_numbers_far_from_nought_are_condensed_as_those_around_it(self, level):
        """Prices of a million whose models differ by a cent once made no positive definite matrix."""
        outputs, weights = draw(2, 8, rows=500, outputs=1)
        np.testing.assert_allclose(condense(outputs / 64 + level, weights, 3), condense(outputs, weights, 3), atol=1e-4)


class TestRestriction:
    def test_anomalous_rows_lean_on_guarded_lines_as_sparse_ones_would(self):
        members = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.0, 0.0, 1.0]])
        restricted = restrict(members, np.array([0.0, 1.0, 1.0]))
        np.testing.assert_allclose(restricted, [[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.0, 0.25, 0.75]])
        assert members[2].tolist() == [0.0, 0.0, 1.0]

    def test_without_a_guarded_line_they_lean_on_those_of_sparse_rows(self):
        members = np.array([[0.2, 0.8], [0.6, 0.4], [0.0, 1.0]])
        np.testing.assert_allclose(restrict(members, np.zeros(2))[2], [0.3, 0.7])


def with_sparse_rows(record, share=0.5):
    """The record with sparse rows in its clean part, which lines answer as they do the others."""
    kinds = record.rows.kinds.copy()
    clean = np.flatnonzero(record.rows.clean)
    kinds[clean[: int(share * len(clean))]] = RowKind.SPARSE
    return replace(record, rows=replace(record.rows, kinds=kinds))


OWN = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
"""Clean rows go to the line that is good on them, flagged ones to the robust one."""


class TestRouting:
    def test_a_kind_keeps_its_own_members_where_they_lost_less_on_such_rows(self):
        routed = route(stack_records(make_records(6), LINES), OWN, damaged=True)
        assert routed[RowKind.SPARSE].tolist() == OWN[RowKind.SPARSE].tolist()

    def test_a_kind_gets_those_of_clean_rows_where_its_own_lost(self):
        past = stack_records([with_sparse_rows(record) for record in make_records(6)], LINES)
        routed = route(past, OWN, damaged=False)
        assert routed[RowKind.SPARSE].tolist() == OWN[RowKind.CLEAN].tolist()
        against = np.array([OWN[1], OWN[0], OWN[0]])
        assert route(past, against, damaged=True)[RowKind.SPARSE].tolist() == OWN[1].tolist()

    def test_unknown_kinds_go_with_clean_rows_where_they_are_sparse_in_a_typical_request_alone(self):
        past = stack_records(make_records(6), LINES)  # no flagged rows in clean batches, none anomalous anywhere
        typical, damaged = (route(past, OWN, damaged=of_damage) for of_damage in (False, True))
        assert typical.argmax(axis=1).tolist() == [0, 0, 1]
        assert damaged.argmax(axis=1).tolist() == [0, 1, 1]

    def test_no_difference_and_one_noisy_batch_speak_for_nobody(self):
        past = stack_records(make_records(6), LINES)
        rows = past.take(~past.clean)
        assert not is_better(rows, OWN[1], OWN[1])
        assert is_better(rows, OWN[1], OWN[0])
        assert is_better(rows.take(rows.batch == 1), OWN[1], OWN[0])


SKILLS = {line: (1.0 + 0.3 * place, 2.5 - 0.3 * place) for place, line in enumerate(EIGHT)}


def fit(batches=4, most=5, task=Task.BINARY, lines=EIGHT, records=None):
    records = records or make_records(batches, task=task, lines=lines, skill=SKILLS)
    return fit_ensembles(stack_records(records, lines), lines[:2], 4.0, 0.01, most, 1)


class TestFit:
    @pytest.mark.parametrize("task", list(Task))
    @pytest.mark.parametrize("most", [1, 3, 5])
    def test_every_ensemble_has_few_members_of_each_kind_and_weights_that_sum_to_one(self, task, most):
        for members in fit(task=task, most=most).values():
            assert members.shape == (len(RowKind), len(EIGHT))
            assert (members >= 0).all()
            assert members.sum(axis=1) == pytest.approx(1)
            assert ((members > 0).sum(axis=1) <= most).all()

    def test_a_line_in_traces_is_no_member_where_there_are_few_lines_too(self):
        """It would be loaded and asked for each request, and stand in the way of its retirement, for nothing."""
        skill = {"good": (4.0, 4.0), "robust": (2.0, 2.0), "poor": (-2.0, -2.0)}
        records = [make_record(batch, skill=skill) for batch in range(1, 4)]
        for members in fit(records=records, lines=LINES).values():
            assert members[members > 0].min() >= LEAST_WEIGHT
            assert members.sum(axis=1) == pytest.approx(1)

    def test_the_two_defaults_are_among_them_and_only_they_and_the_greedy_one_are_routed(self):
        fitted = fit()
        assert {TYPICAL, DAMAGED} <= set(fitted)
        for variant, members in fitted.items():
            if variant not in (TYPICAL, DAMAGED, "greedy"):
                assert (members == members[0]).all()
        assert not (fitted[DAMAGED] == fitted[DAMAGED][0]).all()

    def test_the_same_records_give_the_same_ensembles_and_later_ones_do_not_reach_back(self):
        early = make_records(4, lines=EIGHT, skill=SKILLS)
        later = [*early, make_record(5, lines=EIGHT, skill=dict.fromkeys(EIGHT, (0.0, 0.0)))]
        once, again = fit(records=early), fit(records=later[:4])
        assert {name: members.tolist() for name, members in once.items()} == {
            name: members.tolist() for name, members in again.items()
        }

    def test_they_are_better_than_the_mean_of_all_on_the_next_batch(self):
        fitted = fit()
        following = stack_records([make_record(5, lines=EIGHT, skill=SKILLS)], EIGHT)
        for group, variant in ((following.clean, TYPICAL), (~following.clean, DAMAGED)):
            rows = following.take(group)
            loss = rows.compute_losses(rows.mix(fitted[variant][rows.kinds])).mean()
            assert loss < rows.compute_losses(rows.outputs.mean(axis=1)).mean()

    def test_one_batch_without_damaged_copies_is_enough(self):
        record = make_record(1, lines=EIGHT, skill=SKILLS)
        clean = np.flatnonzero(record.rows.clean)
        rows = replace(
            record.rows,
            part=record.rows.part[clean],
            target=record.rows.target[clean],
            kinds=record.rows.kinds[clean],
            quality=record.rows.quality[clean],
        )
        alone = replace(record, rows=rows, predicted={line: known[clean] for line, known in record.predicted.items()})
        assert len(clean) >= MIN_ROWS
        for members in fit(records=[alone]).values():
            assert members.sum(axis=1) == pytest.approx(1)


KINDS = np.array([0, 1, 0, 2])
OUTPUTS = {"a": np.full((4, 1), 1.0), "b": np.full((4, 1), 5.0)}


class TestMixing:
    def test_rows_of_each_kind_get_their_own_members(self):
        mixed = mix_members(OUTPUTS, KINDS, ({"a": 1.0}, {"b": 1.0}, {"a": 0.25, "b": 0.75}))
        assert mixed.ravel().tolist() == [1.0, 5.0, 1.0, 4.0]

    def test_missing_members_drop_out_and_the_others_are_reweighted(self):
        mixed = mix_members(OUTPUTS, KINDS, ({"a": 0.1, "gone": 0.6, "b": 0.3},) * 3)
        assert mixed.ravel() == pytest.approx([4.0] * 4)

    def test_where_a_kind_that_occurs_has_no_member_left_there_is_no_answer(self):
        members = ({"a": 1.0}, {"gone": 1.0}, {"b": 1.0})
        assert mix_members(OUTPUTS, KINDS, members) is None
        without = {line: known[:2] for line, known in OUTPUTS.items()}
        assert mix_members(without, np.array([0, 2]), members).ravel().tolist() == [1.0, 5.0]

    @settings(deadline=None)
    @given(st.integers(0, 2**31), st.lists(st.sampled_from(list(RowKind)), min_size=1, max_size=20))
    def test_it_is_what_row_by_row_weights_give(self, seed, kinds):
        generator = np.random.default_rng(seed)
        outputs, weights = generator.normal(size=(len(kinds), 3, 2)), generator.dirichlet(np.ones(3), 3)
        mixed = mix_members(
            {line: outputs[:, place] for place, line in enumerate("abc")},
            np.array(kinds),
            [dict(zip("abc", shares, strict=True)) for shares in weights],
        )
        np.testing.assert_allclose(mixed, mix_outputs(outputs, weights[kinds]))
