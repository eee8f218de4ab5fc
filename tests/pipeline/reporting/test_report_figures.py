"""The figures of the report are those that were put into the catalogue, and its sentences are true of them."""

import json
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_figures import make_figure
from made_state import ROWS, MadeState, log_loss_of, make_config
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.inspection import permutation_importance

from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.meta.label_tables import live_records_table, settlements_table
from pointsman.pipeline.reporting.charts.timeline import Timeline
from pointsman.pipeline.reporting.explanation.contributions import Explanation
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.production_shap import explain_production
from pointsman.pipeline.reporting.report import compute_report, to_json
from pointsman.pipeline.reporting.scored import ChampionScore, compute_gain, pool_gain
from pointsman.pipeline.reporting.sections import influences
from pointsman.pipeline.reporting.sections.batches import BatchFigures, draw_dimension
from pointsman.pipeline.reporting.sections.comparisons import UNBOUNDED
from pointsman.pipeline.reporting.sections.generations import MOST_LINES, GenerationFigures, draw_reigns
from pointsman.pipeline.reporting.sections.influences import rank_influences
from pointsman.pipeline.reporting.sections.labels import compute_labels, count_served, count_useless
from pointsman.pipeline.reporting.sections.performance import compute_costs, read_performance
from pointsman.registry.generations import Generation, load_generation

MARKED = Timeline((1, 2), {1: "Jan 20", 2: "Feb 20"}, (), 0)
NOTHING = Explanation(None, None, 0, None, "not asked for")
DATE = datetime(2026, 1, 2, 3, 4)


def report_on(made: MadeState) -> SimpleNamespace:
    with open_state(made.config) as state:
        known = {explain_production: NOTHING}
        return SimpleNamespace(**compute_report(History(made.config, state, load_generation(state), DATE, known)))


def make_history(known: dict, written_at: datetime = DATE) -> History:
    """Return a history of which nothing is known but what tables, or functions that read them, would answer."""
    return History(make_config(Path("none")), None, Generation(), written_at, known)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> MadeState:
    return MadeState(tmp_path_factory.mktemp("figures")).add(4).answer(110).answer(60, "selected")


@pytest.fixture(scope="module")
def report(made) -> SimpleNamespace:
    return report_on(made)


def test_the_champion_is_scored_by_what_served_when_a_batch_arrived(report):
    assert [(score.batch, score.version) for score in report.champion_scores] == [
        (2, "linear-0001"),
        (3, "linear-0003"),
        (4, "linear-0005"),
    ]
    for score in report.champion_scores:
        assert score.metrics["log_loss"] == log_loss_of("linear", score.batch)
        assert score.prior["log_loss"] == log_loss_of("prior", score.batch)
        assert score.gain == pytest.approx(-0.1 if score.batch == 3 else 0.1)


def test_an_ensemble_that_serves_is_named_with_its_own_numbers_beside_the_champion(tmp_path):
    report = report_on(MadeState(tmp_path, mixes=True).add(4))
    production, champion = report.production, report.champion
    assert (production.id, production.line, production.is_ensemble) == ("ensemble-0104", "ensemble-0101", True)
    assert production.members == {"linear-0007": 0.75, "prior-0008": 0.25}
    assert (production.batch, production.metrics["log_loss"]) == (4, log_loss_of("ensemble", 4))
    assert production.gain == pytest.approx(0.2)
    assert champion.id == "linear-0007"
    assert champion.last["log_loss"] == log_loss_of("linear", 4) != production.metrics["log_loss"]
    assert [(one.batch, one.version) for one in report.production_scores] == [
        (2, "linear-0001"),
        (3, "ensemble-0102"),
        (4, "ensemble-0103"),
    ]
    assert [one.production for one in report.generations][-2:] == ["ensemble-0103", "ensemble-0104"]
    (ensemble,) = report.ensembles
    assert list(ensemble.members) == ["clean and sparse rows", "anomalous rows"]
    assert (ensemble.threshold, ensemble.last_scored) == (0.3, 4)
    assert report.headline.sentences[1] == "ensemble-0104, a mixture of 2 models, answers."
    assert [(one.version, one.weight) for one in report.standing.parts] == [("linear-0007", 0.75), ("prior-0008", 0.25)]
    assert report.standing.since == "since batch 2"
    assert "blend" not in json.dumps(to_json(vars(report)))


def test_a_gain_is_of_the_loss_in_its_own_unit_whatever_the_metric():
    better, worse = {"roc_auc": 0.8, "loss": 0.36}, {"roc_auc": 0.5, "loss": 0.64}
    assert compute_gain(Task.BINARY, better, worse) == pytest.approx(0.4375)
    assert compute_gain(Task.REGRESSION, better, worse) == pytest.approx(0.25)
    assert compute_gain(Task.REGRESSION, worse, better) == pytest.approx(-1 / 3)
    assert compute_gain(Task.BINARY, better, {}) is None


def test_a_gain_over_several_batches_is_of_all_their_rows():
    scores = [
        ChampionScore(1, "a", 10, {"loss": 4.0}, {"loss": 1.0}, -3.0),
        ChampionScore(2, "a", 90, {"loss": 1.0}, {"loss": 1.0}, 0.0),
    ]
    assert pool_gain(Task.BINARY, scores) == pytest.approx(-0.3)
    assert pool_gain(Task.BINARY, []) is None


def test_active_versions_carry_their_out_of_fold_and_their_lines_last_batch(report):
    champion, prior = report.versions
    assert (champion.id, champion.role, champion.line) == ("linear-0007", "champion", "linear-0001")
    assert prior.id == "prior-0008"
    assert champion.out_of_fold["log_loss"] == champion.last["log_loss"] == log_loss_of("linear", 4)
    assert champion.last_scored == 4
    assert champion.rows == 4 * ROWS


def test_batches_carry_their_shares_and_fate(report):
    second = report.batches[1]
    assert second.lowest_shares == {"completeness": 0.4}
    assert second.mean_shares["completeness"] == pytest.approx((0.4 + 3) / 4)
    assert (second.quarantined, second.status, second.target_level) == (5, "accepted", 0.25)
    assert report.quality.quarantined_rows == 20
    assert [one.column for one in report.quality.missing] == ["age"]
    assert report.quality.columns_never_missing == 3


def test_breaches_of_one_check_and_column_are_one_line(report):
    assert report.quality.breaches_in_all == 1
    (breach,) = report.quality.breaches
    assert (breach.first_batch, breach.last_batch, breach.times, breach.column) == (2, 2, 1, "age")


def test_drift_is_in_multiples_of_the_noise_and_says_which_way(report):
    assert report.drift.newest == 4
    moved = report.drift.moved[0]
    assert (moved.column, moved.multiple) == ("worth", pytest.approx(5.0))
    assert [one.column for one in report.drift.moved if one.alarm] == ["worth"]
    assert "mean 10 → 15 (+50.0\xa0%)" in moved.how
    assert "share of 'above 9' 10.0\xa0% → 30.0\xa0%" in moved.how


def test_searches_count_their_trials(report):
    last = report.search.families[-1]
    assert (last.batch, last.trials, last.complete, last.pruned, last.failed, last.best) == (4, 3, 1, 1, 1, 0.45)
    assert report.search.failures_in_all == 4
    assert report.search.failures[0].failure == "ValueError: trial of batch 4"
    assert [one.generation for one in report.search.settings] == [1], "the champion's settings never changed"


def test_decisions_are_summed_over_requests(report):
    assert (report.decisions.requests, report.decisions.rows) == (2, 170)
    served = {(one.version, one.reason): (one.rows, one.share) for one in report.decisions.served}
    assert served["linear-0007", "champion"] == (150, pytest.approx(150 / 170))
    assert served["prior-0008", "fallback:sparse"] == (20, pytest.approx(20 / 170))


def test_costs_are_by_update_and_request(report):
    assert [update.batch for update in report.performance.updates] == [1, 2, 3, 4]
    assert report.performance.updates[0].stages == {"search": 2.0, "refresh": 1.5}
    assert report.performance.updates[0].rows_per_second * 3.5 == pytest.approx(report.performance.updates[0].rows)
    assert report.performance.requests[0].rows_per_second == pytest.approx(220)
    assert report.performance.requests[0].stages == {"prediction": 0.5}


def test_of_a_request_that_was_answered_again_the_newest_run_counts():
    stages = ("opening", "explanation", "writing", "opening", "writing")
    rows = pd.DataFrame(
        {
            "id": range(1, 6),
            "command": "inference",
            "subject": "a",
            "stage": stages,
            "seconds": [1.0, 9, 1, 2, 3],
            "cpu_seconds": 0.5,
            "peak_mb": 100.0,
            "rows": 10,
        }
    )
    (request,) = compute_costs(make_history({read_performance: rows})).requests
    assert request.stages == {"opening": 2.0, "writing": 3.0}
    assert (request.seconds, request.rows_per_second, request.cpu_seconds) == (5.0, 2.0, 1.0)


def test_the_service_is_summed_over_its_minutes():
    rows = pd.DataFrame(
        {
            "id": range(1, 6),
            "command": "serve",
            "subject": ["generation 3"] * 4 + ["generation 2"],
            "stage": ["reading", "prediction", "reading", "prediction", "prediction"],
            "seconds": [1.0, 3, 1, 5, 2],
            "cpu_seconds": 0.5,
            "peak_mb": [100.0, 100, 120, 120, 90],
            "rows": [10, 10, 30, 30, 4],
            "requests": [2, 2, 3, 3, 4],
        }
    )
    second, third = compute_costs(make_history({read_performance: rows})).service
    assert (second.generation, third.generation, third.requests, third.rows) == (2, 3, 5, 40)
    assert (third.seconds, third.rows_per_second, third.peak_mb) == (10.0, 4.0, 120.0)
    assert third.stages == {"reading": 2.0, "prediction": 8.0}


def test_an_interval_without_bounds_is_none(report):
    assert report.comparisons[0].lower is None
    assert report.comparisons[0].difference == 0.01
    assert UNBOUNDED < 1e300


def test_grades_say_by_how_much_choices_beat_the_champion(report):
    gains = {(grade.batch, grade.group): grade.gain for grade in report.grades}
    assert gains[2, "clean"] == pytest.approx(0.04)
    assert gains[3, "clean"] == pytest.approx(-0.02)
    assert gains[4, "damaged"] == pytest.approx(0.25)
    assert list(report.grades[-1].chosen.items()) == [("linear-0001", 12), ("ensemble-0101", 2)]
    assert report.grades[-1].best == 0.465


def test_the_headline_says_what_answers_how_well_and_what_changed(report):
    said = report.headline.sentences
    assert said[0] == report.health.sentence
    assert said[1] == "linear-0007, a linear model, answers."
    assert said[2].startswith(f"On batch 4 ({ROWS} rows), before it learned from it: ranks 71 of 100 pairs rightly")
    assert said[3:] == report.changes
    assert report.changes[0] == (
        "linear-0007 took the place of linear-0005: the same model, which has learned batch 4, too."
    )
    assert "(71 the time before: too few batches to tell more than a tie)" in report.changes[1]
    assert report.changes[2] == f"Batch 4 brought {ROWS} rows, 5 of them set aside; unlike before: worth."


def test_attention_is_what_the_rules_of_health_found(report):
    assert [(one.text, one.section) for one in report.headline.attention] == [
        (one.sentence, one.section) for one in report.health.findings
    ]
    texts = " ".join(one.text for one in report.headline.attention)
    assert "In batch 4 inputs are unlike anything that was learned (worth); it was answered" in texts
    assert "5 rows of batch 4 (2.5\xa0%) are in quarantine and not learned." in texts


def test_alarms_come_with_their_damage_and_what_was_done(report):
    assert [(one.batch, one.what, one.damage) for one in report.drift.newest_alarms] == [(4, "worth", 0.02)]
    assert [one.batch for one in report.drift.alarms] == [4, 3, 2]
    assert report.drift.responses[0].outcome == "20 trials"
    columns = len({cell.column for cell in report.drift.cells})
    assert report.drift.suspicions[-1].chance == pytest.approx(1 - (1 - 1e-6) ** columns)


def test_a_champion_worse_than_the_prior_is_a_warning(tmp_path):
    report = report_on(MadeState(tmp_path).add(3))
    (warning, *_) = [one for one in report.headline.attention if one.level == "warning"]
    assert warning.text == "On batch 3 linear-0005 was 10.0\xa0% worse (log-loss) than answering every row alike."


def test_a_breach_is_told_and_a_rejection_is_the_verdict(tmp_path):
    made = MadeState(tmp_path).add(2)
    assert any("Batch 2 broke 1 quality check" in one.text for one in report_on(made).headline.attention)
    report = report_on(made.reject("every target is missing."))
    assert report.headline.sentences[0] == "Batch 3 was rejected and not learned: every target is missing."
    assert report.changes == ("Nothing: batch 3 was rejected, and linear-0003 goes on answering as it was.",)
    assert report.champion is not None
    assert report.champion.id == "linear-0003"


def test_one_batch_is_judged_by_its_out_of_fold(tmp_path):
    report = report_on(MadeState(tmp_path).add(1))
    assert report.champion_scores == ()
    assert report.standing.basis == f"{ROWS} later rows of batch 1, set aside while it learned"
    assert report.standing.beside == ()
    assert report.drift.cells == ()


def test_rejected_batches_alone_leave_a_report_that_says_so(tmp_path):
    report = report_on(MadeState(tmp_path).reject("no row has a target.").reject("no row has a target."))
    assert report.champion is None
    assert report.standing is None
    assert "2 batches came and nothing could be learned" in report.headline.sentences[0]
    assert report.metric is None


def test_a_rollback_leaves_the_generations_it_undid_out(made):
    """Generation 6 takes up from 2: the reign of 3 to 5 is no part of the live state's history."""
    with open_state(made.config) as state:
        undone = History(made.config, state, load_generation(state), DATE)
        undone.load(())
    generations = undone.generations
    generations.loc[generations["number"] == 4, "parent"] = 2
    assert undone.lineage == [1, 2, 4]
    assert undone.serving == {2: "linear-0001", 3: "linear-0003", 4: "linear-0003"}


def test_json_holds_finite_numbers_only_and_the_documented_keys(report):
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = json.dumps(to_json(vars(report)))
    tree = json.loads(text, parse_constant=refuse)
    documented = (
        "protocol written_at headline generation batches quality drift versions champion production production_scores "
        "ensembles scores comparisons trials grades decisions performance shap"
    )
    assert set(documented.split()) <= set(tree)
    assert tree["written_at"] == "2026-01-02T03:04:00"
    assert tree["champion"]["id"] == "linear-0007"
    assert len(tree["scores"]) == 2 * (3 + 4)
    assert to_json([math.nan, math.inf, 1.5]) == [None, None, 1.5]


def test_the_ledger_weighs_requests_by_their_labelled_rows(report):
    regrets = report.regrets
    assert (regrets.requests, regrets.rows) == (3, 90)
    assert [entry.batch for entry in regrets.entries] == [4, 3, 2]
    assert (regrets.served, regrets.champion, regrets.oracle) == (pytest.approx(0.4), 0.5, pytest.approx(0.35))
    assert regrets.entries[-1].single_best is None
    assert regrets.single_best == pytest.approx(0.45)


def test_labels_are_counted_by_the_month_of_serving_and_lines_by_what_they_lost(report):
    months = {one.month: one for one in report.labels.months}
    assert all(one.rows for one in months.values())
    assert report.labels.gap == "3600s"
    lines = {one.line: one for one in report.labels.lines}
    assert lines["a"].rows == lines["b"].rows == 90
    assert (lines["a"].loss, lines["b"].loss) == (0.5, pytest.approx((20 * 0.2 + 30 * 0.3 + 40 * 0.4) / 90))
    assert lines["a"].best == lines["b"].loss


def test_labels_of_no_use_are_told_with_their_cause(report):
    found = [(one.cause, one.taken, one.labels) for one in report.labels.useless]
    assert found == [("crowded", False, 900), ("unknown", False, 60), ("learned", True, 3)]
    assert all(one.why for one in report.labels.useless)


def test_shares_of_labels_are_told_only_once_their_time_has_passed():
    known = {
        settlements_table: pd.DataFrame(
            {
                "batch": [1, 2],
                "gap": ["0s", "9s"],
                "maturity": [{"2026-01": {"1": 2, "30": 3}}, {"2026-01": {"later": 1, "1": 1}}],
            }
        ),
        count_served: pd.DataFrame({"month": ["2026-01", "2026-03"], "rows": [10, 4]}),
        live_records_table: pd.DataFrame({"rows": [], "losses": []}),
        count_useless: (),
    }
    march, january = compute_labels(make_history(known, datetime(2026, 3, 5))).months
    assert (january.labelled, january.shares) == (7, (0.3, 0.3, 0.6, None, None))
    assert (march.rows, march.labelled, march.shares) == (4, 0, (0.0, None, None, None, None))


def test_influences_find_what_moves_the_loss_and_its_direction():
    generator = np.random.default_rng(3)
    table = pd.DataFrame(generator.normal(size=(200, 3)), columns=["strong", "weak", "nothing"]).assign(fixed=1.0)
    losses = (3 * table["strong"] - table["weak"]).to_numpy()
    strong, weak, *rest = rank_influences(table, losses, seed=1)
    assert (strong.name, weak.name) == ("strong", "weak")
    assert strong.direction > 0.8
    assert weak.direction < -0.1
    assert all(one.name == "nothing" and one.importance < 0.05 for one in rest)
    assert strong.importance + weak.importance > 0.9


def test_too_few_examples_have_no_influence():
    table = pd.DataFrame({"x": np.arange(10.0)})
    assert rank_influences(table, np.arange(10.0), seed=1) == ()


@pytest.mark.parametrize("most", [20_000, 1])
def test_the_influence_of_columns_is_scikit_learns_permutation_importance(monkeypatch, most):
    monkeypatch.setattr(influences, "MOST_ASKED", most)
    generator = np.random.default_rng(8)
    table = pd.DataFrame({name: generator.normal(size=50) for name in "abcd"}).assign(e=generator.integers(0, 2, 50))
    losses = table["a"].to_numpy() + table["e"].to_numpy() + generator.normal(0, 0.2, 50)
    model = ExtraTreesRegressor(30, random_state=1).fit(table, losses)
    expected = permutation_importance(model, table, losses, n_repeats=influences.REPEATS, random_state=5)
    np.testing.assert_allclose(
        influences.measure_importance(model, table, losses, 5), expected.importances_mean, atol=1e-12
    )


def test_challenger_evaluation_sums_up_ways_and_lists_the_newest_comparisons(report):
    (way,) = report.tournament.ways
    assert (way.way, way.served_way, way.bouts, way.better) == (
        "update",
        "refit",
        len(report.tournament.newest),
        way.bouts,
    )
    newest = report.tournament.newest
    assert way.gain == pytest.approx(1 - sum(one.loss for one in newest) / sum(one.served_loss for one in newest))
    assert all(one.gain == pytest.approx(1 - one.loss / one.served_loss) for one in newest)
    assert (way.seconds, way.served_seconds) == (pytest.approx(0.1), pytest.approx(0.4))
    batches = [one.batch for one in report.tournament.newest]
    assert batches == sorted(batches, reverse=True)


def test_engineered_features_carry_their_newest_gain_and_how_often_they_helped(report):
    hour, ratio = report.features
    assert (hour.feature, hour.gain, hour.used) == ("day_hour", pytest.approx(0.005 * hour.batch), True)
    assert (ratio.feature, ratio.harmed, ratio.helped, ratio.used) == ("a_per_b", ratio.measured, 0, False)
    assert hour.helped == sum(0.005 * number > 0.01 for number in range(1, hour.measured + 1))


def test_captions_say_what_a_share_is_of():
    batch = make_figure(BatchFigures)
    label = {
        name: draw_dimension(name, [replace(batch, number=1)], MARKED).label for name in ("completeness", "leakage")
    }
    assert "share of cells and rows that pass" in label["completeness"]
    assert label["leakage"].startswith("Leakage: share of the target that a column alone does not give away")


def test_one_model_that_has_no_room_in_the_chart_of_reigns_is_told_of_as_one():
    lines = tuple(f"line-{number:04}" for number in range(MOST_LINES + 1))
    one = replace(
        make_figure(GenerationFigures), batch=1, lines=lines, champion_line=lines[0], production_line=lines[1]
    )
    note = draw_reigns([one], MARKED).note
    assert note.startswith("1 more model was active; those shown were champion or served most often.")
    assert not draw_reigns([replace(one, lines=lines[:3])], MARKED).note.startswith("1 more")
