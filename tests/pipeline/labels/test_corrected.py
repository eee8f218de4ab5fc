"""A label that is corrected after an update took it replaces what the ledger and graded estimates say by the former."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa
from made_requests import go_on, make_live_rows, one_by_one, serve

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.estimation.estimator import Estimate, Measured
from pointsman.meta.tables import corrected_regrets_table, decisions_table, estimates_table, regrets_table
from pointsman.pipeline.explain import explain
from pointsman.pipeline.labels.corrected import correct_estimates
from pointsman.pipeline.labels.intake import add_labels
from pointsman.pipeline.labels.queries import load_regrets
from pointsman.pipeline.labels.served_rows import load_answered
from pointsman.pipeline.models import models
from pointsman.registry.generations import load_generation

WRONG = (0, 3, 20, 21, 22)
"""Labels that are wrong at first: of two small requests and of three rows of a big one."""


@pytest.fixture(scope="module")
def corrected(linear_stream, tmp_path_factory):
    """A state in which labels of 20 small requests and of a big one were taken, some of them corrected later."""
    folder = small_stream.copy(linear_stream, tmp_path_factory.mktemp("corrected"))
    with small_stream.opened(folder, small_stream.LINEAR) as (config, state):
        rows, labels = make_live_rows(80, config.schema_.target)
        serve(config, state, one_by_one(rows.head(20)) | {"many": rows.tail(60)})
        ids = [f"one{place}-0" for place in range(20)] + [f"many-{place}" for place in range(60)]
        wrong = [1 - label if place in WRONG else label for place, label in enumerate(labels)]
        add_labels(config, state, list(zip(ids, wrong, strict=True)), "feedback")
        go_on(config, state)
        add_labels(config, state, [(ids[place], labels[place]) for place in WRONG], "feedback")
        go_on(config, state)
    return folder, labels


def load_answers(state, request):
    """Return the probabilities (n_rows, 2) that a request was answered with."""
    (row,) = read_rows(state.engine, sa.select(decisions_table).where(decisions_table.c.id == request))
    rows = load_answered(state.files, row["rows_file"], load_generation(state).schema)
    return rows.outputs[row["first_row"] : row["first_row"] + row["kept_rows"]].astype(float)


def test_the_ledger_is_what_it_would_be_with_the_right_labels(corrected):
    folder, labels = corrected
    with small_stream.opened(folder, small_stream.LINEAR) as (_, state):
        answers = np.concatenate(
            [*(load_answers(state, f"one{place}") for place in range(20)), load_answers(state, "many")]
        )
        losses = -np.log(answers[np.arange(80), labels])
        entries = {(row["decision"], row["batch"]): row for row in load_regrets(state)}
        assert set(entries) == {("generation 3", 4), ("many", 4)}, "corrected rows make no entry of their own"
        assert entries["generation 3", 4]["served"] == pytest.approx(losses[:20].mean(), rel=1e-4)
        assert entries["many", 4]["served"] == pytest.approx(losses[20:].mean(), rel=1e-4)
        for entry in entries.values():
            assert entry["oracle"] == min(entry["losses"].values())
            assert entry["single_best"] in entry["losses"].values()
        stored = read_rows(state.engine, sa.select(regrets_table))
        assert len(stored) == len(read_rows(state.engine, sa.select(corrected_regrets_table))) == 2
        assert all(row["served"] != entries[row["decision"], row["batch"]]["served"] for row in stored)


def test_a_decision_is_explained_by_its_corrected_labels(corrected):
    with small_stream.opened(corrected[0], small_stream.LINEAR) as (config, state):
        (entry,) = (row for row in load_regrets(state) if row["decision"] == "many")
        assert f"log-loss {entry['served']:.4g}, champion {entry['champion']:.4g}" in explain(config, "many")


def test_a_rollback_brings_the_former_entries_back(corrected, tmp_path):
    with small_stream.opened(small_stream.copy(corrected[0], tmp_path), small_stream.LINEAR) as (config, state):
        models(config, ("rollback",), 4, "again")
        assert {row["decision"]: row["served"] for row in load_regrets(state)} == {
            row["decision"]: row["served"] for row in read_rows(state.engine, sa.select(regrets_table))
        }


def test_an_estimate_is_graded_again(corrected, tmp_path):
    folder, labels = small_stream.copy(corrected[0], tmp_path), corrected[1][20:]
    with small_stream.opened(folder, small_stream.LINEAR) as (_, state):
        made = Estimate("plan", 60, {"log_loss": Measured(0.3, 0.1, 0.5)}, "")
        graded = {"batch": 4, "answerer": "plan", "request": "many", "measure": "log_loss", "rows": 60}
        graded |= {"estimated": 0.3, "lower": 0.1, "upper": 0.5, "realised": 9.0, "covered": False, "generation": 4}
        with state.engine.begin() as connection:
            of_many = decisions_table.c.id == "many"
            connection.execute(decisions_table.update().where(of_many).values(estimate=made.to_json()))
            connection.execute(estimates_table.insert().values(graded))
        generation = load_generation(state, 3)
        new = pd.DataFrame(
            [{"request": "many", "position": 0, "target": float(labels[0]), "former": 1.0 - labels[0], "generation": 3}]
        )
        (again,) = correct_estimates(state, generation.schema, 6, SimpleNamespace(table=new))
        expected = -np.log(load_answers(state, "many")[np.arange(60), labels]).mean()
        assert (again["by_batch"], again["batch"], again["rows"]) == (6, 4, 60)
        assert again["realised"] == pytest.approx(expected, rel=1e-4)
