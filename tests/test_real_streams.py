"""The shipped configurations, as a user runs them, on the real streams that they are for."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pointsman.common.tabular.reader import read_table
from pointsman.common.tabular.writers import write_table

ROOT = Path(__file__).resolve().parent.parent
SMALL = (
    "search.trials=4",
    "search.families=[linear,tree]",
    "training.folds=1",
    "training.max_rows=2000",
    "batch.rows=1000",
    "batch.period=null",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "run.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)


CONFIGURATIONS = {
    "elec2": "elec2.csv",
    "bank": "bank.csv",
    "hotel": "hotel.parquet",
    "pm25": "pm25.csv",
    "aus_motor": "aus_motor.xlsx",
    "eic": "eic_sample.csv",
    "eic_amount": "eic_sample.csv",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_commands_run_on_real_streams(name, real_data, tmp_path):
    path = real_data(CONFIGURATIONS[name])
    common = [
        "--config",
        f"configs/{name}.yaml",
        f"data_dir={path.parent}",
        f"state_dir={tmp_path / 'state'}",
        f"source.paths=[{path.name}]",
        *SMALL,
    ]
    done = run("update", "--batches", "2", *common)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    request = tmp_path / "request.csv"
    write_table(read_table(path).tail(50), request)
    done = run("inference", "-file", str(request), *common)
    assert done.returncode == 0, done.stderr
    answered = pd.read_csv(done.stdout.strip())
    assert len(answered) == 50
    assert answered["predict"].notna().all()
