"""What reading a file costs beside the code of an earlier commit: from file to typed inputs, both in turns.

    python benchmarks/reading_cost.py [--before d4ec590] [--data ../shared/data] [--rows 1000000] [--pairs 5]
        [--write docs/reading_cost.md]

The file is that of benchmarks/serving.py: the rows of hotel.parquet, repeated, as CSV and as Parquet. Each run is a new
process that reads the file in chunks as inference does and types every chunk; the seconds are its processor time for
that, without imports. The earlier code is checked out beside this one for the time of the measurement.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
READ = """
import sys, time
from pathlib import Path
from pointsman.common.tabular.reader import read_chunks
from pointsman.common.config import load_config
from pointsman.pipeline.collection.roles import infer_schema
file, config = Path(sys.argv[1]), load_config("configs/hotel.yaml")
first = next(iter(read_chunks(file, 5_000))).table
schema = infer_schema(first, config, "first rows")
try:
    from pointsman.common.adaptation import find_unread, read_adapted
    from pointsman.common.reading import read_inputs
except ImportError:
    read_adapted = None
    from pointsman.common.reading import read_inputs
started, adapted = time.process_time(), None
for chunk in read_chunks(file, 50_000):
    if read_adapted is None:
        read_inputs(chunk.table, schema)
        continue
    if adapted is None:
        reading = read_adapted(chunk.table, schema)
        adapted, inputs = reading.schema, reading.inputs
    else:
        inputs = read_inputs(chunk.table, adapted)
    find_unread(chunk.table, inputs, adapted)
print(time.process_time() - started)
"""


@contextmanager
def check_out(commit: str) -> Iterator[Path]:
    """Check a commit out beside the project for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", "--quiet", str(place), commit], cwd=ROOT, check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(place)], cwd=ROOT, check=True)


def time_reading(code: Path, file: Path) -> float:
    """Return the processor seconds that reading takes in a new process."""
    done = subprocess.run([sys.executable, "-c", READ, str(file)], cwd=code, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    """Measure, print and, if asked to, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="d4ec590")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if not (options.data / "hotel.parquet").is_file():
        print(f"skipped: '{options.data / 'hotel.parquet'}' is absent; name the folder that has it with --data")
        return
    lines = [
        "# What reading costs beside the code of before",
        "",
        f"`python benchmarks/reading_cost.py --before {options.before} --rows {options.rows} --pairs {options.pairs}`, "
        f"{date.today().isoformat()}: processor seconds from file to typed inputs, medians of {options.pairs} runs in "
        "turns, and the median of the ratios pair by pair. Bound: 1.3.",
        "",
        "| file | before, s | now, s | now / before |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder, check_out(options.before) as before:
        rows = pd.read_parquet(options.data / "hotel.parquet")
        rows = pd.concat([rows] * (options.rows // len(rows) + 1), ignore_index=True).head(options.rows)
        for name in ("rows.csv", "rows.parquet"):
            file = Path(folder) / name
            rows.to_csv(file, index=False) if name.endswith("csv") else rows.to_parquet(file)
            pairs = [(time_reading(before, file), time_reading(ROOT, file)) for _ in range(options.pairs)]
            then, now = (statistics.median(one) for one in zip(*pairs, strict=True))
            ratio = statistics.median(after / earlier for earlier, after in pairs)
            lines.append(f"| {name} | {then:.2f} | {now:.2f} | {ratio:.2f} |")
    table = "\n".join(lines) + "\n"
    print(table)
    if options.write:
        options.write.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
