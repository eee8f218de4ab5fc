"""Code that happens to lie in the folder one stands in is never run, whatever its name."""

import os
import select
import subprocess
import sys

import pytest
from one_stream import ROOT, make_rows, must, write_config

NAMES = ("joblib", "pickle", "lightgbm", "pandas", "multiprocessing", "uvicorn", "secrets")


@pytest.mark.slow
def test_no_command_runs_a_module_of_the_current_folder(tmp_path):
    make_rows(2).to_csv(tmp_path / "stream.csv", index=False)
    write_config(tmp_path)
    make_rows(1).drop(columns=["claim", "kind"]).to_csv(tmp_path / "new.csv", index=False)
    make_rows(1).drop(columns=["claim", "kind"]).to_parquet(tmp_path / "new.parquet")
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open(r'{tmp_path}/executed-{name}', 'w').close()\nraise SystemExit(7)\n")
    options = ("--config", "claims.yaml", "state_dir=state", "workers.count=2")
    assert must(tmp_path, "update", *options).stdout.strip() == "True"
    must(tmp_path, "inference", "-file", "new.csv", *options)
    command = [sys.executable, str(ROOT / "run.py"), "serve", *options, "service.port=0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": ""}
    )
    try:
        assert select.select([process.stdout], [], [], 600)[0]
        url = process.stdout.readline().strip()
        import httpx

        kind = {"content-type": "application/vnd.apache.parquet"}  # read by a process of its own
        answered = httpx.post(
            f"{url}/predict", content=(tmp_path / "new.parquet").read_bytes(), headers=kind, timeout=600
        )
        assert answered.status_code == 200, answered.text
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
    assert list(tmp_path.glob("executed-*")) == []
