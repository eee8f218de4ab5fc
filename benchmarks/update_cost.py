"""What an update costs, against what a naive one would.

python benchmarks/update_cost.py [--data ../shared/data] [--parts a b c d] [--seeds 7 8 9] [--updates 40]
                                 [--write docs/update_cost.md]

a: the score that a naive search (the pipeline refitted in each fold of each trial, nothing pruned) reaches after 60
   trials is reached in what share of its time; the same 60 trials, encoded once, give the same losses
   in what share of it.
b: seconds and memory of a late update against an early one, on a stream of 400,000 rows (elec2, tiled) in batches of
   10,000.
c: the share of an update outside fitting and predicting.
d: two workers against one.
Ratios come from one run each on the same machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common.config import Config, load_config  # noqa: E402
from common.database import read_rows  # noqa: E402
from common.performance import performance_table  # noqa: E402
from common.state import open_state  # noqa: E402
from common.workers import Workers  # noqa: E402
from model_zoo.encoder import Encoder  # noqa: E402
from model_zoo.model import FittedCandidate, Model, fit_model  # noqa: E402
from pipeline.collection.ordering import PartReader  # noqa: E402
from pipeline.training import search as searching  # noqa: E402
from pipeline.training.encodings import Encodings  # noqa: E402
from pipeline.training.evaluation import Assignment, Evaluator, compute_fold_loss  # noqa: E402
from pipeline.training.problem import SearchProblem  # noqa: E402
from pipeline.training.trials import Trial, TrialState  # noqa: E402
from pipeline.update import analyse, collect, decide_schema, pose_problem, prepare, update_once  # noqa: E402
from registry.generations import Generation  # noqa: E402

TRIALS = 60
FIRST_ROWS = 10_000
MOST_TRIALS = 180
EARLY, LATE = range(4, 7), 3
FIT_OR_PREDICT = {
    "pipeline.training.contenders": ("prepare_rows", "fit_prepared", "update_model"),
    "pipeline.training.encodings": ("fit_encoder",),
    "pipeline.training.evaluation": ("fit_encoded",),
    "pipeline.training.gains": ("fit_model",),
}
METHODS = ((Model, "encode"), (Model, "predict_encoded"), (Encoder, "encode"), (FittedCandidate, "predict"))

Line = tuple[str, str, str, str]
"""What, measured, bound, verdict."""


def pose(name: str, data: Path, rows: int, seed: int) -> tuple[Config, SearchProblem]:
    """Return the problem that the first ``rows`` rows of a stream pose to the search."""
    config = load_config(ROOT / f"configs/{name}.yaml", [f"data_dir={data}", f"batch.rows={rows}", f"seed={seed}"])
    with tempfile.TemporaryDirectory() as folder:
        config = config.model_copy(update={"state_dir": Path(folder)})
        with open_state(config) as state:
            raw = collect(config, state, Generation(), PartReader(config.schema_), None)
            schema = decide_schema(config, Generation(), raw)
            ground = prepare(config, schema, [analyse(config, raw, schema).batch], raw.number)
    return config, pose_problem(config, ground, raw.number)


def evaluate_naively(evaluator: Evaluator, assignment: Assignment) -> Trial:
    """Return the trial of a candidate whose pipeline is fitted anew in every fold, whatever the others reached."""
    problem, candidate = evaluator.problem, assignment.candidate
    started = time.perf_counter()
    losses = []
    for fold in reversed(problem.folds):
        learn = fold.learn.last(candidate.window)
        model = fit_model(
            candidate, learn.covered, learn.target, problem.task, problem.classes, evaluator.seed, problem.threads
        )
        losses.append(compute_fold_loss(problem.metric, fold.validate.target, model.predict(fold.validate.features)))
    loss = float(np.mean(losses))
    return Trial(assignment.number, candidate, TrialState.COMPLETE, loss, evaluator.prior_loss, tuple(losses),
                 (loss,), "", time.perf_counter() - started)  # fmt: skip


def measure_search(name: str, data: Path, seed: int) -> tuple[float, float, bool]:
    """Return the share of a naive search's time to its score, that of its trials encoded once, and if losses agree."""
    config, problem = pose(name, data, FIRST_ROWS, seed)
    started = time.perf_counter()
    with mock.patch.object(searching, "evaluate", evaluate_naively):
        naive = searching.search(problem, config.search, TRIALS)
    naive_seconds = time.perf_counter() - started
    goal = min(trial.loss for trial in naive if trial.loss is not None)
    reached = seconds_to(problem, config, goal)
    started = time.perf_counter()
    evaluator = Evaluator(problem, Encodings(problem.folds, problem.task, naive_seed(problem)), naive_seed(problem))
    again = [[evaluator.measure(trial.candidate, fold) for fold in range(len(problem.folds) - 1, -1, -1)]
             for trial in naive]  # fmt: skip
    shared_seconds = time.perf_counter() - started
    same = all(tuple(losses) == trial.fold_losses for losses, trial in zip(again, naive, strict=True))
    return reached / naive_seconds, shared_seconds / naive_seconds, same


def naive_seed(problem: SearchProblem) -> int:
    """Return the seed that a search gives to its fits."""
    return searching.derive_seed(problem.seed, "search", problem.batch)


def seconds_to(problem: SearchProblem, config: Config, goal: float) -> float:
    """Return the seconds after which our search has a complete trial as good as ``goal``; inf where none is."""
    started = time.perf_counter()
    evaluate = searching.evaluate
    reached: list[float] = []

    class Stop(KeyboardInterrupt):
        """The goal is reached: a search keeps what it has when it is interrupted."""

    def stop_when_reached(evaluator: Evaluator, assignment: Assignment) -> Trial:
        trial = evaluate(evaluator, assignment)
        if trial.loss is not None and trial.loss <= goal:
            reached.append(time.perf_counter() - started)
            raise Stop
        return trial

    with mock.patch.object(searching, "evaluate", stop_when_reached):
        searching.search(problem, config.search, MOST_TRIALS)
    return reached[0] if reached else float("inf")


def compare_search(data: Path, seeds: Sequence[int]) -> list[Line]:
    """Part a."""
    lines: list[Line] = []
    for name in ("hotel", "bank"):
        runs = [measure_search(name, data, seed) for seed in seeds]
        share = statistics.median(run[0] for run in runs)
        shared = statistics.median(run[1] for run in runs)
        lines.append(judge(f"a: time to the naive search's score, {name}, share of its time", share, 0.4))
        same = "identical losses" if all(run[2] for run in runs) else "DIFFERENT losses"
        lines.append(
            judge(f"a: the same {TRIALS} trials encoded once, {name}, share of the time ({same})", shared, 0.7)
        )
    return lines


def write_long_stream(data: Path, path: Path, rows: int) -> None:
    """Write elec2, tiled to ``rows`` rows: each tile later than the one before, with noise in its numbers."""
    prices = pd.read_csv(data / "elec2.csv", parse_dates=["date"])
    generator = np.random.default_rng(1)
    noisy = ["nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
    span = prices["date"].iloc[-1] - prices["date"].iloc[0] + pd.Timedelta(minutes=30)
    tiles = []
    for number in range(-(-rows // len(prices))):
        noise = generator.normal(0, 0.1, (len(prices), len(noisy))) * prices[noisy].std().to_numpy()
        tile = prices.assign(**{name: prices[name] + noise[:, place] for place, name in enumerate(noisy)})
        tiles.append(tile.assign(date=prices["date"] + number * span))
    pd.concat(tiles, ignore_index=True).head(rows).to_parquet(path)


def compare_updates(data: Path, updates: int) -> list[Line]:
    """Part b."""
    with tempfile.TemporaryDirectory() as folder:
        write_long_stream(data, Path(folder) / "long.parquet", updates * FIRST_ROWS)
        config, state = ROOT / "configs" / "elec2.yaml", Path(folder) / "state"
        command = [sys.executable, "run.py", "update", "--batches", "all", "--config", str(config),
                   f"data_dir={folder}", "source.paths=[long.parquet]", f"state_dir={state}",
                   f"batch.rows={FIRST_ROWS}", "workers.count=1"]  # fmt: skip
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        costs = read_costs(load_config(config, [f"state_dir={state}"]))
    late = range(updates - LATE + 1, updates + 1)
    lines = []
    for what, column in (("seconds", 0), ("processor seconds", 1), ("peak memory", 2)):
        early_mean, late_mean = (np.mean([costs[number][column] for number in numbers]) for numbers in (EARLY, late))
        title = f"b: {what} of updates {late[0]}-{late[-1]} against 4-6, {FIRST_ROWS:,} rows each"
        lines.append(judge(title, float(late_mean / early_mean), 1.3))
    return lines


def read_costs(config: Config) -> dict[int, tuple[float, float, float]]:
    """Return the seconds, processor seconds and peak memory in MB of every update, by batch."""
    table = performance_table
    query = (
        sa.select(table.c.subject, sa.func.sum(table.c.seconds).label("seconds"),
                  sa.func.sum(table.c.cpu_seconds).label("cpu"), sa.func.max(table.c.peak_mb).label("peak"))
        .where(table.c.command == "update").group_by(table.c.subject)
    )  # fmt: skip
    with open_state(config) as state:
        rows = read_rows(state.engine, query)
    return {int(row["subject"].split()[-1]): (row["seconds"], row["cpu"], row["peak"]) for row in rows}


class Timer:
    """Seconds inside functions that fit or predict; calls inside one another count once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.inside = False

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            if self.inside:
                return function(*arguments, **named)
            self.inside, started = True, time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.inside = False
                self.seconds += time.perf_counter() - started

        return timed


@contextmanager
def watch_fits(timer: Timer) -> Iterator[None]:
    """Time everything that fits or predicts."""
    patches = [
        mock.patch(f"{module}.{name}", timer.wrap(getattr(sys.modules[module], name)))
        for module, names in FIT_OR_PREDICT.items()
        for name in names
    ]
    patches += [mock.patch.object(kind, name, timer.wrap(getattr(kind, name))) for kind, name in METHODS]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def measure_overhead(data: Path, updates: int = 4) -> list[Line]:
    """Part c: updates 2 to 4 of hotel in batches of 6,000 rows, everything in one process."""
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(ROOT / "configs/hotel.yaml", [
            f"data_dir={data}", f"state_dir={folder}", "batch.rows=6000", "workers.count=1"])  # fmt: skip
        reader = PartReader(config.schema_)
        total, timer = 0.0, Timer()
        with open_state(config) as state:
            update_once(config, state, reader)
            with watch_fits(timer):
                for _ in range(updates - 1):
                    started = time.perf_counter()
                    update_once(config, state, reader)
                    total += time.perf_counter() - started
    return [judge("c: share of an update outside fitting and predicting", 1 - timer.seconds / total, 0.15)]


def compare_workers(data: Path, pairs: int = 2) -> list[Line]:
    """Part d: the same search, and the same two updates, with one worker and with two."""
    config, problem = pose("hotel", data, 20_000, 7)
    searching.search(problem, config.search, 6, workers=Workers(2))  # the processes are started once
    ratios = []
    for _ in range(pairs):
        seconds = {}
        for count in (1, 2):
            started = time.perf_counter()
            searching.search(problem, config.search, TRIALS, workers=Workers(count))
            seconds[count] = time.perf_counter() - started
        ratios.append(seconds[1] / seconds[2])
    whole = []
    for _ in range(pairs):
        seconds = {count: time_updates(data, count) for count in (1, 2)}
        whole.append(seconds[1] / seconds[2])
    busy = f"load before: {os.getloadavg()[0]:.1f}"
    return [
        judge(f"d: search of {TRIALS} trials, one worker's time over two workers' ({busy})", statistics.median(ratios),
              1.6, at_most=False),
        judge("d: second update of 10,000 rows, the same ratio", statistics.median(whole), 1.6, at_most=False),
    ]  # fmt: skip


def time_updates(data: Path, count: int) -> float:
    """Return the seconds of the second update on batches of 10,000 rows of hotel, as processes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "run.py", "update", "--config", "configs/hotel.yaml", f"data_dir={data}",
                   f"state_dir={folder}/state", f"batch.rows={FIRST_ROWS}", f"workers.count={count}"]  # fmt: skip
        for _ in range(2):
            started = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - started


def judge(what: str, measured: float, bound: float, at_most: bool = True) -> Line:
    """Return a line of the table."""
    met = measured <= bound if at_most else measured >= bound
    return what, f"{measured:.2f}", f"at {'most' if at_most else 'least'} {bound}", "met" if met else "**missed**"


def describe(lines: Sequence[Line], arguments: Sequence[str]) -> str:
    """Return the table as Markdown with the command and the date."""
    stated = " ".join(["python benchmarks/update_cost.py", *arguments])
    table = [
        "# What an update costs",
        "",
        f"`{stated}`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores.",
        "",
        "| what | measured | bound | |",
        "|---|---|---|---|",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]
    return "\n".join(table) + "\n"


def main() -> None:
    """Measure the parts that are asked for and print (or write) the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--parts", nargs="+", choices=list("abcd"), default=list("abcd"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if not (arguments.data / "hotel.parquet").is_file():
        print(f"skipped: '{arguments.data}' has no hotel.parquet; name its folder with --data", file=sys.stderr)
        return
    data = arguments.data.resolve()
    parts: dict[str, Callable[[], list[Line]]] = {
        "a": lambda: compare_search(data, arguments.seeds),
        "b": lambda: compare_updates(data, arguments.updates),
        "c": lambda: measure_overhead(data),
        "d": lambda: compare_workers(data),
    }
    lines: list[Line] = []
    for part in arguments.parts:
        lines += parts[part]()
        print(*(" | ".join(line) for line in lines[-4:]), sep="\n", file=sys.stderr, flush=True)
    asked = [f"--parts {' '.join(arguments.parts)}", f"--seeds {' '.join(map(str, arguments.seeds))}",
             f"--updates {arguments.updates}"]  # fmt: skip
    table = describe(lines, asked)
    print(table)
    if arguments.write:
        arguments.write.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
