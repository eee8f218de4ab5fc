"""What an update costs: how the search saves, how cost grows with the stream, what is no learning, two workers.

python benchmarks/update_cost.py [--data ../shared/data] [--parts a b c d] [--runs 3] [--trials 60] [--rows 20000]
                                 [--batches 40] [--write docs/update_cost.md]

a: the search against a naive one with the same candidates, on the first 10,000 rows of hotel and of bank
b: cost and memory of late updates against early ones, on elec2 tiled to batches of 10,000 rows, one worker
c: the share of an update that is neither fitting nor predicting, on batches of 6,000 rows of hotel
d: two workers against one, for a search on --rows rows of hotel and for a whole update
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.search_cost import compare_searches, pose
from pointsman.common.config import load_config
from pointsman.common.seeding import random_generator
from pointsman.common.storage.state import open_state
from pointsman.common.workers import Workers
from pointsman.model_zoo import encoder as encoder_module
from pointsman.model_zoo import fitting as fitting_module
from pointsman.model_zoo.encoder import Encoder
from pointsman.model_zoo.family import Family
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.training import encodings as encodings_module
from pointsman.pipeline.training.search import search
from pointsman.pipeline.update import update_once

SEARCH_ROWS, STREAM_ROWS, UPDATE_ROWS = 10_000, 10_000, 6_000
Row = tuple[str, float, float, str]
"""What was measured, the figure, its bound, and "at most" or "at least"."""


def measure_search(data: Path, runs: int, trials: int) -> Iterator[Row]:
    """Part a: shares of the naive search's processor seconds, medians over seeds."""
    for stream in ("hotel", "bank"):
        costs = [compare_searches(stream, data, SEARCH_ROWS, seed, trials) for seed in range(1, runs + 1)]
        reached = [np.inf if cost.ours is None else cost.ours / cost.naive for cost in costs]
        of = f"{stream}, {trials} trials on {SEARCH_ROWS:,} rows, {runs} seeds: share of the naive time"
        yield f"{of} until its best loss was reached", statistics.median(reached), 0.4, "at most"
        yield f"{of} of the whole search", statistics.median(one.whole / one.naive for one in costs), 0.0, ""
        shared = statistics.median(cost.shared / cost.naive for cost in costs)
        yield f"{of} of all in full, encoded once", shared, 0.7, "at most"
        yield (
            f"{stream}: share of seeds with the naive fold losses",
            np.mean([one.equal for one in costs]),
            1,
            "at least",
        )


def measure_growth(data: Path, batches: int) -> Iterator[Row]:
    """Part b: the last three updates against updates 4 to 6, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        tile_elec2(data / "elec2.csv", STREAM_ROWS * batches).to_parquet(Path(folder) / "elec2.parquet")
        state = Path(folder) / "state"
        run_update(
            "elec2",
            Path(folder),
            state,
            STREAM_ROWS,
            "--batches",
            str(batches),
            "workers.count=1",
            "source.paths=[elec2.parquet]",
        )
        with sqlite3.connect(state / "catalogue.db") as catalogue:
            query = "select subject, seconds, cpu_seconds, peak_mb from performance where command = 'update'"
            table = pd.read_sql_query(query, catalogue)
    table["batch"] = table["subject"].str.removeprefix("batch ").astype(int)
    sums = {"seconds": ("seconds", "sum"), "cpu": ("cpu_seconds", "sum"), "peak_mb": ("peak_mb", "max")}
    by_batch = table.groupby("batch").agg(**sums)
    early, late = by_batch.loc[4:6].mean(), by_batch.loc[batches - 2 :].mean()
    of = f"updates {batches - 2} to {batches} against 4 to 6, batches of {STREAM_ROWS:,} rows"
    yield f"{of}: processor seconds ({late['cpu']:.0f} s)", late["cpu"] / early["cpu"], 1.3, "at most"
    yield f"{of}: seconds by the clock ({late['seconds']:.0f} s)", late["seconds"] / early["seconds"], 0.0, ""
    yield f"{of}: peak memory ({late['peak_mb']:.0f} MB)", late["peak_mb"] / early["peak_mb"], 1.3, "at most"


def tile_elec2(stream: Path, rows: int) -> pd.DataFrame:
    """Return the stream as often as needed, each time later, with noise on its numbers so that rows differ."""
    table = pd.read_csv(stream, parse_dates=["date"])
    generator = random_generator(1, "benchmark", "tiles")
    noisy = ["nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
    span = table["date"].iloc[-1] - table["date"].iloc[0] + pd.Timedelta(minutes=30)
    tiles = []
    for number in range(-(-rows // len(table))):
        noise = generator.normal(0, 0.1, (len(table), len(noisy))) * table[noisy].std().to_numpy()
        tile = table.assign(**{name: table[name] + noise[:, place] for place, name in enumerate(noisy)})
        tiles.append(tile.assign(date=table["date"] + number * span))
    return pd.concat(tiles, ignore_index=True).head(rows)


def measure_overhead(data: Path) -> Iterator[Row]:
    """Part c: what is left of updates 2 to 4 without the seconds of families and encoders, all in one process."""
    config = load_config(
        ROOT / "configs/hotel.yaml", [f"data_dir={data}", f"batch.rows={UPDATE_ROWS}", "workers.count=1"]
    )
    whole = learning = 0.0
    with tempfile.TemporaryDirectory() as folder, count_learning() as spent:
        config = config.model_copy(update={"state_dir": Path(folder)})
        reader = PartReader(config.schema_)
        with open_state(config) as state:
            update_once(config, state, reader)
            for _ in range(3):
                started, before = time.perf_counter(), spent()
                update_once(config, state, reader)
                whole += time.perf_counter() - started
                learning += spent() - before
    of = f"updates 2 to 4, batches of {UPDATE_ROWS:,} rows, one worker"
    yield f"{of}: share of their time outside fitting and predicting", 1 - learning / whole, 0.15, "at most"


@contextmanager
def count_learning() -> Iterator[Callable[[], float]]:
    """Count the seconds inside families and encoders, each once; yield how many they were so far."""
    seconds, depth = 0.0, 0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal seconds, depth
            started, depth = time.perf_counter(), depth + 1
            try:
                return function(*arguments, **options)
            finally:
                depth -= 1
                if not depth:
                    seconds += time.perf_counter() - started

        return run

    places: list[tuple[Any, str]] = [(Family, name) for name in ("fit", "update", "predict")]
    places += [(Encoder, "encode")]
    places += [(module, "fit_encoder") for module in (encoder_module, encodings_module, fitting_module)]
    kept = [(owner, name, getattr(owner, name)) for owner, name in places]
    for owner, name, function in kept:
        setattr(owner, name, timed(function))
    try:
        yield lambda: seconds
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)


def measure_workers(data: Path, runs: int, trials: int, rows: int) -> Iterator[Row]:
    """Part d: seconds with one worker over those with two, medians of alternating pairs."""
    config, problem = pose("hotel", data, rows, 1, trials)
    search(problem, config.search, 2, (), Workers(2))  # starts the processes

    def search_with(count: int) -> float:
        started = time.perf_counter()
        search(problem, config.search, trials, (), Workers(count))
        return time.perf_counter() - started

    busy = os.getloadavg()[0]
    ratio = statistics.median(search_with(1) / search_with(2) for _ in range(runs))
    of = f"two workers on two cores, {runs} pairs"
    yield (
        f"{of}, load {busy:.1f} before: search of {trials} trials on {rows:,} rows, times as fast",
        ratio,
        1.6,
        "at least",
    )
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        run_update("hotel", data, first, rows // 2)

        def update_with(count: int) -> float:
            state = Path(folder) / f"with-{count}"
            shutil.copytree(first, state)
            started = time.perf_counter()
            run_update("hotel", data, state, rows // 2, f"workers.count={count}")
            seconds = time.perf_counter() - started
            shutil.rmtree(state)
            return seconds

        ratio = statistics.median(update_with(1) / update_with(2) for _ in range(runs))
    yield (
        f"{of}, load {busy:.1f} before: second update, {rows // 2:,} rows a batch, times as fast",
        ratio,
        1.6,
        "at least",
    )


def run_update(stream: str, data: Path, state: Path, rows: int, *arguments: str) -> None:
    """Run ``update`` on a stream in a process of its own; it must succeed."""
    command = [
        sys.executable,
        "run.py",
        "update",
        "--config",
        f"configs/{stream}.yaml",
        f"data_dir={data}",
        f"state_dir={state}",
        f"batch.rows={rows}",
        *arguments,
    ]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    """Measure the parts and print (or write) the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--parts", nargs="+", choices="abcd", default=list("abcd"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    if not (data / "hotel.parquet").is_file():
        print(f"skipped: '{data / 'hotel.parquet'}' is absent; name its folder with --data", file=sys.stderr)
        return
    measured = {
        "a": lambda: measure_search(data, arguments.runs, arguments.trials),
        "b": lambda: measure_growth(data, arguments.batches),
        "c": lambda: measure_overhead(data),
        "d": lambda: measure_workers(data, arguments.runs, arguments.trials, arguments.rows),
    }
    rows: list[Row] = []
    for part in arguments.parts:
        for row in measured[part]():
            print(*row, file=sys.stderr, flush=True)
            rows.append(row)
    table = describe(rows, name_command(parser, arguments))
    print(table)
    if arguments.write:
        arguments.write.write_text(table, encoding="utf-8")


def name_command(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    """Return the command with what differs from its defaults, but for where files lie."""
    chosen = {name: option for name, option in vars(arguments).items() if name not in ("data", "write")}
    changed = {name: option for name, option in chosen.items() if option != parser.get_default(name)}
    words = [f"--{name} {' '.join(option) if isinstance(option, list) else option}" for name, option in changed.items()]
    return " ".join(["python benchmarks/update_cost.py", *words])


def describe(rows: list[Row], command: str) -> str:
    """Return the table as Markdown with the command and the date."""
    lines = [
        "# What an update costs",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, two cores.",
        "Shares of the search's time are of processor seconds in one process, which other work on the machine hardly",
        "changes; everything else is by the clock.",
        "",
        "| what | measured | bound | |",
        "|---|---|---|---|",
    ]
    for what, figure, bound, side in rows:
        met = figure <= bound if side == "at most" else figure >= bound
        verdict = ("met" if met else "missed") if side else ""
        lines.append(f"| {what} | {figure:.2f} | {f'{side} {bound:g}' if side else ''} | {verdict} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
