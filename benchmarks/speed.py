"""Speed of the three commands on the hotel stream, as whole processes, and against bare imports in the same run.

python benchmarks/speed.py [--data ../shared/data] [--runs 3] [--write docs/speed.md]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMPORTS = [sys.executable, "-c", "import pandas, sklearn, lightgbm"]


def measure(command: list[str]) -> float:
    """Return the wall seconds of a process; it must succeed."""
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print (or write) the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    stream = arguments.data / "hotel.parquet"
    if not stream.is_file():
        print(f"skipped: '{stream}' is absent; name the folder that has it with --data", file=sys.stderr)
        return
    rows = compute_rows(stream, arguments.runs)
    table = describe(rows)
    print(table)
    if arguments.write:
        arguments.write.write_text(table, encoding="utf-8")


def compute_rows(stream: Path, runs: int) -> list[tuple[str, float, str, str]]:
    """Return (what, measured, bound, verdict) of each promise."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        common = ["--config", "configs/hotel.yaml", f"data_dir={stream.parent.resolve()}", f"state_dir={folder}/state"]
        update = [sys.executable, "run.py", "update", *common, "batch.rows=10000"]
        first = measure(update)
        second = measure(update)
        request = Path(folder) / "request.csv"
        pd.read_parquet(stream).iloc[50_000:51_000].drop(columns=["is_canceled"]).to_csv(request, index=False)
        infer = [sys.executable, "run.py", "inference", "-file", str(request), *common]
        pairs = [(measure(infer), measure(IMPORTS)) for _ in range(runs + 1)][1:]  # the first pair warms the disk
        ratio = statistics.median(mine / bare for mine, bare in pairs)
    return [
        ("first update on 10,000 rows, seconds", first, "60", "met" if first <= 60 else "missed"),
        ("second update on 10,000 rows, seconds", second, "", ""),
        ("inference of 1,000 rows, cold, times bare imports", ratio, "3", "met" if ratio <= 3 else "missed"),
    ]


def describe(rows: list[tuple[str, float, str, str]]) -> str:
    """Return the table as Markdown with the command and the date."""
    lines = [
        "# Speed",
        "",
        f"`python benchmarks/speed.py`, {datetime.now(UTC):%Y-%m-%d}, two cores; hotel stream, default budget.",
        'Bare imports are `python -c "import pandas, sklearn, lightgbm"` in the same run; ratios are medians of pairs.',
        "",
        "| what | measured | at most | |",
        "|---|---|---|---|",
    ]
    lines += [f"| {what} | {measured:.2f} | {bound} | {verdict} |" for what, measured, bound, verdict in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
