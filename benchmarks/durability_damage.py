"""Damage: what a command says where the disk, the store or the catalogue fails it, and whether serving goes on."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.durability_stream import Place
from pointsman.common.seeding import random_generator
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.migrations import PROTOCOL
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.tables import batches
from pointsman.registry.generations import load_generation

FLIPS = 12
"""Bytes of the database file that are flipped, one after the other, each in a copy of its own."""


class CannotDamageError(Exception):
    """This machine does not let the damage be done; the message says why."""


@dataclass(frozen=True)
class Finding:
    """One damage: the command that met it, its exit code, what it said, and whether inference answers afterwards.

    ``told`` counts sentences beginning with 'Error:'; a traceback counts as many.
    """

    damage: str
    command: str
    exit_code: int
    sentence: str
    told: int
    serves: bool

    @property
    def is_good(self) -> bool:
        """Whether there was one sentence or none was needed, and the last good generation serves."""
        return self.serves and self.told == (1 if self.exit_code else 0) and "unforeseen" not in self.sentence


def flip(path: Path, position: int) -> None:
    """Invert the bits of one byte."""
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 0xFF
    path.write_bytes(bytes(content))


def find_batch(place: Place, column: str) -> Path:
    """Return the file of the newest batch that a column names."""
    with open_state(place.config) as state:
        newest = read_rows(state.engine, batches.select().order_by(batches.c.number.desc()).limit(1))[0]
        return state.files.path(newest[column])


def find_champion(place: Place) -> Path:
    """Return the manifest of the champion."""
    with open_state(place.config) as state:
        champion = load_generation(state).champion
        assert champion is not None
        return state.files.path(champion.manifest)


def catalogue_of(place: Place) -> Path:
    """Return the database file."""
    return place.folder / place.state / "catalogue.db"


@contextmanager
def on_own_disk(place: Place) -> Iterator[Place]:
    """Put a copy of a state on a file system of its own."""
    source, target = place.folder / place.state, place.folder / f"{place.state}-disk"
    target.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", "size=16m", "none", str(target))
        try:
            shutil.copytree(source, target, dirs_exist_ok=True)
            yield replace(place, state=target.name)
        finally:
            subprocess.run(["umount", "-l", str(target)], check=True)
    finally:
        target.rmdir()


def remount(place: Place, mode: str) -> None:
    """Make the disk of a state read-only ('ro') or writable again ('rw')."""
    _mount("-o", f"remount,{mode}", str(place.folder / place.state))


def take_space(folder: Path, but: int) -> Path:
    """Write a file that leaves ``but`` bytes of a disk, and return it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    with filler.open("r+b") as file:
        file.truncate(max(0, filler.stat().st_size - but))
    return filler


def _mount(*words: str) -> None:
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        raise CannotDamageError("only root can mount a file system")
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotDamageError(f"mount is refused: {done.stderr.strip()}")


def observe(damage: str, place: Place, *words: str, lift: Callable[[], object] = lambda: None) -> Finding:
    """Run a command on a damaged state, ``lift`` what hinders it, and ask for an answer."""
    done = place.run(*words)
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    told = len(errors) + done.stderr.count("Traceback")
    warnings = [line for line in done.stderr.splitlines() if line.startswith("WARNING")]
    sentence = (errors or warnings or [""])[0].removeprefix("Error: ").removeprefix("WARNING ")
    lift()
    serves = place.run("inference", "-file", str(place.request)).returncode == 0
    return Finding(damage, words[0], done.returncode, sentence, told, serves)


def damage_all(place: Place, seed: int) -> Iterator[Finding]:
    """Yield what each damage led to, each on a copy of the state in ``place``, which has learned some batches."""
    answering = ("inference", "-file", str(place.request))
    for number, (name, damage, words) in enumerate(
        (
            (
                "a byte flipped in the newest clean batch",
                lambda one: flip(find_batch(one, "clean_file"), 99),
                ("update",),
            ),
            ("the newest raw batch deleted", lambda one: find_batch(one, "file").unlink(), ("eda", "3")),
            ("a byte flipped in the champion", lambda one: flip(find_champion(one), 9), answering),
            ("the champion deleted", lambda one: find_champion(one).unlink(), answering),
            ("the database file is garbage", lambda one: catalogue_of(one).write_bytes(b"garbage" * 999), answering),
            ("the database file is cut in half", cut, ("update",)),
            ("a catalogue of a newer protocol", lambda one: set_protocol(one, PROTOCOL + 1), answering),
        )
    ):
        copied = copy(place, f"damaged-{number}")
        damage(copied)
        lift = (lambda one=copied: set_protocol(one, PROTOCOL)) if "protocol" in name else (lambda: None)
        yield observe(name, copied, *words, lift=lift)
    yield from fill(place)
    yield from forbid(place)
    generator = random_generator(seed, "flips")
    size = catalogue_of(place).stat().st_size
    for number, position in enumerate(generator.integers(0, size, FLIPS)):
        copied = copy(place, f"flipped-{number}")
        flip(catalogue_of(copied), int(position))
        yield observe(f"byte {position:,} of {size:,} flipped in the database file", copied, "update")


def cut(place: Place) -> None:
    """Leave half of the database file."""
    path = catalogue_of(place)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def set_protocol(place: Place, number: int) -> None:
    """Say that another version wrote the catalogue."""
    with closing(sqlite3.connect(catalogue_of(place))) as connection:
        connection.execute("UPDATE protocol SET number = ?", (number,))
        connection.commit()


def fill(place: Place) -> Iterator[Finding]:
    """A disk that is full at once, and one that fills up in the middle."""
    for name, left, words in (
        ("a full disk", 0, ("update",)),
        ("a disk that fills up", 100_000, ("update",)),
        ("a full disk", 0, ("inference", "-file", str(place.request))),
    ):
        try:
            with on_own_disk(copy(place, "full")) as small:
                filler = take_space(small.folder / small.state, left)
                yield observe(name, small, *words, lift=filler.unlink)
        except CannotDamageError as reason:
            yield Finding(name, words[0], 0, f"not tried: {reason}", 0, True)


def forbid(place: Place) -> Iterator[Finding]:
    """A state folder that may be read and not written."""
    for words in (("update",), ("inference", "-file", str(place.request)), ("models",)):
        try:
            with on_own_disk(copy(place, "read-only")) as own:
                remount(own, "ro")
                yield observe("a read-only folder", own, *words, lift=partial(remount, own, "rw"))
        except CannotDamageError as reason:
            yield Finding("a read-only folder", words[0], 0, f"not tried: {reason}", 0, True)


def copy(place: Place, name: str) -> Place:
    """Return a place with a copy of the state."""
    shutil.rmtree(place.folder / name, ignore_errors=True)
    shutil.copytree(place.folder / place.state, place.folder / name)
    return replace(place, state=name)
