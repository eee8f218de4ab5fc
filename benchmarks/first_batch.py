"""The product's first update, as a process, against FLAML with a minute, on the same 10,000 rows of hotel."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.comparators import make_flaml, predict_next
from benchmarks.product import UNIT, read_answer
from benchmarks.protocol import Observation, Stream, cut_stream
from pointsman.common.config import load_config
from pointsman.common.tabular.writers import write_table

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "hotel.yaml"
NAME, ROWS, SECONDS = "first batch of hotel", 10_000, 60.0


def watch_first_batch(unit: str, data: Path, overrides: Sequence[str], rows: int = ROWS) -> list[Observation]:
    """Return what a unit answers to the ``rows`` rows after the first ``rows``: the product, or FLAML once a metric."""
    stated = [f"data_dir={data}", *overrides]
    stream = cut_stream(NAME, load_config(CONFIG, stated), rows, 2)
    if unit == UNIT:
        return [ask_process(stream, [*stated, f"batch.rows={rows}"])]
    observations = []
    for metric in ("log_loss", "roc_auc"):
        predicted, seconds = predict_next(stream, 0, 1, make_flaml(metric, SECONDS))
        observations.append(stream.observe(unit, f"{unit} for {metric}", stream.batches[1], predicted, seconds))
    return observations


def ask_process(stream: Stream, stated: Sequence[str]) -> Observation:
    """Run ``update`` and ``inference`` as a user does; the seconds are the update's, from the start of Python on."""
    batch = stream.batches[1]
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.parquet"
        write_table(batch.frame.drop(columns=stream.schema.target), request)
        common = ["--config", str(CONFIG), *stated, f"state_dir={folder}/state"]
        started = time.perf_counter()
        run("update", *common)
        seconds = time.perf_counter() - started
        answered = Path(run("inference", "-file", str(request), *common))
        predicted = read_answer(answered, stream.schema)[batch.labelled]
    return stream.observe(UNIT, UNIT, batch, predicted, seconds)


def run(*arguments: str) -> str:
    """Return what a command prints; it must succeed."""
    command = [sys.executable, "run.py", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
