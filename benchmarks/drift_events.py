"""Drift verdicts on the demo stream, whose events are published: what is found, when, and how often nothing was there.

python benchmarks/drift_events.py [--seeds 10] [--rows 500 2000 10000] [--workers 2]

Each stream has 40 batches. An event is found where an alarm of its kind (data drift of one of its columns, or concept
drift) is raised in the batch that holds its date or in the next. Stable batches are those of the same stream without
any event. An alarm of the other kind in these two batches of an event confuses the two, unless another event is near.
No setting was chosen by these seeds: they start at 1000.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pandas as pd
from joblib import Parallel, delayed

from benchmarks.drift_replay import Judged, cut_stream, judge_stream
from pointsman.common.config import load_config
from pointsman.common.reading import read_dates
from pointsman.pipeline.collection.demo.schedule import SCHEDULE, DemoEvent, EventKind
from pointsman.pipeline.collection.demo.simulator import simulate
from pointsman.pipeline.drift.verdict import Drift

BATCHES = 40
FIRST_SEED = 1000
CONCEPT_KINDS = (EventKind.CONCEPT_CHANGE, EventKind.CONCEPT_RETURN)


@dataclass(frozen=True)
class Run:
    """One stream: delays in batches by event (None: not found), events confused, and alarms by where they were."""

    seed: int
    rows: int
    delays: dict[str, int | None]
    confused: tuple[str, ...]
    away: int
    away_of: int
    false: int
    false_of: int


def watch(seed: int, rows: int) -> Run:
    """Judge the stream with its events, and the same stream without any."""
    judged, calm = judge(seed, rows, SCHEDULE), judge(seed, rows, ())
    near = {number for event in SCHEDULE for number in list_touched(judged, event)}
    far = [one for one in judged if is_judged(one) and one.batch.number not in near]
    stable = [one for one in calm if is_judged(one)]
    return Run(
        seed,
        rows,
        {event.name: find_delay(judged, event) for event in SCHEDULE},
        tuple(event.name for event in SCHEDULE if is_confused(judged, event)),
        sum(bool(list_alarms(one)) for one in far),
        len(far),
        sum(bool(list_alarms(one)) for one in stable),
        len(stable),
    )


def judge(seed: int, rows: int, schedule: tuple[DemoEvent, ...]) -> list[Judged]:
    """Return every batch of a stream with its tests."""
    config = load_config(ROOT / "config.yaml")
    frame = simulate(rows * BATCHES, seed, schedule=schedule)
    schema, batches = cut_stream(config, frame, read_dates(frame["INSR_BEGIN"], "%d-%b-%y"), rows)
    return list(judge_stream(config, schema, batches))


def is_judged(one: Judged) -> bool:
    """Return whether there was enough past to raise an alarm at all."""
    return any(test.p_value is not None for test in one.tests)


def list_alarms(one: Judged, drift: Drift | None = None) -> list[str]:
    """Return the columns of the alarms of a batch, of one kind or of both."""
    return [test.column for test in one.tests if test.alarm and drift in (None, test.drift)]


def find_batches(judged: Sequence[Judged], day: object) -> list[int]:
    """Return the numbers of the batch that holds a day and of the next."""
    start = pd.Timestamp(str(day))
    after = [one.batch.number for one in judged if one.batch.times.max() >= start]
    return after[:2]


def list_touched(judged: Sequence[Judged], event: DemoEvent) -> range:
    """Return the batches from an event's begin to the one after its end; a return is over once it has begun."""
    last = event.start if event.kind is EventKind.CONCEPT_RETURN else event.end
    return range(find_batches(judged, event.start)[0], max(find_batches(judged, last), default=BATCHES) + 1)


def find_delay(judged: Sequence[Judged], event: DemoEvent) -> int | None:
    """Return after how many batches an event is found: 0, 1 or None."""
    drift = Drift.CONCEPT if event.kind in CONCEPT_KINDS else Drift.DATA
    numbers = find_batches(judged, event.start)
    by_number = {one.batch.number: one for one in judged}
    for delay, number in enumerate(numbers):
        columns = list_alarms(by_number[number], drift)
        if columns and (drift is Drift.CONCEPT or set(columns) & set(event.columns)):
            return delay
    return None


def is_confused(judged: Sequence[Judged], event: DemoEvent) -> bool:
    """Return whether an alarm of the other kind is raised where the event begins and no event of that kind is near."""
    is_concept = event.kind in CONCEPT_KINDS
    other = Drift.DATA if is_concept else Drift.CONCEPT
    excused = {
        number
        for one in SCHEDULE
        if (one.kind in CONCEPT_KINDS) != is_concept
        for day in (one.start, one.end)
        for number in find_batches(judged, day)
    }
    numbers = set(find_batches(judged, event.start)) - excused
    return any(list_alarms(one, other) for one in judged if one.batch.number in numbers)


def describe(runs: Sequence[Run]) -> str:
    """Return the table, one line for a batch size."""
    lines = ["| event | " + " | ".join(f"{rows:,} rows" for rows in sorted({run.rows for run in runs})) + " |"]
    lines.append("|---" * lines[0].count("|", 1) + "|")
    sizes = [[run for run in runs if run.rows == rows] for rows in sorted({run.rows for run in runs})]
    for event in SCHEDULE:
        cells = []
        for own in sizes:
            found = [run.delays[event.name] for run in own if run.delays[event.name] is not None]
            cells.append(f"{len(found)} of {len(own)}, {found.count(0)} at once")
        kind = "concept" if event.kind in CONCEPT_KINDS else "data"
        lines.append(f"| {event.name} ({kind}) | " + " | ".join(cells) + " |")
    for title, cell in (
        ("taken for the other kind", lambda own: f"{sum(len(run.confused) for run in own)} of {6 * len(own)} events"),
        ("alarms in stable batches", lambda own: f"{sum(r.false for r in own)} of {sum(r.false_of for r in own)}"),
        ("alarms away from any event", lambda own: f"{sum(r.away for r in own)} of {sum(r.away_of for r in own)}"),
    ):
        lines.append(f"| {title} | " + " | ".join(cell(own) for own in sizes) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> str:
    """Run and return the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2_000, 10_000])
    parser.add_argument("--workers", type=int, default=2)
    parsed = parser.parse_args(arguments)
    tasks = list(product(sorted(parsed.rows, reverse=True), range(FIRST_SEED, FIRST_SEED + parsed.seeds)))
    runs = Parallel(n_jobs=parsed.workers, verbose=5)(delayed(watch)(seed, rows) for rows, seed in tasks)
    for run in runs:
        if run.confused or run.false or run.away or None in run.delays.values():
            print(run, file=sys.stderr)
    return describe(runs)


if __name__ == "__main__":
    print(main())
