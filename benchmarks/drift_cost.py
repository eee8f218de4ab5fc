"""What judging a batch costs beside the rest of its update, from a thousand rows to a hundred thousand.

python benchmarks/drift_cost.py [--runs 1000x8 10000x6 100000x3] [--trials 20]

Real updates of the demo stream by the default configuration. Analysis is what the stages analysis, drift and
associations take: quality, rules, sketches, data and concept drift. 1000x8 are eight updates of 1,000 rows each; the
figures are those of the last. Reference models of concept drift need five batches in the window, so at 100,000 rows,
where the newest 50,000 are all that models learn from, there are none.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sqlalchemy as sa

from pointsman.common.config import load_config
from pointsman.common.performance import performance_table
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.update import update_once

ANALYSIS = ("analysis", "drift", "associations")


def measure(rows: int, updates: int, trials: int) -> tuple[float, float]:
    """Return the processor seconds of analysis and of the whole of the last update."""
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(
            ROOT / "config.yaml",
            [
                f"state_dir={folder}",
                f"source.demo.rows={rows * updates}",
                f"batch.rows={rows}",
                f"search.trials={trials}",
                "workers.count=1",
            ],
        )
        reader = PartReader(config.schema_)
        with open_state(config) as state:
            for number in range(1, updates + 1):
                update_once(config, state, reader)
                print(f"{rows:,} rows: update {number} of {updates}", file=sys.stderr, flush=True)
            query = sa.select(performance_table).where(performance_table.c.subject == f"batch {updates}")
            costs = {row["stage"]: row["cpu_seconds"] for row in read_rows(state.engine, query)}
    return sum(costs[stage] for stage in ANALYSIS), sum(costs.values())


def main(arguments: Sequence[str] | None = None) -> str:
    """Run and return the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="+", default=["1000x8", "10000x6", "100000x3"])
    parser.add_argument("--trials", type=int, default=20)
    parsed = parser.parse_args(arguments)
    lines = [
        "| rows a batch | analysis, s | whole update, s | share | analysis a row, against the smallest batch |",
        "|---|---|---|---|---|",
    ]
    smallest = None
    for run in parsed.runs:
        rows, updates = map(int, run.split("x"))
        analysis, whole = measure(rows, updates, parsed.trials)
        smallest = smallest or analysis / rows
        lines.append(
            f"| {rows:,} | {analysis:.1f} | {whole:.1f} | {analysis / whole:.1%} | {analysis / rows / smallest:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(main())
