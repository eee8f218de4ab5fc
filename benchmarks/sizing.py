"""How large a machine a stream needs: seconds, memory and disk of an update by rows, columns and models.

python benchmarks/sizing.py [--parts grid stream] [--minutes 60] [--write docs/sizing.md]

grid:   third updates of small synthetic streams, a formula fitted to them, and one further point that it did not see
stream: 400,000 rows in batches of 20,000 with the default configuration, as many as fit into --minutes

Each stream is made here from a seed, learned in a process of its own with one worker, and read from the table of costs.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import nnls

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pointsman.common.seeding import random_generator

UPDATES = 3
"""Updates of a point; the last one counts."""
STREAM_ROWS, STREAM_BATCH, STREAM_COLUMNS = 400_000, 20_000, 16
MB = 1e6


@dataclass(frozen=True)
class Point:
    """The size of a stream: rows a batch, input columns, and most active models."""

    rows: int
    columns: int
    models: int

    @property
    def learned(self) -> int:
        """Rows in the window of the update that counts."""
        return self.rows * UPDATES


GRID = (Point(1_000, 8, 6), Point(4_000, 8, 6), Point(1_000, 32, 6), Point(1_000, 8, 12), Point(4_000, 16, 12))
CHECKED = Point(8_000, 16, 8)
"""What the formula has not seen."""


@dataclass(frozen=True)
class Cost:
    """What an update cost: processor seconds, peak of the process in MB, and MB that it added to the state."""

    seconds: float
    peak_mb: float
    disk_mb: float


def make_stream(rows: int, columns: int) -> pd.DataFrame:
    """Return a seeded binary stream by the minute: a fourth of its inputs are levels, some of them many."""
    random = random_generator(1, "benchmark", "sizing", rows, columns)
    table: dict[str, object] = {"at": pd.date_range("2024-01-01", periods=rows, freq="min")}
    score = np.zeros(rows)
    for place in range(columns):
        if place % 4 == 3:
            codes = random.integers(0, 8 if place % 8 == 3 else 60, rows)
            table[f"level_{place}"] = pd.Series(codes).map("v{}".format)
            score += (codes % 3 == 0) / (place + 1)
        else:
            numbers = random.normal(size=rows)
            table[f"number_{place}"] = numbers.round(4)
            score += np.sin(numbers) / (place + 1)
    score += random.normal(0, 0.5, rows) + 0.3 * np.sin(np.arange(rows) / rows * 20)
    return pd.DataFrame(table | {"won": (score > 0.3).astype(int)})


def learn(folder: Path, batch: int, batches: int, minutes: float, *keys: str) -> Path:
    """Update on the stream in a folder in a process of its own, for so long at most; return the state."""
    (folder / "sizing.yaml").write_text(
        "source: {kind: files, paths: [stream.parquet]}\nschema: {time: at, target: won}\n"
        f"batch: {{rows: {batch}}}\nworkers: {{count: 1}}\n",
        encoding="utf-8",
    )
    state = folder / "state"
    options = [f"data_dir={folder}", f"state_dir={state}", *keys]
    command = [sys.executable, "run.py", "update", "--config", str(folder / "sizing.yaml"), "--batches", str(batches)]
    process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(minutes * 60)
    except subprocess.TimeoutExpired:  # every batch is committed by itself: those that were learned are measured
        process.terminate()
        process.wait()
    return state


def read_costs(state: Path) -> pd.DataFrame:
    """Return what every stage of every update cost: batch, stage, seconds, cpu_seconds and peak_mb."""
    with sqlite3.connect(state / "catalogue.db") as catalogue:
        query = "select subject, stage, seconds, cpu_seconds, peak_mb from performance where command = 'update'"
        table = pd.read_sql_query(query, catalogue)
    return table.assign(batch=table["subject"].str.removeprefix("batch ").astype(int))


def measure_disk(state: Path) -> float:
    """Return the MB that the files of a state take."""
    return sum(path.stat().st_size for path in state.rglob("*") if path.is_file()) / MB


def measure(point: Point) -> Cost:
    """Return what the last of UPDATES updates of a stream of that size costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_stream(point.learned, point.columns).to_parquet(folder / "stream.parquet")
        state = learn(folder, point.rows, UPDATES, 60, f"promotion.max_active={point.models}")
        costs = read_costs(state)
        last = costs[costs["batch"] == UPDATES]
        return Cost(last["cpu_seconds"].sum(), last["peak_mb"].max(), measure_disk(state) / UPDATES)


def describe_terms(point: Point) -> dict[str, list[float]]:
    """Return the terms of each formula for a stream: a constant, and what grows with its size.

    Fits go over the cells of the window once a model; a record holds rows by models; what is stored of a batch are its
    raw and clean cells and its models.
    """
    cells = point.learned * point.columns / 1e6
    return {
        "seconds": [1.0, float(point.models), cells * point.models],
        "peak_mb": [1.0, cells, point.rows * point.models / 1e6],
        "disk_mb": [1.0, point.rows * point.columns / 1e6, float(point.models)],
    }


def fit_formulas(points: Sequence[Point], costs: Sequence[Cost]) -> dict[str, np.ndarray]:
    """Return the coefficients of each formula, none below 0, by least squares of relative errors."""
    fitted = {}
    for name in ("seconds", "peak_mb", "disk_mb"):
        terms = np.array([describe_terms(point)[name] for point in points])
        observed = np.array([getattr(cost, name) for cost in costs])
        fitted[name] = nnls(terms / observed[:, None], np.ones(len(points)))[0]
    return fitted


def foretell(formulas: dict[str, np.ndarray], point: Point) -> Cost:
    """Return what the formulas say of a stream."""
    return Cost(**{name: float(formulas[name] @ terms) for name, terms in describe_terms(point).items()})


def describe_grid() -> Iterator[str]:
    """Yield the lines of the measured points, the formulas, and the point that was held back."""
    yield "| rows a batch | columns | models | processor seconds | peak MB | disk MB |\n|---|---|---|---|---|---|"
    costs = []
    for point in GRID:
        costs.append(measure(point))
        yield _row(point, costs[-1])
    formulas = fit_formulas(GRID, costs)
    seconds, peak, disk = (formulas[name] for name in ("seconds", "peak_mb", "disk_mb"))
    yield (
        "\nWith cells (in millions) = rows in the window x columns, and rows in millions:\n\n"
        f"- processor seconds = {seconds[0]:.2f} + {seconds[1]:.2f} models + {seconds[2]:.2f} cells x models\n"
        f"- peak MB = {peak[0]:.0f} + {peak[1]:.0f} cells + {peak[2]:.0f} rows a batch x models\n"
        f"- disk MB an update = {disk[0]:.2f} + {disk[1]:.2f} rows a batch x columns + {disk[2]:.3f} models\n"
    )
    yield "Checked at a point that the formulas have not seen:\n"
    yield "| | rows a batch | columns | models | processor seconds | peak MB | disk MB |\n|---|---|---|---|---|---|---|"
    yield f"| foretold {_row(CHECKED, foretell(formulas, CHECKED))}"
    yield f"| measured {_row(CHECKED, measure(CHECKED))}"


def _row(point: Point, cost: Cost) -> str:
    sizes = f"| {point.rows:,} | {point.columns} | {point.models} |"
    return f"{sizes} {cost.seconds:.1f} | {cost.peak_mb:.0f} | {cost.disk_mb:.1f} |"


def describe_stream(minutes: float) -> Iterator[str]:
    """Yield the lines of the long stream: every update, and what each stage of the last one cost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_stream(STREAM_ROWS, STREAM_COLUMNS).to_parquet(folder / "stream.parquet")
        state = learn(folder, STREAM_BATCH, STREAM_ROWS // STREAM_BATCH, minutes)
        costs, disk = read_costs(state), measure_disk(state)
    sums = {"seconds": ("seconds", "sum"), "cpu": ("cpu_seconds", "sum"), "peak_mb": ("peak_mb", "max")}
    by_batch = costs.groupby("batch").agg(**sums)
    last = int(by_batch.index.max())
    yield f"{last} of {STREAM_ROWS // STREAM_BATCH} updates in {minutes:g} minutes; the state holds {disk:.0f} MB.\n"
    yield "| update | seconds by the clock | processor seconds | peak MB |\n|---|---|---|---|"
    for batch, row in by_batch.iterrows():
        yield f"| {batch} | {row['seconds']:.0f} | {row['cpu']:.0f} | {row['peak_mb']:.0f} |"
    yield f"\nStages of update {last}:\n\n| stage | processor seconds | peak MB so far |\n|---|---|---|"
    for row in costs[costs["batch"] == last].itertuples():
        yield f"| {row.stage} | {row.cpu_seconds:.1f} | {row.peak_mb:.0f} |"


def main() -> None:
    """Measure the parts and print (or write) the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("grid", "stream"), default=["grid", "stream"])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    command = f"python benchmarks/sizing.py --parts {' '.join(arguments.parts)} --minutes {arguments.minutes:g}"
    lines = [f"# Sizing\n\n`{command}`, {datetime.now(UTC):%Y-%m-%d}, one worker.\n"]
    parts = {"grid": describe_grid, "stream": lambda: describe_stream(arguments.minutes)}
    for part in arguments.parts:
        for line in parts[part]():
            print(line, flush=True)
            lines.append(line)
    if arguments.write:
        arguments.write.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
