"""Estimates through the flows: an answer has one, explain shows it, and the batch with the labels grades it."""

import json
import sqlite3
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import load_config
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.meta.estimation.estimator import Estimate, Measured, PerformanceEstimator
from pointsman.meta.estimation.fitting import MIN_BATCHES
from pointsman.meta.flags import RowKind
from pointsman.meta.performance_estimates import choose_estimator, estimate_request, grade
from pointsman.meta.plan import PROMOTED, Expectation, Plan
from pointsman.meta.store import PLAN_LINE
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.explain import explain
from pointsman.pipeline.inference import infer
from pointsman.pipeline.summary import summarise
from pointsman.pipeline.update import update

ROWS, BATCHES = 60, MIN_BATCHES + 2
SMALL = [
    "search.trials=1",
    "search.families=[linear]",
    "search.variants=[onehot]",
    "training.folds=1",
    "search.finalists=1",
    "metric=roc_auc",
    "report.shap_rows=10",
    "response.retrain=never",
]
"""Estimators learn from every batch, also where models do not; learning the last batch, too, is enough."""


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A state that has learned all batches but the last, was asked for the last one, and then learned it."""
    folder = tmp_path_factory.mktemp("estimated")
    generator = np.random.default_rng(3)
    rows = ROWS * BATCHES
    number = generator.normal(size=rows)
    table = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=rows, freq="h"),
            "number": number,
            "claimed": (number + generator.logistic(size=rows) > 0).astype(int),
        }
    )
    table.to_csv(folder / "stream.csv", index=False)
    (folder / "config.yaml").write_text(
        "source: {kind: files, paths: [stream.csv]}\nschema: {time: day, target: claimed}\n"
    )
    stated = [f"data_dir={folder}", f"state_dir={folder / 'state'}", f"batch.rows={ROWS}", *SMALL]
    config = load_config(folder / "config.yaml", stated)
    with pytest.MonkeyPatch.context() as patch:  # a forest chooses; storing fewer trees is quicker
        patch.setattr("pointsman.meta.chooser_fitting.TREES", 4)
        update(config, 1)
        early = table.tail(ROWS).drop(columns="claimed")
        early.to_csv(folder / "early.csv", index=False)
        infer(config, folder / "early.csv")
        update(config, BATCHES - 2)
        early.to_csv(folder / "late.csv", index=False)
        infer(config, folder / "late.csv")
        update(load_config(folder / "config.yaml", [*stated, "response.retrain=always"]), 1)
    return config


def read(config, table):
    with sqlite3.connect(config.state_dir / "catalogue.db") as catalogue:
        return pd.read_sql_query(f"select * from {table}", catalogue)


def load_decisions(config):
    with open_state(config) as state:
        return {row["request"]: row for row in read_rows(state.engine, decisions_table.select())}


def test_every_answer_carries_an_estimate_or_the_reason_why_not(learned):
    decisions = load_decisions(learned)
    early, late = (Estimate.from_json(decisions[name]["estimate"]) for name in ("early.csv", "late.csv"))
    assert early.measures == {}
    assert early.reason.startswith("not estimated before 5 batches")
    assert list(late.measures) == ["log_loss", "roc_auc"]
    assert late.rows == ROWS
    loss, area = late.measures["log_loss"], late.measures["roc_auc"]
    assert 0.1 < loss.lower < loss.estimated < loss.upper < 2
    assert 0.4 < area.lower < area.estimated < area.upper <= 1


def test_batches_are_estimated_before_they_are_learned_and_graded_after(learned):
    estimates = read(learned, "estimates")
    of_chosen = estimates[(estimates["request"] == "") & (estimates["answerer"] == PLAN_LINE)]
    assert set(of_chosen["measure"]) == {"log_loss", "roc_auc"}
    assert of_chosen["batch"].max() == BATCHES
    inside = (of_chosen["lower"] <= of_chosen["realised"]) & (of_chosen["realised"] <= of_chosen["upper"])
    assert (inside == of_chosen["covered"].astype(bool)).all()
    assert (estimates.loc[estimates["request"] == "", "answerer"] != PLAN_LINE).any()  # the champion's as well


def test_the_labels_of_a_request_grade_its_estimate(learned):
    estimates, regrets = read(learned, "estimates"), read(learned, "regrets")
    late = load_decisions(learned)["late.csv"]
    graded = estimates[estimates["request"] == late["id"]].set_index("measure")
    assert set(graded.index) == {"log_loss", "roc_auc"}
    assert (graded["rows"] == ROWS).all()
    assert (graded["batch"] == BATCHES).all()
    served = regrets.set_index("decision").loc[late["id"], "served"]
    assert graded.loc["log_loss", "realised"] == pytest.approx(served, rel=1e-4)
    assert graded.loc["log_loss", "estimated"] == late["estimate"]["measures"]["log_loss"]["estimated"]
    assert not len(estimates[estimates["request"] == load_decisions(learned)["early.csv"]["id"]])


def test_explain_shows_the_estimate_and_its_grade(learned):
    decisions = load_decisions(learned)
    shown = explain(learned, decisions["late.csv"]["id"])
    assert "by its own answers  log_loss" in shown
    assert f"of {ROWS} labelled rows lies" in shown
    assert "not estimated before 5 batches" in explain(learned, decisions["early.csv"]["id"])


def test_the_report_shows_estimates_beside_what_labels_showed(learned, monkeypatch):
    monkeypatch.setattr(
        "pointsman.pipeline.reporting.explanation.plots.draw_shap", lambda *_: []
    )  # slow, and not looked at
    path = summarise(learned)
    page, figures = path.read_text(encoding="utf-8"), json.loads(path.with_name("report.json").read_text())["estimates"]
    for measure in ("ROC-AUC", "log-loss"):
        assert f"Estimated {measure} of what was chosen on every batch" in page
    grades = {(one["of"], one["measure"]): one for one in figures["grades"]}
    assert grades["what was chosen", "roc_auc"]["estimates"] == len(figures["batches"]) / 2 > 0
    assert grades["requests", "roc_auc"]["estimates"] == 1
    assert not figures["open"]


def make_plan(*lines):
    weights = {line: 1 / len(lines) for line in lines}
    model = lines[0] if len(lines) == 1 else "mixture"
    return Plan(model, (weights,) * len(RowKind), ("",) * 3, "", None, lines[0], (), Expectation())


def make_estimator(line):
    return PerformanceEstimator(line, Task.BINARY, ("0", "1"), ("log_loss",), 0.5, 0.0, {}, f"{line} is new")


def test_a_line_that_serves_alone_is_estimated_by_its_own_past():
    known = {line: make_estimator(line) for line in (PLAN_LINE, "a")}
    assert choose_estimator(known, make_plan("a")) is known["a"]
    assert choose_estimator(known, make_plan("a", "b")) is known[PLAN_LINE]
    assert choose_estimator(known, make_plan("b")) is known[PLAN_LINE]
    assert choose_estimator(known, replace(make_plan("b"), reasons=(PROMOTED,) * 3)) is None
    outputs = np.full((2, 2), 0.5)
    assert estimate_request(known, make_plan("a"), outputs, np.zeros(2, int), ("0", "1")).reason == "a is new"
    assert "no estimator" in estimate_request({}, make_plan("a"), outputs, np.zeros(2, int), ("0", "1")).reason


def test_a_measure_that_labels_do_not_define_is_not_graded():
    made = Estimate(PLAN_LINE, 2, {name: Measured(0.6, 0.5, 0.7) for name in ("log_loss", "roc_auc")})
    outputs, target = np.full((2, 2), 0.5), np.zeros(2)
    [one] = grade(made, 4, "", Task.BINARY, target, outputs)
    assert (one["measure"], one["covered"], one["rows"]) == ("log_loss", True, 2)
