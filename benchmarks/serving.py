"""What serving costs: one row and many over HTTP, a file of a million rows, a cold start, and the choice.

OMP_NUM_THREADS=1 python benchmarks/serving.py [--data ../shared/data] [--parts row load file cold choice]
    [--updates 4] [--rows 1000000] [--seconds 60] [--state FOLDER] [--before CHECKOUT] [--write docs/serving.md]

The hotel stream is learned by a few updates of 5,000 rows with the default budget; rows after them are asked about. The
bare contestants are scikit-learn pipelines like those behind the versions (``serving_bare.py``): that of the heaviest
member of what serves alone, and those of all its members. Ratios are from one run: what is compared is measured in
turns. ``--before`` is a checkout of an earlier release, which learns the same and answers the same million rows.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import numpy as np
import pandas as pd

from benchmarks.serving_bare import build_pipeline, load_training_rows, predict
from pointsman.common.config import Config, load_config
from pointsman.common.storage.state import open_state
from pointsman.meta.flags import RowKind
from pointsman.pipeline.serving.predictor import Predictor, load_predictor

PARTS = ("row", "load", "file", "cold", "choice")
BATCH_ROWS = 5_000
TURNS = 400
LOAD_ROWS, CONNECTIONS = 200, 16
CHUNK_ROWS = 50_000
SAME_LIBRARIES = "import omegaconf, pyarrow.parquet, pydantic, sqlalchemy, yaml"
"""What a cold inference imports besides, for its configuration, its catalogue and its files."""
MINIMAL = """import sys
import joblib, lightgbm, pandas, sklearn
{more}
pipeline = joblib.load(sys.argv[1])
rows = pandas.read_csv(sys.argv[2])
text = rows.select_dtypes(exclude="number").columns
rows[text] = rows[text].astype("str")
rows.assign(predict=pipeline.predict_proba(rows)[:, -1]).to_csv(sys.argv[3], index=False)
"""
"""The script of someone who has one model and no questions; ``more`` imports are made to compare like with like."""


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, the bound, and whether it is met (None where there is no bound)."""

    what: str
    measured: str
    bound: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class LearnedState:
    """What every part stands on: a learned state, its predictor, and bare pipelines of the lines that answer.

    ``weights`` are those of the members for clean rows of what serves; ``single`` is the line that serves with
    ``selection.mode=single``.
    """

    options: argparse.Namespace
    folder: Path
    config: Config
    predictor: Predictor
    asked: pd.DataFrame
    weights: dict[str, float]
    single: str
    pipelines: dict[str, Any]

    @property
    def leading(self) -> str:
        """The member with the most weight."""
        return max(self.weights, key=lambda line: self.weights[line])

    def engineer(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return raw rows as models read them."""
        from pointsman.pipeline.preparation.features import engineer_features

        return engineer_features(self.predictor.read(rows).inputs, self.predictor.schema, self.config.features)

    def command(self, *words: str) -> list[str]:
        """Return a command of the product on this state."""
        places = [f"state_dir={self.config.state_dir}", f"data_dir={self.options.data.resolve()}"]
        return [sys.executable, "run.py", *words, "--config", "configs/hotel.yaml", *places]


@contextmanager
def prepare(options: argparse.Namespace) -> Iterator[LearnedState]:
    """Learn the stream, unless a learned state is given, and fit the bare pipelines."""
    with tempfile.TemporaryDirectory() as folder:
        state_dir = options.state or Path(folder) / "state"
        overrides = [f"data_dir={options.data.resolve()}", f"state_dir={state_dir}", f"batch.rows={BATCH_ROWS}"]
        config = load_config("configs/hotel.yaml", overrides)
        if options.state is None:
            update = [
                sys.executable,
                "run.py",
                "update",
                "--batches",
                str(options.updates),
                "--config",
                "configs/hotel.yaml",
                *overrides,
            ]
            subprocess.run(update, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open_state(config) as state:
            predictor = load_predictor(config, state)
            stream = pd.read_parquet(options.data / "hotel.parquet").drop(columns=["is_canceled"])
            asked = stream.iloc[options.updates * BATCH_ROWS :].reset_index(drop=True)
            choice = predictor.choose(predictor.read(asked.head(CHUNK_ROWS)))
            weights = dict(choice.serving.weights[RowKind.CLEAN])
            single = predictor.stored.plan(choice.profile, "single").model
            by_line = {version.line: version for version in predictor.generation.versions}
            features, target = load_training_rows(predictor, state)
            tell(f"{len(weights)} members, fitting their bare pipelines")
            pipelines = {
                line: build_pipeline(predictor, by_line[line], features, target) for line in {*weights, single}
            }
            yield LearnedState(options, Path(folder), config, predictor, asked, weights, single, pipelines)


def measure_row(learned: LearnedState) -> Iterator[Row]:
    """One row over HTTP beside one ready row through the bare pipeline of the heaviest member, in turns."""
    rows = to_json_rows(learned.asked.head(TURNS))
    features = learned.engineer(learned.asked.head(TURNS))
    pipeline = learned.pipelines[learned.leading]
    with serve(learned) as (host, port):
        client = http.client.HTTPConnection(host, port)
        http_seconds, bare_seconds = [], []
        for place, row in enumerate(rows):
            body = json.dumps({"rows": [row]}).encode()
            one = features.iloc[[place]]
            bare_seconds.append(take_time(partial(predict, pipeline, one)))
            http_seconds.append(take_time(partial(post, client, body)))
    mine, bare = statistics.median(http_seconds[20:]), statistics.median(bare_seconds[20:])
    version = {one.line: one for one in learned.predictor.generation.versions}[learned.leading]
    yield Row(f"one row through /predict, {len(learned.weights)} members: median", f"{mine * 1e3:.2f} ms")
    yield Row(f"one ready row through the bare pipeline of {version.id} ({version.variant})", f"{bare * 1e3:.2f} ms")
    yield Row("the first against the second", f"{mine / bare:.2f}", "0.6", mine <= 0.6 * bare)


def measure_load(learned: LearnedState) -> Iterator[Row]:
    """200 rows a request on 16 connections at once."""
    body = json.dumps({"rows": to_json_rows(learned.asked.head(LOAD_ROWS))}).encode()
    seconds: list[float] = []
    errors: list[str] = []
    with serve(learned) as (host, port):
        until = time.monotonic() + learned.options.seconds

        def ask() -> None:
            client = http.client.HTTPConnection(host, port, timeout=60)
            while time.monotonic() < until:
                try:
                    seconds.append(take_time(partial(post, client, body)))
                except Exception as error:  # whatever it is, it is what the table counts
                    errors.append(repr(error))
                    client = http.client.HTTPConnection(host, port, timeout=60)

        threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    median, p99 = (float(np.quantile(seconds, share)) for share in (0.5, 0.99))
    per_second = len(seconds) / learned.options.seconds
    asked = f"{CONNECTIONS} connections, {LOAD_ROWS} rows a request, {learned.options.seconds:g} s"
    yield Row(f"{asked}: requests a second, rows a second", f"{per_second:.1f}, {per_second * LOAD_ROWS:,.0f}")
    yield Row("errors", str(len(errors)) + (f" ({errors[0]})" if errors else ""), "0", not errors)
    yield Row("median; 99th percentile", f"{median * 1e3:.0f} ms; {p99 * 1e3:.0f} ms")
    yield Row("the second against the first", f"{p99 / median:.1f}", "10", p99 < 10 * median)


def measure_file(learned: LearnedState) -> Iterator[Row]:
    """A file of many rows, as a whole process, beside the bare pipelines on ready chunks."""
    chunk = tile(learned.asked, CHUNK_ROWS)
    ready = learned.engineer(chunk)
    bare = {
        line: min(take_time(partial(predict, one, ready)) for _ in range(2)) for line, one in learned.pipelines.items()
    }
    idle = run_measured(learned, write_request(learned, learned.asked.head(1), "one.parquet"))
    all_members, alone = (CHUNK_ROWS / sum(bare[line] for line in learned.weights), CHUNK_ROWS / bare[learned.single])
    n_rows = learned.options.rows
    yield Row(f"bare pipelines of all {len(learned.weights)} members on ready chunks", f"{all_members:,.0f} rows/s")
    yield Row(f"bare pipeline of the one that serves in mode single ({learned.single})", f"{alone:,.0f} rows/s")
    for ending in ("parquet", "csv"):
        name = f"rows.{ending}"
        done = run_measured(learned, write_request(learned, tile(learned.asked, n_rows), name))
        speed = n_rows / done.seconds
        yield Row(f"{n_rows:,} rows of {ending}, the whole process", f"{done.seconds:.0f} s, {speed:,.0f} rows/s")
        yield Row(
            "against the bare pipelines of all members",
            f"{speed / all_members:.2f}",
            "at least 0.8",
            speed >= 0.8 * all_members,
        )
        if learned.options.before and ending == "parquet":
            yield from measure_before(learned, name, n_rows, speed)
        above = done.peak_mb - idle.peak_mb
        yield Row(
            f"peak memory above that of one row ({idle.peak_mb:.0f} MB)", f"{above:.0f} MB", "600 MB", above <= 600
        )
        yield from measure_single(learned, name, n_rows, alone)


def measure_before(learned: LearnedState, name: str, n_rows: int, speed: float) -> Iterator[Row]:
    """The same file answered by an earlier release, which has learned the same batches."""
    checkout, state_dir = learned.options.before.resolve(), learned.folder / "before"
    common = [
        "--config",
        "configs/hotel.yaml",
        f"data_dir={learned.options.data.resolve()}",
        f"state_dir={state_dir}",
        f"batch.rows={BATCH_ROWS}",
    ]
    update = [sys.executable, "run.py", "update", "--batches", str(learned.options.updates), *common]
    run_quietly(update, checkout)
    ask = [sys.executable, "run.py", "inference", "-file", str(learned.folder / name), *common]
    then = n_rows / take_time(partial(run_quietly, ask, checkout))
    yield Row("the release before, the whole process", f"{then:,.0f} rows/s")
    yield Row("rows a second against it", f"{speed / then:.2f}", "at least 3", speed >= 3 * then)


def run_quietly(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder; it must succeed."""
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure_single(learned: LearnedState, name: str, n_rows: int, alone: float) -> Iterator[Row]:
    """The same where one version serves (``selection.mode: single``)."""
    done = run_measured(learned, learned.folder / name, "selection.mode=single")
    speed = n_rows / done.seconds
    yield Row("the same with selection.mode=single", f"{done.seconds:.0f} s, {speed:,.0f} rows/s")
    yield Row("against the bare pipeline of that one", f"{speed / alone:.2f}", "at least 0.8", speed >= 0.8 * alone)


def measure_cold(learned: LearnedState) -> Iterator[Row]:
    """A cold inference of 1,000 rows beside minimal scripts with the heaviest member's pipeline, in turns."""
    import joblib

    request, ready = learned.folder / "cold.csv", learned.folder / "ready.csv"
    learned.asked.head(1000).to_csv(request, index=False)
    learned.engineer(learned.asked.head(1000)).to_csv(ready, index=False)
    joblib.dump(learned.pipelines[learned.leading], learned.folder / "pipeline.joblib")
    commands = [learned.command("inference", "-file", str(request))]
    for name, more in (("same.py", SAME_LIBRARIES), ("bare.py", "")):
        (learned.folder / name).write_text(MINIMAL.replace("{more}", more))
        files = [learned.folder / name, learned.folder / "pipeline.joblib", ready, learned.folder / "out.csv"]
        commands.append([sys.executable, *map(str, files)])
    seconds = np.array([[time_command(command) for command in commands] for _ in range(10)][1:])
    mine, same, bare = np.median(seconds, axis=0)
    yield Row("cold inference of 1,000 rows, the whole process", f"{mine:.2f} s")
    yield Row("a minimal script: the same libraries, the heaviest member's pipeline", f"{same:.2f} s")
    ratio = float(np.median(seconds[:, 0] / seconds[:, 1]))
    yield Row("the first against the second, median of turns", f"{ratio:.2f}", "1.2", ratio <= 1.2)
    least = float(np.median(seconds[:, 0] / seconds[:, 2]))
    yield Row(f"against the script with no library that it does not use ({bare:.2f} s)", f"{least:.2f}")


def measure_choice(learned: LearnedState) -> Iterator[Row]:
    """What the choice adds to the prediction of requests of several sizes."""
    for n_rows, runs in ((1_000, 3), (10_000, 3), (100_000, 1)):
        rows = learned.predictor.read(tile(learned.asked, n_rows))
        choice = learned.predictor.choose(rows)
        choose = statistics.median(take_time(partial(learned.predictor.choose, rows)) for _ in range(5))
        answer = statistics.median(take_time(partial(learned.predictor.answer, rows, choice)) for _ in range(runs))
        share = choose / answer
        bound, met = ("10 %", share <= 0.1) if n_rows == 1_000 else ("", None)
        what = f"the choice beside the prediction of {n_rows:,} rows"
        yield Row(what, f"{choose * 1e3:.1f} ms, {share:.1%}", bound, met)


MEASURES: dict[str, Callable[[LearnedState], Iterator[Row]]] = {
    "row": measure_row,
    "load": measure_load,
    "file": measure_file,
    "cold": measure_cold,
    "choice": measure_choice,
}


@contextmanager
def serve(learned: LearnedState) -> Iterator[tuple[str, int]]:
    """Run the service as a process of its own on a free port."""
    command = learned.command("serve", "service.port=0")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            host, port = url.removeprefix("http://").rsplit(":", 1)
            wait_until_ready(host, int(port))
            yield host, int(port)
        finally:
            process.terminate()


def wait_until_ready(host: str, port: int) -> None:
    """Wait for a generation to serve; RuntimeError after a minute."""
    for _ in range(600):
        client = http.client.HTTPConnection(host, port)
        client.request("GET", "/ready")
        if client.getresponse().status == 200:
            return
        time.sleep(0.1)
    raise RuntimeError("the service was not ready after a minute")


def post(client: http.client.HTTPConnection, body: bytes) -> None:
    """Ask for a prediction; RuntimeError for any answer but 200."""
    client.request("POST", "/predict", body, {"content-type": "application/json"})
    response = client.getresponse()
    answered = response.read()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answered[:200]!r}")


@dataclass(frozen=True)
class Done:
    """A process that ended: its wall seconds and its highest resident memory."""

    seconds: float
    peak_mb: float


def run_measured(learned: LearnedState, request: Path, *overrides: str) -> Done:
    """Answer a file as a whole process."""
    started = time.perf_counter()
    command = [*learned.command("inference", "-file", str(request)), *overrides]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, read_peak_mb(process.pid))
        time.sleep(0.01)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Done(seconds, peak_mb)


def read_peak_mb(pid: int) -> float:
    """Return the highest resident memory of a running process so far, 0 where it has ended.

    What ``wait4`` tells would begin with the memory of this process, from which it was started.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM")), default=0.0)


def time_command(command: Sequence[str]) -> float:
    """Return the wall seconds of a process; it must succeed."""
    return take_time(
        lambda: subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )


def take_time(act: Callable[[], Any]) -> float:
    """Return the seconds of a call."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def write_request(learned: LearnedState, rows: pd.DataFrame, name: str) -> Path:
    """Write rows as a request."""
    path = learned.folder / name
    if name.endswith(".csv"):
        import pyarrow as pa
        import pyarrow.csv

        pyarrow.csv.write_csv(pa.Table.from_pandas(rows, preserve_index=False), path)
    else:
        rows.to_parquet(path, index=False)
    return path


def tile(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the rows over and over again until there are ``count``."""
    return rows.iloc[np.resize(np.arange(len(rows)), count)].reset_index(drop=True)


def to_json_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as a client of the service has them."""
    parsed: list[dict[str, Any]] = json.loads(rows.to_json(orient="records", date_format="iso"))
    return parsed


def tell(sentence: str) -> None:
    """Say on stderr how far it is."""
    print(sentence, file=sys.stderr, flush=True)


def describe(parts: dict[str, list[Row]], options: argparse.Namespace) -> str:
    """Return the table as Markdown with the command and the date."""
    lines = [
        "# Serving",
        "",
        f"`OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')} python benchmarks/serving.py --parts "
        f"{' '.join(parts)}`, {datetime.now(UTC):%Y-%m-%d}, two cores.",
        f"The hotel stream after {options.updates} updates of {BATCH_ROWS:,} rows, default budget. Bare pipelines are",
        "scikit-learn's own (ColumnTransformer and estimator), as large as the versions and fitted on the same batches",
        "(`benchmarks/serving_bare.py`); they get ready features, the product raw rows. One run, measured in turns.",
        "",
        "| what | measured | at most | |",
        "|---|---|---|---|",
    ]
    verdicts = {True: "met", False: "missed", None: ""}
    for rows in parts.values():
        lines += [f"| {row.what} | {row.measured} | {row.bound} | {verdicts[row.met]} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print (or write) the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--state", type=Path, help="a state that has learned the stream so far")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier release")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if not (options.data / "hotel.parquet").is_file():
        tell(f"skipped: '{options.data / 'hotel.parquet'}' is absent; name the folder that has it with --data")
        return
    with prepare(options) as learned:
        measured: dict[str, list[Row]] = {}
        for part in options.parts:
            tell(f"measuring: {part}")
            measured[part] = list(MEASURES[part](learned))
            for row in measured[part]:
                tell(f"  {row.what}: {row.measured} {'' if row.met is None else row.met}")
    table = describe(measured, options)
    print(table)
    if options.write:
        options.write.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
