"""Experiments on real states of every task: what runs and trials record, show and export."""

import ast

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from pointsman import cli
from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, DataError, StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.experiments.tables import runs_table, trials_table
from pointsman.pipeline.experiments import show_experiments
from pointsman.pipeline.update import update
from pointsman.registry.tables import versions_table

BATCHES, ROWS = 3, 150
METRICS = {"f1", "weightedPrecision", "weightedRecall", "accuracy"}


def write_stream(path, task):
    generator = np.random.default_rng(5)
    worth, make = generator.normal(size=BATCHES * ROWS), generator.choice(["a", "b", "c"], BATCHES * ROWS)
    score = worth + (make == "a") + generator.normal(0, 0.4, len(worth))
    paid = {Task.BINARY: (score > 0.5).astype(int), Task.REGRESSION: score.round(3)}.get(
        task, np.array(["low", "mid", "top"])[np.digitize(score, [0, 1])]
    )
    days = pd.date_range("2020-01-01", periods=len(worth), freq="6h")
    pd.DataFrame({"when": days, "worth": worth.round(4), "make": make, "paid": paid}).to_csv(path, index=False)


@pytest.fixture(scope="module", params=list(Task), ids=str)
def learned(request, tmp_path_factory):
    """A state of every task, and its task."""
    folder = tmp_path_factory.mktemp(f"experiments-{request.param}")
    write_stream(folder / "stream.csv", request.param)
    config = Config.model_validate(
        {
            "schema": {"time": "when", "target": "paid"},
            "task": request.param.value,
            "source": {"kind": "files", "paths": ["stream.csv"]},
            "data_dir": folder,
            "state_dir": folder / "state",
            "batch": {"rows": ROWS},
            "search": {"trials": 4, "families": ["tree", "lightgbm"], "calm_share": 1.0},
            "training": {"folds": 1},
            "promotion": {"max_active": 3},
        }
    )
    update(config, None)
    return config, request.param


def read(config, table):
    with open_state(config) as state:
        return read_rows(state.engine, sa.select(table))


def test_every_version_that_was_trained_has_a_run_and_no_other(learned):
    config, _ = learned
    versions = {row["id"]: row for row in read(config, versions_table)}
    runs = {row["version"]: row for row in read(config, runs_table)}
    trained = {name for name, row in versions.items() if row["origin"] not in ("blend", "recall")}
    assert set(runs) == trained
    assert {versions[name]["origin"] for name in runs} >= {"standing", "refit", "update"}
    assert {row["batch"] for row in runs.values()} == set(range(1, BATCHES + 1))


def test_a_run_says_what_it_was_made_of(learned):
    config, task = learned
    for row in read(config, runs_table):
        assert ast.literal_eval(row["input_columns"]) == ["worth", "make", "when"]
        assert ast.literal_eval(row["features"])[:1] == ["worth"]
        assert row["target"] == "paid"
        assert row["stages"]
        assert (row["bins"] is not None) == row["version"].startswith("lightgbm")
        assert set(row["train"]) == set(row["test"]) == (METRICS if task.is_classification else {"rmse", "mae", "r2"})
        assert row["train_rows"] >= row["test_rows"] > 0
        assert row["gap"] == pytest.approx(row["train_skill"] - row["test_skill"])
        assert not (row["overfit"] and row["version"].startswith("prior"))


def test_trials_that_saw_the_newest_fold_have_the_same_metrics(learned):
    config, task = learned
    for row in read(config, trials_table):
        seen = bool(row["fold_losses"])
        expected = (METRICS if task.is_classification else {"rmse", "mae", "r2"}) if seen else set()
        assert set(row["train"]) == set(row["test"]) == expected
        if task is Task.REGRESSION and seen:
            assert row["test"]["rmse"] == pytest.approx(row["fold_losses"][0])


def test_the_leaderboard_is_text_that_names_the_best(learned):
    config, _ = learned
    shown = show_experiments(config, [])
    runs = read(config, runs_table)
    assert max(runs, key=lambda row: row["test_skill"])["version"] in shown
    assert f"{sum(row['overfit'] for row in runs)} of all overfit" in shown
    assert show_experiments(config, ["2"]) != shown


def test_the_export_has_every_run_and_trial_in_flat_columns(learned, tmp_path):
    config, task = learned
    path = show_experiments(config, [], tmp_path / "all.csv")
    table = pd.read_csv(path)
    assert (table["kind"] == "run").sum() == len(read(config, runs_table))
    assert (table["kind"] == "trial").sum() == len(read(config, trials_table))
    metric = "weightedPrecision" if task.is_classification else "rmse"
    assert {
        "input_columns",
        "features",
        "target",
        "stage_0",
        "depth",
        "iterations",
        "bins",
        f"train_{metric}",
        f"test_{metric}",
        "overfit",
        "params",
    } <= set(table.columns)
    assert set(table["target"]) == {"paid"}


def test_what_cannot_be_shown_is_one_sentence(learned, tmp_path):
    config, _ = learned
    with pytest.raises(StateError, match="no experiment of batch 99"):
        show_experiments(config, ["99"])
    with pytest.raises(ConfigError, match="and not 'two'"):
        show_experiments(config, ["two"])
    with pytest.raises(DataError, match="ending"):
        show_experiments(config, [], tmp_path / "all.txt")
    empty = config.model_copy(update={"state_dir": tmp_path / "empty"})
    with pytest.raises(StateError, match=r"There is no state in '.*empty' yet; run 'python run\.py update' first"):
        show_experiments(empty, [])
    with open_state(empty), pytest.raises(StateError, match="There is no experiment in"):
        show_experiments(empty, [])


def test_the_command_line_knows_it(tmp_path, capsys):
    assert cli.main(["experiments", f"state_dir={tmp_path}"]) == StateError.exit_code
    assert "There is no state" in capsys.readouterr().err
