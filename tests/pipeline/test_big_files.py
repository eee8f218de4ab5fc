"""Files of any length: answered a chunk at a time, as if at once, into any format, and whole or not at all."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from small_stream import LINEAR, ROOT, configure, copy, make_rows

from pointsman.common.errors import ConfigError, DataError
from pointsman.common.performance import performance_table
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import name_temporary
from pointsman.common.storage.state import open_state
from pointsman.common.tabular.reader import read_table
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.inference import infer
from pointsman.pipeline.labels.served_rows import load_answered
from pointsman.pipeline.serving.answer import present_answer
from pointsman.pipeline.serving.predictor import load_predictor
from pointsman.registry.generations import load_generation

ROWS = 700

PATIENCE = 900.0
"""Seconds that a state is waited for: no measure of speed, but an end for what never comes."""


@pytest.fixture(scope="module")
def folder(linear_stream, tmp_path_factory):
    folder = copy(linear_stream, tmp_path_factory.mktemp("big"))
    make_rows().head(ROWS).to_csv(folder / "request.csv", index=False)
    return folder


def answer(folder, name, *overrides, out=None):
    """Answer a file; return the answered table, and what the catalogue holds of it."""
    config = configure(folder, LINEAR, *overrides)
    path = infer(config, folder / name, out)
    with open_state(config) as state:
        query = sa.select(decisions_table).order_by(decisions_table.c.created_at.desc()).limit(1)
        return read_table(path), read_rows(state.engine, query)[0]


def test_a_file_in_chunks_is_answered_as_at_once_by_the_choice_of_its_first_chunk(folder):
    config = configure(folder, LINEAR)
    request = read_table(folder / "request.csv")
    with open_state(config) as state:
        predictor = load_predictor(config, state)
    for rows in (97, 350, ROWS):
        choice = predictor.choose(predictor.read(request.head(rows)))
        whole = present_answer(predictor.answer(predictor.read(request), choice), predictor.schema)
        answered, _ = answer(folder, "request.csv", f"inference.chunk_rows={rows}", out=folder / f"{rows}.parquet")
        pd.testing.assert_frame_equal(answered[list(request)], request)
        assert answered["predict_model"].tolist() == whole["predict_model"].tolist()
        np.testing.assert_allclose(answered["predict_proba"], whole["predict_proba"], rtol=1e-12)
        assert answered["predict_id"].str.partition("-")[2].astype(int).tolist() == list(range(ROWS))


def test_chunks_add_up_to_one_decision(folder):
    make_rows().head(ROWS).to_csv(folder / "counted.csv", index=False)
    answered, decision = answer(folder, "counted.csv", "inference.chunk_rows=100")
    assert decision["request"] == "counted.csv"
    assert decision["rows"] == sum(decision["served"].values()) == ROWS
    assert answered["predict_id"][0] == f"{decision['id']}-0"
    with open_state(configure(folder)) as state:
        kept = load_answered(state.files, decision["rows_file"], load_generation(state).schema)
        query = sa.select(performance_table).where(performance_table.c.subject == decision["id"])
        costs = read_rows(state.engine, query)
    assert kept.positions.tolist() == list(range(ROWS))
    np.testing.assert_allclose(kept.outputs[:, 1], answered["predict_proba"].astype(float), rtol=1e-6)
    assert len({cost["stage"] for cost in costs}) == len(costs)
    assert {cost["rows"] for cost in costs} == {ROWS}


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".xlsx"])
def test_any_format_is_written_by_its_ending(folder, ending):
    out = folder / "deep" / f"out{ending}"
    answered, _ = answer(folder, "request.csv", "inference.chunk_rows=300", out=out)
    assert len(answered) == ROWS
    assert list(answered)[-2:] == ["predict_reason", "predict_id"]
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []
    first = out.read_bytes()
    infer(configure(folder, LINEAR, "inference.chunk_rows=300"), folder / "request.csv", out)
    assert ending == ".xlsx" or out.read_bytes() == first


def test_a_long_row_far_down_is_named_and_leaves_no_output(folder, tmp_path):
    text = (folder / "request.csv").read_text().splitlines()
    (folder / "long.csv").write_text("\n".join([*text[:500], text[500] + ",more", *text[501:]]))
    with pytest.raises(DataError, match=r"Line 501 of the file .*long\.csv' has 17 cells"):
        answer(folder, "long.csv", "inference.chunk_rows=100", out=tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())


def test_what_an_interrupted_run_left_is_swept_by_the_next_one(folder, tmp_path):
    half = name_temporary(tmp_path / "out.csv")
    half = half.with_name(half.name.replace(f"-{os.getpid()}-", "-99999999-"))  # no process has that id
    half.write_bytes(b"half")
    answer(folder, "request.csv", out=tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_the_request_itself_a_folder_and_other_endings_are_refused_as_output(folder):
    before = (folder / "request.csv").read_bytes()
    for out, said in (
        ("request.csv", "is the request itself"),
        ("state", "ending that cannot be written"),
        ("a.xls", "ending that cannot be written"),
        ("sub.csv", "is a folder"),
    ):
        (folder / "sub.csv").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=said):
            answer(folder, "request.csv", out=folder / out)
    assert (folder / "request.csv").read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")
def test_a_killed_run_leaves_no_file_that_looks_finished(folder, tmp_path):
    pd.concat([make_rows()] * 12).to_csv(folder / "huge.csv", index=False)
    overrides = [f"data_dir={folder}", f"state_dir={folder / 'state'}", "inference.chunk_rows=20"]
    command = [sys.executable, "run.py", "inference", "-file", folder / "huge.csv", "-out", tmp_path / "out.csv"]
    process = subprocess.Popen([*map(str, command), *overrides], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list(tmp_path.glob(".*.tmp"))) == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_request_may_keep_no_rows(folder):
    make_rows().head(ROWS).to_csv(folder / "forgotten.csv", index=False)
    _, decision = answer(folder, "forgotten.csv", "inference.chunk_rows=100", "selection.matched_rows=0")
    assert (decision["rows"], decision["rows_file"], decision["kept_rows"]) == (ROWS, None, 0)
