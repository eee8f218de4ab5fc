"""Columns of requests that have changed as a whole: seasons are served as usual, wrecked feeds not, both are told."""

import logging

import numpy as np
import pandas as pd
import pytest
from small_stream import LINEAR, configure, copy, make_rows

from pointsman.common.storage.state import open_state
from pointsman.common.tabular.reader import read_table
from pointsman.meta.flags import RowKind
from pointsman.pipeline.inference import infer
from pointsman.pipeline.serving.predictor import load_predictor

ROWS = 360


@pytest.fixture(scope="module")
def folder(linear_stream, tmp_path_factory):
    return copy(linear_stream, tmp_path_factory.mktemp("columns"))


@pytest.fixture(scope="module")
def predictor(folder):
    with open_state(configure(folder, LINEAR)) as state:
        yield load_predictor(configure(folder, LINEAR), state)


@pytest.fixture(scope="module")
def request_rows():
    return make_rows().tail(ROWS).reset_index(drop=True)


def serve(predictor, table):
    rows = predictor.read(table)
    choice = predictor.choose(rows)
    return choice, predictor.answer(rows, choice)


def test_a_new_level_in_every_row_is_served_as_clean_rows_are(predictor, request_rows):
    before, ordinary = serve(predictor, request_rows)
    choice, answer = serve(predictor, request_rows.assign(USAGE="a new season"))
    assert choice.profile.counts == before.profile.counts
    assert not choice.plan.alarm
    assert answer.reasons.tolist() == ordinary.reasons.tolist()
    (told,) = choice.warnings
    assert told.startswith(
        "'USAGE' holds a level never seen ('a new season') in 100% of its filled cells: taken for drift"
    )


@pytest.mark.parametrize("wreck", [lambda cells: cells * 1e4, lambda cells: cells * 0 + 1e12])
def test_a_wrecked_column_is_hidden_and_raises_the_alarm(predictor, request_rows, wreck):
    premium = wreck(pd.to_numeric(request_rows["PREMIUM"]).fillna(1000.0))
    choice, answer = serve(predictor, request_rows.assign(PREMIUM=premium))
    assert (answer.kinds == RowKind.ANOMALOUS).mean() > 0.9
    assert choice.plan.alarm.column == "PREMIUM"
    assert "taken for damage" in choice.warnings[0]


def test_parts_of_a_request_are_answered_by_the_verdict_on_its_looked_at_rows(predictor, request_rows):
    table = request_rows.assign(USAGE="a new season", PREMIUM=1e12)
    choice, whole = serve(predictor, table)
    parts = [predictor.answer(predictor.read(table.iloc[part]), choice) for part in (slice(0, 7), slice(7, ROWS))]
    np.testing.assert_array_equal(np.concatenate([part.kinds for part in parts]), whole.kinds)
    np.testing.assert_allclose(np.concatenate([part.outputs for part in parts]), whole.outputs, rtol=1e-9)


def test_a_file_is_warned_of_once(folder, request_rows, caplog):
    request_rows.assign(USAGE="a new season", PREMIUM=1e12).to_csv(folder / "wrecked.csv", index=False)
    with caplog.at_level(logging.WARNING):
        path = infer(configure(folder, LINEAR, "inference.chunk_rows=100"), folder / "wrecked.csv")
    told = [record.getMessage() for record in caplog.records if "taken for" in record.getMessage()]
    assert len(told) == 1
    assert "'PREMIUM' lies outside its usual range" in told[0]
    assert "taken for damage" in told[0]
    assert "'USAGE' holds a level never seen" in told[0]
    assert len(read_table(path)) == ROWS
