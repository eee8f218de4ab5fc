"""The service as a process: it starts, answers, takes over a new generation under load, and ends when it is told to."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import httpx
import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.api.access import KEY_VARIABLE
from pointsman.pipeline.api.reading import CSV

PATIENCE = 900.0
"""Seconds that a state is waited for: no measure of speed, but an end for what never comes."""


@contextmanager
def start(folder, *overrides):
    """The process, and a client of it once it tells its URL."""
    keys = [*small_stream.QUICK, small_stream.LINEAR, f"data_dir={folder}", f"state_dir={folder / 'state'}"]
    command = [sys.executable, "run.py", "serve", *keys, "service.port=0", *overrides]
    environment = {name: cell for name, cell in os.environ.items() if name != KEY_VARIABLE}
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=small_stream.ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), (folder / "serve.log").read_text()
        with httpx.Client(base_url=url, timeout=60) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def count_logged(folder):
    with small_stream.opened(folder) as (_, state):
        return {row["id"]: row["rows"] for row in read_rows(state.engine, sa.select(decisions_table))}


@pytest.mark.slow
def test_a_new_generation_is_taken_over_under_load_and_a_signal_loses_nothing(linear_stream, tmp_path, rows):
    folder = small_stream.copy(linear_stream, tmp_path / "copy")
    with start(folder, "service.poll_seconds=0.2") as (process, client):
        answered, ended = [], threading.Event()

        def ask():
            with httpx.Client(base_url=client.base_url, timeout=60) as own:
                while not ended.is_set():
                    answered.append(own.post("/predict", json={"rows": rows[:3]}))
                    ended.wait(0.01)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        before = client.get("/ready").json()["generation"]
        small_stream.take(folder, None, small_stream.LINEAR)
        until = time.monotonic() + PATIENCE
        while client.get("/ready").json()["generation"] == before and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.3)
        ended.set()
        for thread in threads:
            thread.join()
        assert Counter(one.status_code for one in answered) == {200: len(answered)}
        assert {one.json()["generation"] for one in answered} == {before, before + 1}

        labels = [{"id": row["id"], "label": 0} for one in answered[:5] for row in one.json()["rows"]]
        assert client.post("/feedback", json={"labels": labels}).status_code == 200

        table = pd.DataFrame(rows * 100).head(40_000).to_csv(index=False).encode()
        running = []
        last = threading.Thread(
            target=lambda: running.append(client.post("/predict", content=table, headers={"content-type": CSV}))
        )
        last.start()
        while not running and "pointsman_requests_running 2.0" not in client.get("/metrics").text:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        last.join()
        assert running[0].status_code == 200
        assert len(running[0].json()["rows"]) == 40_000
        assert process.wait(timeout=900) == 0, (folder / "serve.log").read_text()
        assert process.stdout.read() == ""
    logged = count_logged(folder)
    served = {one.json()["request"]: len(one.json()["rows"]) for one in [*answered, *running]}
    assert {request: logged.get(request) for request in served} == served
    assert "Traceback" not in (folder / "serve.log").read_text()


@pytest.mark.slow
def test_what_cannot_be_served_is_a_sentence_and_an_exit_code(tmp_path):
    config = ["serve", "service.host=0.0.0.0", f"state_dir={tmp_path / 'state'}"]
    environment = {name: cell for name, cell in os.environ.items() if name != KEY_VARIABLE}
    done = subprocess.run(
        [sys.executable, "run.py", *config],
        cwd=small_stream.ROOT,
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "set POINTSMAN_API_KEY" in done.stderr
