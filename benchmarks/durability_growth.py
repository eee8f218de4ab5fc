"""Growth: the rows of ten updates, copied under new keys until the catalogue is that of a thousand."""

import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (registers every table)
from benchmarks.durability_stream import Place
from pointsman.common.storage.backup import save_backup
from pointsman.common.storage.catalogue import metadata, read_rows
from pointsman.common.storage.state import State, open_state
from pointsman.registry.soundness import compute_digests
from pointsman.registry.tables import generations_table, versions_table
from pointsman.registry.versions import name_version

GENERATIONS = 10
"""Updates that are real."""
COUNTED = {"generation", "batch", "first_batch", "last_batch", "rejected"}
COUNTED_HERE = {("generations", "number"), ("generations", "parent"), ("batches", "number")}
"""Columns with numbers of generations or batches, of which every update makes one."""
NAMING = {"id", "version", "parent", "contender", "incumbent", "champion"}
"""Columns with ids of versions."""
UNIQUE_TEXT = {("decisions", "id"), ("regrets", "decision"), ("backtests", "id")}


@dataclass(frozen=True)
class Ratio:
    """Median seconds of a command with the long history and with the short one, and how many rows either has."""

    command: str
    short: float
    long: float
    rows: tuple[int, int]


def prepare(place: Place, updates: int) -> Place:
    """Return a place whose state has ten real updates and copies of their rows, as after ``updates`` of them."""
    done = place.run("update", "--batches", str(GENERATIONS))
    assert done.returncode == 0, done.stderr
    long = replace(place, state=f"{place.state}-{updates}")
    shutil.copytree(place.folder / place.state, long.folder / long.state)
    with open_state(long.config) as state:
        grow(state, updates // GENERATIONS - 1)
    return long


def grow(state: State, copies: int) -> None:
    """Add copies of every row of the catalogue, each under generations, batches and versions of its own."""
    ids = {row["id"]: row for row in read_rows(state.engine, sa.select(versions_table))}
    last = max(row["number"] for row in ids.values())
    stored = {table.name: read_rows(state.engine, sa.select(table)) for table in metadata.sorted_tables}
    for copy in range(1, copies + 1):
        names = {old: name_version(row["family"], row["number"] + copy * last) for old, row in ids.items()}
        with state.engine.begin() as connection:
            for table in metadata.sorted_tables:
                if rows := [renumber(table, row, copy, names) for row in stored[table.name]]:
                    connection.execute(table.insert(), rows)
    with state.engine.begin() as connection:
        changed = generations_table.update().where(generations_table.c.number == sa.bindparam("of"))
        digests = compute_digests(state)
        connection.execute(
            changed.values(digest=sa.bindparam("new")), [{"of": of, "new": new} for of, new in digests.items()]
        )
    save_backup(state.engine)


def renumber(table: sa.Table, row: dict[str, Any], copy: int, names: dict[str, str]) -> dict[str, Any]:
    """Return a row as it would be ``copy`` times ten updates later; numbers that the database gives are left out."""
    later = {}
    for name, cell in row.items():
        place, column = (table.name, name), table.columns[name]
        if column is table.autoincrement_column and name not in COUNTED and place not in COUNTED_HERE:
            continue
        if isinstance(cell, int) and (name in COUNTED or place in COUNTED_HERE):
            cell += copy * GENERATIONS
        elif place == ("versions", "number"):
            cell = int(names[row["id"]].rpartition("-")[2])
        elif name in NAMING:
            cell = names.get(cell, cell)
        elif place in UNIQUE_TEXT:
            cell = f"{cell}-{copy}"
        later[name] = cell
    return later


def time_check(place: Place) -> float:
    """Return the seconds of a cold `check`, which has to find nothing; the second one, when files are at hand."""
    for _ in range(2):
        started = time.perf_counter()
        done = place.run("check")
        assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - started


def compare(short: Place, long: Place, pairs: int) -> Iterator[Ratio]:
    """Yield the comparison of every command: cold processes in pairs, in turns, after one that warms the files up."""
    counts = (count_rows(short), count_rows(long))
    for words in (("models", "history"), ("inference", "-file", str(short.request))):
        seconds: dict[str, list[float]] = {short.state: [], long.state: []}
        for pair in range(pairs + 1):
            for place in (short, long) if pair % 2 else (long, short):
                started = time.perf_counter()
                done = place.run(*words)
                assert done.returncode == 0, done.stderr
                if pair:
                    seconds[place.state].append(time.perf_counter() - started)
        medians = [statistics.median(seconds[place.state]) for place in (short, long)]
        yield Ratio(" ".join(words[:2] if words[0] == "models" else words[:1]), medians[0], medians[1], counts)


def count_rows(place: Place) -> int:
    """Return the rows of all tables."""
    with open_state(place.config) as state:
        counting = [sa.select(sa.func.count().label("rows")).select_from(table) for table in metadata.sorted_tables]
        return sum(read_rows(state.engine, query)[0]["rows"] for query in counting)
