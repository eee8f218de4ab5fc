"""A damaged catalogue gives way to its copy, is kept aside, and nothing that is sound is ever replaced."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.backup import name_backup, save_backup
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.files import name_temporary, sweep
from pointsman.common.storage.restoring import find_damage, restore_backup
from pointsman.common.storage.state import lock_updates, open_state
from pointsman.registry.tables import generations_table

NUMBERS = sa.select(generations_table.c.number).order_by(generations_table.c.number)


def make_config(folder):
    return Config.model_validate({"schema": {"time": "t", "target": "y"}, "state_dir": folder})


def add_generation(engine, number, why=""):
    draft = Draft(number)
    draft.add(
        generations_table,
        [
            {
                "number": number,
                "parent": None,
                "cause": "update",
                "batch": number,
                "seed": 7,
                "cursor": {"parts": ["a"] * 500},
                "who": "me",
                "why": why,
            }
        ],
    )
    draft.commit(engine)


@pytest.fixture
def catalogue(tmp_path):
    """A catalogue of two generations, copied after the second, and a third that was not copied."""
    with open_state(make_config(tmp_path)) as state:
        add_generation(state.engine, 1)
        add_generation(state.engine, 2)
        save_backup(state.engine)
        add_generation(state.engine, 3)
    return tmp_path / "catalogue.db"


def list_numbers(folder):
    with open_state(make_config(folder)) as state:
        return [row["number"] for row in read_rows(state.engine, NUMBERS)]


def spoil(catalogue):
    """Overwrite everything but the header, whose page still opens."""
    content = catalogue.read_bytes()
    catalogue.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


@pytest.mark.parametrize(
    ("garbage", "reason"), [(b"no database" * 999, "file is not a database"), (b"", "the file is cut off")]
)
def test_a_catalogue_that_does_not_open_gives_way_to_its_copy(catalogue, garbage, reason, caplog):
    catalogue.write_bytes(garbage)
    assert list_numbers(catalogue.parent) == [1, 2, 3]
    (aside,) = catalogue.parent.glob("catalogue.damaged-*.db")
    assert aside.read_bytes() == garbage
    assert (
        f"was damaged ({reason}) and is kept as '{aside.name}'; its copy has taken its place with the 1 transaction"
        in (caplog.text)
    )
    assert "and nothing that was acknowledged is missing" in caplog.text


def test_a_catalogue_that_was_deleted_is_not_begun_anew_in_silence(catalogue, caplog):
    catalogue.unlink()
    assert list_numbers(catalogue.parent) == [1, 2, 3]
    assert "was damaged (the file is gone); its copy" in caplog.text


def test_damage_met_midway_ends_the_command_and_the_next_one_works(catalogue):
    with sqlite3.connect(catalogue) as connection:
        connection.execute("UPDATE generations SET cursor = '{\"parts\": [x' WHERE number = 3")
    whole = sa.select(generations_table)
    with (
        pytest.raises(StateError, match=r"was damaged \(Expecting value.*\) and is kept as .*; run this again"),
        open_state(make_config(catalogue.parent)) as state,
    ):
        read_rows(state.engine, whole)
    with open_state(make_config(catalogue.parent)) as state:
        assert [row["number"] for row in read_rows(state.engine, whole)] == [1, 2, 3]


def test_nothing_takes_the_place_of_a_sound_catalogue(catalogue):
    with pytest.raises(StateError, match="is sound again; run this once more"):
        restore_backup(catalogue, "a rumour")
    assert list_numbers(catalogue.parent) == [1, 2, 3]


def test_without_a_sound_copy_the_sentence_says_so_and_nothing_is_moved(catalogue):
    for path in (catalogue, name_backup(catalogue)):
        path.write_bytes(b"gone")
    with pytest.raises(StateError, match=r"has no sound copy beside it \(.* was altered\); restore it from a backup"):
        list_numbers(catalogue.parent)
    assert catalogue.read_bytes() == b"gone"


def test_a_copy_is_not_taken_of_what_is_damaged(catalogue):
    before = name_backup(catalogue).read_bytes()
    spoil(catalogue)
    engine = sa.create_engine(f"sqlite:///{catalogue}")
    with pytest.raises(StateError, match=r"is damaged \(.*\), so no copy of it took the place of"):
        save_backup(engine)
    assert name_backup(catalogue).read_bytes() == before
    assert not find_damage(name_backup(catalogue))


def test_nobody_restores_while_an_update_is_at_work(catalogue):
    with open_state(make_config(catalogue.parent)) as state, lock_updates(state):
        for name in ("catalogue.db-wal", "catalogue.db-shm"):
            (catalogue.parent / name).unlink(missing_ok=True)
        catalogue.write_bytes(b"no database" * 999)
        with pytest.raises(StateError, match="Another update"), open_state(make_config(catalogue.parent)):
            pass
    assert catalogue.read_bytes() == b"no database" * 999


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    own = name_temporary(tmp_path / "own")
    dead = own.with_name(own.name.replace(f"-{os.getpid()}-", f"-{int(gone.stdout)}-"))
    beside = dead.with_name(f"{dead.name}-journal")
    elsewhere, old = tmp_path / ".abcdef12-1-1.tmp", tmp_path / "deep" / ".abcdef12-1-2.tmp"
    old.parent.mkdir()
    for path in (own, dead, beside, elsewhere, old, tmp_path / "kept.json"):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        [own.name, elsewhere.name, "kept.json"]
    )


def test_a_full_disk_keeps_the_older_copy(catalogue, monkeypatch):
    before = name_backup(catalogue).read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with (
        open_state(make_config(catalogue.parent)) as state,
        pytest.raises(StateError, match=r"backup.db' cannot be written \(No space left on device\); free some space"),
    ):
        save_backup(state.engine)
    assert name_backup(catalogue).read_bytes() == before
    assert not list(Path(catalogue.parent).glob(".*.tmp"))


def test_a_catalogue_that_fills_its_disk_says_so(tmp_path):
    with open_state(make_config(tmp_path)) as state:
        add_generation(state.engine, 1)
        with state.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(StateError, match="cannot be written, since its disk is full; free some space"):
            add_generation(state.engine, 2, why="x" * 100_000)
        assert [row["number"] for row in read_rows(state.engine, NUMBERS)] == [1]


def test_a_catalogue_another_process_writes_to_is_busy(tmp_path):
    with open_state(make_config(tmp_path)) as state:
        other = sqlite3.connect(tmp_path / "catalogue.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with state.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 10")
        with pytest.raises(StateError, match="is busy, since another process"):
            add_generation(state.engine, 1)
        other.close()
