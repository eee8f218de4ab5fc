"""Whether labels of made-up rows can do harm: very many of them, then those of real rows, through a service.

python benchmarks/label_attack.py [--junk 1000000] [--post 20000] [--real 40]

A service of its own on a small stream answers ``--real`` rows, one by one. Labels of ids that it never gave are
posted, ``--post`` at a time, then those of the answered rows: half of them once their answers are logged, half together
with the answer. After the next update it is counted how many settled, and by how much the catalogue grew.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # in the place of this folder, whose requests.py is not the library

import httpx
import sqlalchemy as sa

from benchmarks.durability_stream import Place, write_stream
from benchmarks.serving_fuzz import start
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.meta.label_tables import labels_table, settled_labels_table
from pointsman.pipeline.collection.demo.simulator import simulate

SECONDS = 600.0


def make_rows(count: int) -> tuple[list[dict[str, Any]], list[int]]:
    """Return rows later than all of the stream, without missing cells, and their labels."""
    rows = simulate(8_000, 99, schedule=()).tail(count)
    labels = [int(bool(cell) and float(cell) > 0) for cell in rows.pop("CLAIM_PAID")]
    return [{name: cell for name, cell in row.items() if cell == cell} for row in rows.to_dict("records")], labels


def post_junk(client: httpx.Client, options: argparse.Namespace) -> tuple[Counter[str], float]:
    """Post labels of ids that nobody gave; return how many had which outcome, and the seconds of the longest post."""
    outcomes: Counter[str] = Counter()
    longest = 0.0
    for first in range(0, options.junk, options.post):
        labels = [{"id": f"{number:020x}-0", "label": 1} for number in range(first, first + options.post)]
        started = time.perf_counter()
        answered = client.post("/feedback", json={"labels": labels}).raise_for_status().json()
        longest = max(longest, time.perf_counter() - started)
        outcomes.update({name: count for name, count in answered["counts"].items() if count})
        print(f"{first + options.post} posted", file=sys.stderr)
    return outcomes, longest


def post_real(client: httpx.Client, rows: list[dict[str, Any]], labels: list[int]) -> Counter[str]:
    """Have rows answered and post their labels at once; return how many had which outcome."""
    outcomes: Counter[str] = Counter()
    for row, label in zip(rows, labels, strict=True):
        given = client.post("/predict", json=row).raise_for_status().json()["rows"][0]["id"]
        sent = client.post("/feedback", json={"labels": [{"id": given, "label": label}]}).raise_for_status()
        outcomes.update({name: count for name, count in sent.json()["counts"].items() if count})
    return outcomes


def measure_bytes(place: Place) -> int:
    """Return the size of a state's catalogue, what its log of commits holds included."""
    catalogue = place.folder / place.state / "catalogue.db"
    with closing(sqlite3.connect(catalogue)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    return catalogue.stat().st_size


def attack(place: Place, options: argparse.Namespace) -> list[str]:
    """Return the lines of the table."""
    rows, labels = make_rows(options.real)
    half = options.real // 2
    with start(place) as url, httpx.Client(base_url=url, timeout=SECONDS) as client:
        answered = [client.post("/predict", json=row).raise_for_status().json()["rows"][0] for row in rows[:half]]
        time.sleep(3)  # the log writes once a second
        before = measure_bytes(place)
        junk, longest = post_junk(client, options)
        grown = measure_bytes(place) - before
        pairs = zip(answered, labels, strict=False)
        sent = [{"id": one["id"], "label": label} for one, label in pairs]
        real = Counter(client.post("/feedback", json={"labels": sent}).raise_for_status().json()["counts"])
        real += post_real(client, rows[half:], labels[half:])
        time.sleep(3)
    done = place.run("update")
    assert done.returncode == 0, done.stderr
    with open_state(place.config) as state:
        taken = read_rows(state.engine, sa.select(settled_labels_table.c.outcome))
        stored = len(read_rows(state.engine, sa.select(labels_table.c.number)))
    settled = sum(row["outcome"] is None for row in taken)

    def tell(counts: Counter[str]) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count)

    return [
        "| | found | bound | |",
        "|---|---|---|---|",
        f"| labels of made-up ids, by what the service said | {tell(junk)} | | |",
        f"| growth of the catalogue meanwhile | {grown / 1e6:.2f} MB | 1 MB | {'met' if grown < 1e6 else 'missed'} |",
        f"| longest post of {options.post:,} labels | {longest:.1f} s | | |",
        f"| labels of {options.real} answered rows, by what the service said | {tell(real)} | | |",
        f"| labels that the next update counted | {settled} of {stored} stored | {options.real} | "
        f"{'met' if settled == options.real else 'missed'} |",
    ]


def main() -> None:
    """Attack, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junk", type=int, default=1_000_000)
    parser.add_argument("--post", type=int, default=20_000)
    parser.add_argument("--real", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_stream(Path(folder))
        place = Place(Path(folder), "state")
        done = place.run("update", "--batches", "2")
        assert done.returncode == 0, done.stderr
        lines = attack(place, options)
    print(f"`python benchmarks/label_attack.py`, {datetime.now(UTC):%Y-%m-%d}, two cores.", "", *lines, sep="\n")


if __name__ == "__main__":
    main()
