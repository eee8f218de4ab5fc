"""Flips: single bits of a state are inverted, one after the other; what `check` finds, and what is served meanwhile.

Half of them are in cells of the catalogue's tables, chosen by table first, so that small tables are met as often as
large ones; the others in stored files, in the copy, in the journal and in the bytes of the database file itself, where
SQLite has room that holds nothing.
"""

import logging
import shutil
import sqlite3
import struct
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (registers every table)
from benchmarks.durability_stream import Place
from pointsman.common.errors import PointsmanError, Restored
from pointsman.common.seeding import random_generator
from pointsman.common.storage.backup import name_backup
from pointsman.common.storage.journal import name_journal
from pointsman.common.storage.restoring import find_damage
from pointsman.pipeline.check import check
from pointsman.pipeline.inference import infer

KINDS = ("cell of a table", "stored file", "copy", "journal", "database file")
SHARES = (0.5, 0.25, 0.05, 0.05, 0.15)
ANSWERS = ("the same", "older", "told", "refused", "other")
"""What became of a request: answered as by the sound state, by an older generation that was named, by other members
where each row that differs tells it (fallback:error), not at all, or otherwise, which must not be."""
OUTPUTS, REASON, TOLD = ["predict", "predict_proba"], "predict_reason", "fallback:error"


@dataclass(frozen=True)
class Flip:
    """A bit that was flipped.

    where:      the file, or the table and column
    found:      whether `check` has a finding
    is_idle:    whether it changed nothing that is stored: room in the database file that no row uses
    answers:    one of ANSWERS
    unforeseen: the first failure that no sentence foresaw, '' for none
    """

    kind: str
    where: str
    found: bool
    is_idle: bool
    answers: str
    unforeseen: str

    @property
    def is_good(self) -> bool:
        """Whether it was found, or changed nothing, and led to no wrong answer and no unforeseen failure."""
        return (self.found or self.is_idle) and self.answers != "other" and not self.unforeseen


class Told(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


def flip_all(place: Place, flips: int, seed: int) -> Iterator[Flip]:
    """Yield what each flip led to, each on a copy of the state in ``place``, which has learned some batches."""
    generator = random_generator(seed, "bits")
    expected = answer(place)[0]
    for number in range(flips):
        copied = link(place, f"flip-{number}")
        kind = str(generator.choice(KINDS, p=SHARES))
        where = FLIPPED[kind](copied, generator)
        yield observe(copied, kind, where, expected)
        shutil.rmtree(copied.folder / copied.state)


def observe(place: Place, kind: str, where: str, expected: pd.DataFrame) -> Flip:
    """Check a flipped state and have it answer; a failure that is no PointsmanError is unforeseen."""
    unforeseen, found, answers = "", False, "refused"
    catalogue = place.folder / place.state / "catalogue.db"
    is_idle = kind == "database file" and find_damage(catalogue) == ""
    try:
        found = bool(check(place.config).findings)
        given, told = answer(place)
        answers = compare_answers(given, expected, told)
    except PointsmanError as error:
        found = found or isinstance(error, Restored)
    except Exception:
        unforeseen = traceback.format_exc(limit=-3)
    return Flip(kind, where, found, is_idle, answers, unforeseen)


def compare_answers(given: pd.DataFrame, expected: pd.DataFrame, told: list[str]) -> str:
    """Return which of ANSWERS some answers are, by what the sound state answered and what was logged."""
    differs = (given[OUTPUTS] != expected[OUTPUTS]).any(axis=1)
    if not differs.any():
        return "the same"
    if any("is broken, generation" in line for line in told):
        return "older"
    return "told" if (given.loc[differs, REASON] == TOLD).all() else "other"


def answer(place: Place) -> tuple[pd.DataFrame, list[str]]:
    """Return what a state answers a request, and what was logged; once more where the catalogue was restored, as the
    command does."""
    told = Told()
    logging.getLogger("pointsman").addHandler(told)
    try:
        try:
            path = infer(place.config, place.request)
        except Restored:
            path = infer(place.config, place.request)
    finally:
        logging.getLogger("pointsman").removeHandler(told)
    return pd.read_csv(path)[[*OUTPUTS, REASON]], told.lines


def link(place: Place, name: str) -> Place:
    """Return a place with a copy of the state, whose stored files are links: they are replaced and never written to."""
    source, target = place.folder / place.state, place.folder / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("files"))
    shutil.copytree(source / "files", target / "files", copy_function=_link)
    return replace(place, state=name)


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def flip_file(path: Path, generator: np.random.Generator) -> str:
    """Invert a bit of a file and return its name and the place."""
    content = bytearray(path.read_bytes())
    position = int(generator.integers(len(content)))
    content[position] ^= 1 << int(generator.integers(8))
    path.unlink()
    path.write_bytes(content)
    return f"{path.name} byte {position}"


def flip_stored(place: Place, generator: np.random.Generator) -> str:
    """Invert a bit of a stored file."""
    stored = sorted((place.folder / place.state / "files").glob("??/*"))
    return flip_file(stored[int(generator.integers(len(stored)))], generator)


def flip_cell(place: Place, generator: np.random.Generator) -> str:
    """Invert a bit of a cell and return its table and column; a key that would be there twice is left as it is."""
    while True:
        with closing(sqlite3.connect(place.folder / place.state / "catalogue.db")) as connection:
            connection.text_factory = bytes
            named = [
                one.decode() for (one,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            table = named[int(generator.integers(len(named)))]
            columns = [row[1].decode() for row in connection.execute(f'PRAGMA table_info("{table}")')]
            column = columns[int(generator.integers(len(columns)))]
            rows = connection.execute(f'SELECT rowid FROM "{table}" WHERE "{column}" IS NOT NULL').fetchall()
            if not rows:
                continue
            (rowid,) = rows[int(generator.integers(len(rows)))]
            (cell,) = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE rowid = ?', (rowid,)).fetchone()
            if cell == b"":
                continue
            changed = flip_bit(cell, generator)
            # Text stays text, whatever its bytes are.
            given = "CAST(? AS TEXT)" if isinstance(cell, bytes) else "?"
            try:
                connection.execute(f'UPDATE "{table}" SET "{column}" = {given} WHERE rowid = ?', (changed, rowid))
                connection.commit()
            except sqlite3.IntegrityError:
                continue
            return f"{table}.{column}"


def flip_bit(cell: bytes | int | float, generator: np.random.Generator) -> bytes | int | float:
    """Return a cell with one bit inverted."""
    if isinstance(cell, bytes):
        content = bytearray(cell)
        content[int(generator.integers(len(content)))] ^= 1 << int(generator.integers(8))
        return bytes(content)
    if isinstance(cell, int):
        return cell ^ (1 << int(generator.integers(16)))
    (bits,) = struct.unpack("<q", struct.pack("<d", cell))
    (changed,) = struct.unpack("<d", struct.pack("<q", bits ^ (1 << int(generator.integers(62)))))
    return float(changed)


def _of_catalogue(name: Callable[[Path], Path]) -> Callable[[Place, np.random.Generator], str]:
    return lambda place, generator: flip_file(name(place.folder / place.state / "catalogue.db"), generator)


FLIPPED: dict[str, Callable[[Place, np.random.Generator], str]] = {
    "cell of a table": flip_cell,
    "stored file": flip_stored,
    "copy": _of_catalogue(name_backup),
    "journal": _of_catalogue(name_journal),
    "database file": _of_catalogue(lambda catalogue: catalogue),
}
