"""Rows a second of the search for nearest rows, exact and through the cells of faiss, side by side in one run.

python benchmarks/knn.py [--asked 1000] [--runs 3] [--write docs/knn.md]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SIZES = (20_000, 100_000, 200_000)
N_COLUMNS = 20
NEIGHBOURS = 25


@dataclass(frozen=True)
class Speed:
    """Rows a second of both ways and their ratio (medians), seconds to make cells, the share of neighbours found."""

    remembered: int
    exact: float
    cells: float
    ratio: float
    making: float
    found: float


def make_rows(n_rows: int, name: str) -> np.ndarray:
    """Return rows (n_rows, N_COLUMNS) float32 in 300 clusters that overlap."""
    from pointsman.common.seeding import random_generator

    centers = random_generator(1, "benchmark", "centers").normal(size=(300, N_COLUMNS))
    generator = random_generator(1, "benchmark", name)
    rows = centers[generator.integers(0, len(centers), n_rows)] + 0.7 * generator.normal(size=(n_rows, N_COLUMNS))
    return rows.astype(np.float32)


def time_call(call: Callable[[], object]) -> tuple[float, object]:
    """Return the wall seconds of a call and what it returned."""
    started = time.perf_counter()
    returned = call()
    return time.perf_counter() - started, returned


def measure(remembered: int, n_asked: int, runs: int) -> Speed:
    """Ask both searches over the same rows for the same neighbours, in turns."""
    from pointsman.model_zoo.neighbour_search import search_all, search_cells

    rows, asked = make_rows(remembered, "remembered"), make_rows(n_asked, "asked")
    exact = search_all(rows)
    making, cells = time_call(lambda: search_cells(rows))
    pairs = []
    for _ in range(runs + 1):
        slow, all_found = time_call(lambda: exact(asked, NEIGHBOURS))
        fast, few_found = time_call(lambda: cells(asked, NEIGHBOURS))
        pairs.append((slow, fast))
    pairs = pairs[1:]  # the first pair warms up
    shared = [len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(all_found[1], few_found[1], strict=True)]
    return Speed(
        remembered,
        n_asked / statistics.median(slow for slow, _ in pairs),
        n_asked / statistics.median(fast for _, fast in pairs),
        statistics.median(slow / fast for slow, fast in pairs),
        making,
        statistics.fmean(shared),
    )


def describe(speeds: list[Speed], n_asked: int, runs: int) -> str:
    """Return the table as Markdown with the command and the date."""
    lines = [
        "# Nearest neighbours among many rows",
        "",
        f"`OMP_NUM_THREADS=1 python benchmarks/knn.py --asked {n_asked} --runs {runs}`, {datetime.now(UTC):%Y-%m-%d}, "
        "one core;",
        f"{NEIGHBOURS} neighbours among clustered rows of {N_COLUMNS} float32 columns, medians of runs in turns.",
        "",
        "| rows remembered | exact, rows/s | through cells, rows/s | ratio | making cells, s | neighbours found |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.remembered:,} | {one.exact:,.0f} | {one.cells:,.0f} | {one.ratio:.1f} | {one.making:.2f} "
        f"| {one.found:.2%} |"
        for one in speeds
    ]
    lines += [
        "",
        "Cells are made once a process from the rows that a version keeps, and only above 100,000 of them where faiss",
        "is installed. Where it is not, the same version answers by the exact search, and so a little differently.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print (or write) the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asked", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from pointsman.common.extras import has_extra, missing_extra

    if not has_extra("faiss"):
        print(f"skipped: {missing_extra('faiss', 'This benchmark needs faiss')}", file=sys.stderr)
        return
    table = describe(
        [measure(size, arguments.asked, arguments.runs) for size in SIZES], arguments.asked, arguments.runs
    )
    print(table)
    if arguments.write:
        arguments.write.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
