"""The selector on records whose lines are of known worth: what it chooses, what it says of that, and what it stores."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pointsman.common.config import SelectionConfig
from pointsman.common.task import Task
from pointsman.meta.chooser_fitting import MARGINS
from pointsman.meta.flags import RowKind
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP
from pointsman.meta.grading import answer_record, choose_for_parts, compare_with, grade_selector
from pointsman.meta.past import MAX_BATCHES
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.selector import MODES, SHOWN, UNTUNED, Margins, Pair, Selector, rank
from pointsman.meta.selector_fitting import fit_selector
from pointsman.meta.trust import Trust
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

TASKS = list(Task)
CLEAN, DAMAGED = make_profile(0.0, clean_rows=100), make_profile(0.5, flagged_rows=100)
HALF_DAMAGED = make_profile(0.3, clean_rows=50, flagged_rows=50)
PROFILES = (CLEAN, DAMAGED, HALF_DAMAGED)
ENSEMBLES = make_ensembles()
FALLBACKS = ("fallback:sparse", "fallback:sparse", "fallback:anomalous")
"""What rows say, by kind, where a request that is sparse as a whole is answered by others than usually."""
POOR = dict.fromkeys(ENSEMBLES, ({"poor": 0.9, "good": 0.1},) * len(RowKind))
"""Ensembles that are worth leaving."""


def fit(records=None, ensembles=ENSEMBLES, margin=None, **changes):
    selector = make_selector(records, ensembles, **changes)
    if margin is not None:
        selector = replace(selector, margins=dict.fromkeys(MODES, Margins(margin, margin)))
    return replace(selector, typical=selector.plan(CLEAN).model)


class TestChoice:
    @pytest.mark.parametrize("task", TASKS)
    def test_champions_are_the_single_models_with_the_best_records(self, task):
        selector = fit(make_records(task=task))
        assert vars(selector.champions) == {"clean": "good", "damaged": "robust"}
        assert selector.ranking == ("good", "robust", "poor")
        assert [selector.plan(profile).champion for profile in (CLEAN, DAMAGED)] == ["good", "robust"]
        assert not selector.plan(CLEAN).alarm
        assert selector.plan(DAMAGED).alarm.condition == "sparse"

    def test_champions_that_promotion_has_named_are_those_of_the_selector(self):
        def crown(*champions_before):
            fitted = fit_selector(
                make_records(), LINES, {}, None, SelectionConfig(), 1, champions_before=champions_before
            )
            return vars(fitted.champions)

        assert crown("poor", "good") == {"clean": "poor", "damaged": "good"}
        assert crown(None, "good") == {"clean": "good", "damaged": "good"}
        assert crown("poor", None) == {"clean": "poor", "damaged": "robust"}

    @pytest.mark.parametrize("task", TASKS)
    def test_without_a_margin_that_paid_off_the_default_for_the_alarm_serves(self, task):
        selector = fit(make_records(task=task), POOR)
        for profile, line, name in ((CLEAN, DEFAULTS.clean, "typical"), (DAMAGED, DEFAULTS.damaged, "damaged")):
            plan = selector.plan(profile)
            assert plan.model == line
            assert plan.weights == POOR[line]
            assert f"it is the default for {name} requests, and leaving it has not surely paid off" in plan.why

    @pytest.mark.parametrize("task", TASKS)
    def test_with_one_the_request_goes_to_the_model_that_is_predicted_to_lose_least(self, task):
        selector = fit(make_records(8, task=task), POOR, margin=MARGINS[0])
        for profile, line in ((CLEAN, "good"), (DAMAGED, "robust")):
            plan = selector.plan(profile)
            assert (plan.model, plan.weights) == (line, ({line: 1.0},) * len(RowKind))
            assert "on requests like this one it is predicted to lose least" in plan.why
            assert plan.ranking[0] == (line, 0.0)
            assert all(more >= 0 for _, more in plan.ranking)

    def test_a_gain_within_the_margin_leaves_the_default(self):
        plan = fit(make_records(8), POOR, margin=99.0).plan(CLEAN)
        assert plan.model == DEFAULTS.clean
        assert "no model is surely predicted to lose 99 less log-loss" in plan.why

    @pytest.mark.parametrize("root", [False, True])
    def test_the_runner_up_is_named_with_what_it_is_predicted_to_lose(self, root):
        fitted = fit(make_records(8), POOR, margin=MARGINS[0])
        plan = replace(fitted, trust=replace(fitted.trust, root=root)).plan(CLEAN)
        (_, _), (second, more), *_ = plan.ranking
        assert len(plan.ranking) == SHOWN
        assert plan.why.endswith(f"{second} is predicted to lose {more:.2g} more {'RMSE' if root else 'log-loss'}")

    def test_ranked_losses_are_in_units_of_the_target(self):
        def scale(record):
            target = record.rows.target * 100
            predicted = {line: outputs * 100 for line, outputs in record.predicted.items()}
            return replace(record, rows=replace(record.rows, target=target), predicted=predicted)

        records = make_records(8, task=Task.REGRESSION)
        plain, large = (fit(known).plan(CLEAN) for known in (records, list(map(scale, records))))
        assert [line for line, _ in large.ranking] == [line for line, _ in plain.ranking]
        np.testing.assert_allclose(
            [more for _, more in large.ranking], [100 * more for _, more in plain.ranking], rtol=1e-3, atol=1e-3
        )

    def test_mode_single_serves_a_single_model_alone(self):
        for margin in (None, MARGINS[0]):
            selector = fit(make_records(8), margin=margin)
            for profile in PROFILES:
                plan = selector.plan(profile, "single")
                assert plan.model in LINES
                assert plan.lines == (plan.model,)
                assert {line for line, _ in plan.ranking} <= set(LINES)
            assert selector.plan(CLEAN, "single").model == "good"
            assert selector.plan(DAMAGED, "single").model == "robust"

    def test_without_ensembles_the_champions_are_the_incumbents(self):
        selector = fit(ensembles={})
        assert selector.defaults is None
        assert [selector.plan(profile).model for profile in (CLEAN, DAMAGED)] == ["good", "robust"]

    def test_one_line_alone_serves_everything(self):
        selector = fit(lines=("robust",), ensembles={})
        for profile in PROFILES:
            for mode in MODES:
                assert selector.plan(profile, mode).weights == ({"robust": 1.0},) * len(RowKind)

    def test_few_records_leave_the_incumbents_and_say_so(self):
        plan = fit(make_records(2), margin=MARGINS[0]).plan(CLEAN)
        assert (plan.model, plan.ranking) == (DEFAULTS.clean, ())
        assert "too few records" in plan.why

    def test_an_ensemble_that_no_record_knows_yet_is_served_but_not_chosen(self):
        newcomer = {"ensemble-new": ({"good": 1.0},) * len(RowKind)}
        records = [with_ensembles(record, ENSEMBLES) for record in make_records(8)]
        selector = fit_selector(records, LINES, ENSEMBLES | newcomer, DEFAULTS, SelectionConfig(), 1)
        assert "ensemble-new" in selector.list_candidates("all")
        assert "ensemble-new" not in selector.chooser.candidates
        assert selector.list_members("ensemble-new") == newcomer["ensemble-new"]

    def test_a_line_without_any_record_is_no_champion(self):
        records = [make_record(batch, lines=LINES[:2]) for batch in range(1, 6)]
        selector = fit(records, ensembles={}, lines=(*LINES[:2], "newcomer"))
        assert "newcomer" not in vars(selector.champions).values()
        assert selector.plan(CLEAN).model == "good"

    def test_a_newcomer_with_a_record_of_the_newest_batch_counts_at_once(self):
        records = [*(make_record(batch, lines=LINES[1:]) for batch in range(1, 6)), make_record(6)]
        assert fit(records, ensembles={}).plan(CLEAN).model == "good"

    def test_an_ensemble_of_one_single_model_is_predicted_expected_and_ranked_as_that_one(self):
        alone = {DEFAULTS.clean: ({"good": 1.0},) * len(RowKind), DEFAULTS.damaged: ({"robust": 1.0},) * len(RowKind)}
        selector = replace(fit(make_records(8), POOR, margin=MARGINS[0]), ensembles=alone)
        known = ((0.5, 0.01), (0.9, 0.01), None), ((0.6, 0.01), (0.8, 0.01), None)
        selector = replace(selector, trust=replace(selector.trust, losses=known[0], champion_losses=known[1]))
        for profile, line, single in ((CLEAN, DEFAULTS.clean, "good"), (DAMAGED, DEFAULTS.damaged, "robust")):
            plan, by_itself = selector.plan(profile), selector.plan(profile, "single")
            assert (plan.model, by_itself.model) == (line, single)
            assert single not in {one for one, _ in plan.ranking}
            assert np.array_equal(selector.vote(profile)[line], selector.vote(profile)[single])
            assert plan.expected == by_itself.expected

    def test_in_mode_single_the_incumbent_is_called_the_champion(self):
        selector = fit(make_records(8))
        assert "it is the champion for typical requests" in selector.plan(CLEAN, "single").why
        assert "it is the default for typical requests" in selector.plan(CLEAN).why
        assert "it is the champion for damaged requests" in fit(ensembles={}).plan(DAMAGED).why


class TestSteppingBack:
    def test_an_ungraded_selector_leaves_it_to_the_champions(self):
        selector = fit(trusted=False)
        clean, damaged = selector.plan(CLEAN), selector.plan(DAMAGED)
        assert (clean.weights[0], set(clean.reasons)) == ({"good": 1.0}, {"champion"})
        assert (damaged.weights[1], damaged.reasons) == ({"robust": 1.0}, FALLBACKS)
        assert clean.why == "the champion for clean input serves, since the selector has not been graded yet"

    def test_it_steps_back_for_the_group_and_the_mode_it_lost_in_alone(self):
        lost = {CLEAN_GROUP: "it lost", DAMAGED_GROUP: ""}
        nothing = dict.fromkeys(lost, "")
        selector = replace(fit(make_records(8), POOR, margin=MARGINS[0]), trust=Trust(lost, nothing))
        assert selector.plan(CLEAN).why.endswith("serves, since it lost")
        assert selector.plan(CLEAN).reasons[0] == "champion"
        assert selector.plan(CLEAN, "single").reasons[0] == "selected"
        assert "serves, since it lost" not in selector.plan(DAMAGED).why
        other = replace(selector, trust=Trust(nothing, lost))
        assert "it lost" in other.plan(CLEAN, "single").why
        assert "it lost" not in other.plan(CLEAN).why

    def test_what_is_expected_is_what_serves(self):
        known = ((0.5, 0.01), (0.9, 0.01), None), ((0.6, 0.01), (0.8, 0.01), None)
        selector = fit()
        trusted = replace(selector, trust=replace(selector.trust, losses=known[0], champion_losses=known[1]))
        withheld = replace(trusted, trust=trusted.trust.withhold("it lost"))
        assert trusted.plan(CLEAN).expected.loss == pytest.approx(0.5)
        assert withheld.plan(CLEAN).expected.loss == pytest.approx(0.6)


class TestReasons:
    def test_rows_that_other_members_answer_say_what_kind_they_are(self):
        plan = fit().plan(CLEAN)
        assert plan.reasons == ("selected", "fallback:sparse", "fallback:anomalous")

    def test_members_that_are_alike_for_all_kinds_are_no_fallback(self):
        assert fit(ensembles=POOR).plan(CLEAN).reasons == ("selected",) * len(RowKind)

    def test_in_mode_single_one_model_answers_all_rows_as_it_does_clean_ones(self):
        """What serves typical requests in mode all, an ensemble, is nothing to compare a single model with."""
        selector = fit()
        for typical in (DEFAULTS.clean, "poor", None):
            plan = replace(selector, typical=typical).plan(CLEAN, "single")
            assert (plan.weights[0], set(plan.reasons)) == ({"good": 1.0}, {"selected"})
        assert selector.plan(DAMAGED, "single").reasons == FALLBACKS
        same = replace(selector, champions=Pair("robust", "robust"), typical=DEFAULTS.clean)
        assert set(same.plan(DAMAGED, "single").reasons) == {"selected"}

    def test_under_an_alarm_all_rows_fall_back_unless_members_are_those_that_clean_rows_usually_have(self):
        selector = fit(ensembles=ENSEMBLES | {DEFAULTS.damaged: ({"robust": 1.0},) * len(RowKind)})
        assert selector.plan(DAMAGED).reasons == FALLBACKS
        assert set(replace(selector, typical=DEFAULTS.damaged).plan(DAMAGED).reasons) == {"selected"}
        assert fit().plan(DAMAGED).reasons == ("selected", "fallback:sparse", "fallback:anomalous")


class TestStorage:
    @pytest.mark.parametrize("task", TASKS)
    @pytest.mark.parametrize("ensembles", [ENSEMBLES, {}], ids=["ensembles", "none"])
    def test_what_is_stored_plans_the_same(self, task, ensembles):
        selector = replace(fit(make_records(8, task=task), ensembles, margin=MARGINS[1]), typical="good")
        stored = selector.dump()
        loaded = Selector.load(stored)
        for profile in PROFILES:
            for mode in MODES:
                assert loaded.plan(profile, mode) == selector.plan(profile, mode)
        assert loaded.dump() == stored

    def test_margins_that_never_leave_come_back_too(self):
        assert Selector.load(fit().dump()).margins == UNTUNED

    def test_the_same_records_give_the_same_selector(self):
        assert fit().dump() == fit().dump()

    def test_a_stream_longer_than_what_is_remembered_gives_the_selector_of_what_is(self):
        long = [make_record(number) for number in range(1, MAX_BATCHES + 3)]
        selectors = [fit_selector(records, LINES, {}, None, SelectionConfig(), 1) for records in (long, long[2:])]
        assert selectors[0].dump() == selectors[1].dump()

    def test_later_records_do_not_reach_back(self):
        """Neither selectors nor grades of earlier batches, and so no choice that was made by them."""
        turned = {"good": (0.0, 0.0), "robust": (0.0, 0.0), "poor": (3.0, 3.0)}
        early = make_records(5)
        steps = [list(follow([*early, make_record(6, skill=skill)], ENSEMBLES)) for skill in (None, turned)]
        for (selector, grades), (other, others) in list(zip(*steps, strict=True))[:-1]:
            assert selector.dump() == other.dump()
            assert grades == others
            assert [selector.plan(one) for one in PROFILES] == [other.plan(one) for one in PROFILES]
        assert steps[0][-1][0].dump() != steps[1][-1][0].dump()


LAST_RELEASE = {
    "lines": LINES,
    "champions": {"clean": "good", "damaged": "robust"},
    "arms": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]],
    "usual": {"worth": [0.0, 0.0, 0.0], "make": [0.0, 0.0, 0.0]},
    "last_best": "good",
    "margins": {"clean": 2.0, "damaged": None},
    "temperature": 0.01,
    "guarded": ["robust"],
    "ranking": ["good", "robust", "poor"],
    "blends": [[0.5, 0.5, 0.0]] * 3,
    "decayed": [[0.8, 0.2, 0.0]] * 3,
    "trust": {
        "reasons": {"clean": "", "damaged": ""},
        "losses": [[0.31, 0.02], [0.52, 0.03], None],
        "champion_losses": [[0.33, 0.02], [0.55, 0.03], None],
        "root": False,
    },
    "threshold": 0.4,
    "untuned": "3 of 90 labels are positive",
}
"""A selector as the release before ensembles stored it."""


class TestLastRelease:
    @pytest.fixture
    def earlier(self):
        forests = {"forest.npz": b"of another chooser", "hard.npz": b"of another chooser"}
        return Selector.load({"selector.json": json.dumps(LAST_RELEASE).encode(), **forests})

    @pytest.mark.parametrize("mode", MODES)
    def test_its_two_champions_serve_and_say_why(self, earlier, mode):
        served = (CLEAN, "good", ("champion",) * 3, 0.33), (DAMAGED, "robust", FALLBACKS, 0.55)
        for profile, line, reasons, loss in served:
            plan = earlier.plan(profile, mode)
            assert plan.model == plan.champion == line
            assert plan.weights == ({line: 1.0},) * len(RowKind)
            assert plan.reasons == reasons
            assert "an earlier release learned this selector, and the next update learns one" in plan.why
            assert (plan.ranking, plan.expected.loss) == ((), loss)

    def test_the_next_batch_grades_it_and_what_is_stored_of_it_loads(self, earlier):
        clean, damaged = grade_selector(earlier, make_record(6))
        assert clean.selected == clean.champion == clean.single
        assert (clean.difference, set(clean.chosen), set(damaged.chosen)) == (0.0, {"good"}, {"robust"})
        again = Selector.load(earlier.dump())
        assert [again.plan(profile) for profile in PROFILES] == [earlier.plan(profile) for profile in PROFILES]


class TestGrades:
    @pytest.mark.parametrize("task", TASKS)
    def test_they_lie_between_their_bounds(self, task):
        selector = fit(make_records(5, task=task))
        clean, damaged = grade_selector(selector, with_ensembles(make_record(6, task=task), ENSEMBLES))
        for grade in (clean, damaged):
            assert grade.oracle <= grade.single_best <= min(grade.champion, grade.last_best, grade.single) + 1e-12
            assert grade.best <= min(grade.single_best, grade.selected) + 1e-12
            assert grade.selected < grade.uniform
            assert sum(grade.chosen.values()) == grade.requests
            assert set(grade.margins) == set(MODES)
            assert all(set(by_margin) == set(map(str, MARGINS)) for by_margin in grade.margins.values())
        assert (clean.group, clean.requests, damaged.requests) == (CLEAN_GROUP, 1, 5)
        assert (clean.alarms, damaged.alarms) == (0.0, 1.0)
        assert bool(clean.calibration) == task.is_classification
        assert set(clean.chosen) == {DEFAULTS.clean}
        assert set(damaged.chosen) == {DEFAULTS.damaged}

    def test_a_margin_is_graded_by_what_it_would_have_chosen(self):
        grade = grade_selector(fit(make_records(8), POOR), with_ensembles(make_record(9), POOR))[0]
        assert set(grade.chosen) == {DEFAULTS.clean}
        assert max(grade.margins["all"].values()) < -0.5  # any margin would have left the poor default
        assert set(grade.margins["single"].values()) == {0.0}  # the champion is the best single model already

    def test_what_is_chosen_is_graded_whether_it_is_trusted_or_not(self):
        record = with_ensembles(make_record(6), ENSEMBLES)
        trusted, ungraded = (grade_selector(fit(make_records(5), trusted=sure), record) for sure in (True, False))
        assert trusted == ungraded

    @pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
    def test_a_champion_without_an_error_is_graded(self, task):
        record = make_record(6, task=task)
        truth = record.rows.target[:, None] if task is Task.REGRESSION else np.eye(2)[record.rows.target.astype(int)]
        perfect = record.with_lines(dict.fromkeys(LINES, truth))
        grades = grade_selector(fit(make_records(5, task=task)), with_ensembles(perfect, ENSEMBLES))
        assert all(grade.champion == pytest.approx(0, abs=1e-9) for grade in grades)
        assert all(np.isfinite(list(by_margin.values())).all() for one in grades for by_margin in one.margins.values())
        assert (compare_with(0.2, 0.0), compare_with(0.0, 0.0)) == (1.0, 0.0)
        assert compare_with(0.3, 0.2) == pytest.approx(0.5)

    def test_what_a_failed_champion_would_have_lost_is_not_guessed(self):
        """The mean of all others once stood for it, and the choice won or lost to that."""
        selector = fit()
        assert vars(selector.champions) == {"clean": "good", "damaged": "robust"}
        record = make_record(7)
        lost = OutOfSamplePredictions(record.rows, {line: record.predicted[line] for line in ("robust", "poor")})
        (grade,) = grade_selector(selector, lost)
        assert (grade.group, grade.champions) == (DAMAGED_GROUP, {"robust": grade.requests})

    @pytest.mark.parametrize(("left", "graded"), [(("robust", "poor"), {DAMAGED_GROUP}), (("poor",), set())])
    def test_a_line_that_failed_on_a_batch_drops_out_of_ensembles_or_is_answered_for(self, left, graded):
        selector = fit(make_records(5))
        record = make_record(6, lines=left)
        outputs = answer_record(selector, record)
        assert np.isfinite(outputs).all()
        assert outputs.sum(axis=1) == pytest.approx(1)
        assert {grade.group for grade in grade_selector(selector, record)} == graded
        assert grade_selector(selector, replace(record, predicted={"stranger": record.predicted[left[0]]})) == []

    def test_what_is_answered_for_a_record_is_what_the_chosen_models_answer(self):
        selector = fit(make_records(5))
        record = with_ensembles(make_record(6), ENSEMBLES)
        chosen = choose_for_parts(selector, record).chosen
        outputs = answer_record(selector, record)
        for part, model in enumerate(chosen):
            rows = record.rows.part == part
            np.testing.assert_allclose(outputs[rows], record.predicted[model][rows])


def test_the_model_comes_first_in_a_ranking_and_the_others_by_predicted_loss():
    predicted = {"a": 0.3, "b": 0.25, "c": 0.5, "d": 0.75}
    assert [line for line, _ in rank(predicted, "c", "abcd")] == ["c", "b", "a"]
    assert rank(predicted, "e", "abcd") == ()
    assert [line for line, _ in rank(predicted, "c", "cd")] == ["c", "d"]
