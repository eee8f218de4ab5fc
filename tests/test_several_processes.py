"""Several processes on one state: one updates, any number infer, and nobody sees half of anything."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from pointsman.common.config import load_config
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.collection.demo.simulator import simulate
from pointsman.pipeline.collection.tables import batches
from pointsman.registry.tables import members_table

ROOT = Path(__file__).resolve().parent.parent
ROWS = 100
QUICK = (
    "source.kind=files",
    "source.paths=[stream.csv]",
    f"batch.rows={ROWS}",
    "search.trials=1",
    "training.folds=1",
    "search.families=[tree]",
    "search.variants=[onehot]",
    "features.date_parts={}",
    "features.durations=[]",
    "promotion.max_active=2",
    "training.threads=1",
)


def start(*arguments):
    command = [sys.executable, "run.py", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_of_two_updates_one_is_refused_while_others_infer(tmp_path, catalogue_url):
    rows = simulate(10 * ROWS, 3, schedule=())
    rows.to_csv(tmp_path / "stream.csv", index=False)
    rows.tail(50).to_csv(tmp_path / "request.csv", index=False)
    keys = [*QUICK, f"data_dir={tmp_path}", f"state_dir={tmp_path / 'state'}", f"database_url={catalogue_url}"]
    first = start("update", *keys)
    assert first.communicate()[0] == "True\n"

    updates = [start("update", *keys) for _ in range(2)]
    asked = [start("inference", "-file", tmp_path / "request.csv", *keys) for _ in range(2)]
    answers = [(one, *one.communicate()) for one in asked]
    ends = sorted((one.communicate()[::-1], one.returncode) for one in updates)

    assert sorted(code for _, code in ends) == [0, 1]
    refused = next(said for (said, _), code in ends if code == 1)
    assert "Error: Another update (process " in refused
    assert "Traceback" not in refused
    for one, output, said in answers:
        assert one.returncode == 0, said
        assert "locked" not in said
        assert pd.read_csv(output.strip())["predict"].notna().all()
    with open_state(load_config(ROOT / "config.yaml", keys)) as state:
        numbers = [row["number"] for row in read_rows(state.engine, sa.select(batches.c.number))]
        assert sorted(numbers) == [1, 2]
        members = {(row["generation"], row["version"]) for row in read_rows(state.engine, sa.select(members_table))}
        decisions = read_rows(state.engine, sa.select(decisions_table))
    served = {(one["generation"], key.partition("/")[0]) for one in decisions for key in one["served"]}
    assert served <= members, "an answer came from versions of one generation"
