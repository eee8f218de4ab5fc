"""Whatever was committed is in the journal, in order and once, whoever was killed in between."""

import os
import random
import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from test_backup import add_generation, list_numbers, make_config

from pointsman.common.errors import DamagedCatalogue, Restored, StateError
from pointsman.common.performance import performance_table
from pointsman.common.storage import recording, state
from pointsman.common.storage.backup import name_backup, save_backup
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.journal import append, name_journal, read_journal
from pointsman.common.storage.restoring import BEHIND, find_damage
from pointsman.common.storage.state import open_state, run_restored
from pointsman.registry.tables import generations_table

COST = {"command": "update", "stage": "search", "seconds": 0.1, "cpu_seconds": 1e-300, "peak_mb": 90.0, "rows": 10}
SUBJECTS = sa.select(performance_table.c.subject).order_by(performance_table.c.id)


def add_cost(engine, *subjects):
    draft = Draft()
    draft.add(performance_table, [COST | {"subject": subject} for subject in subjects])
    draft.commit(engine)


def list_costs(folder):
    with open_state(make_config(folder)) as opened:
        return [row["subject"] for row in read_rows(opened.engine, SUBJECTS)]


def destroy(folder):
    """Delete the catalogue and all that SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm"):
        (folder / f"catalogue.db{ending}").unlink(missing_ok=True)


@pytest.fixture
def folder(tmp_path):
    """A state with three costs since its copy, two of them of one transaction, and none of it copied."""
    with open_state(make_config(tmp_path)) as opened:
        add_generation(opened.engine, 1)
        save_backup(opened.engine)
        add_cost(opened.engine, "a")
        add_cost(opened.engine, "b", "c \N{SNOWMAN}\n")
    return tmp_path


def test_what_was_committed_since_the_copy_survives_the_loss_of_the_catalogue(folder, caplog):
    destroy(folder)
    assert list_costs(folder) == ["a", "b", "c \N{SNOWMAN}\n"]
    assert (
        "with the 2 transactions of the journal since then, and nothing that was acknowledged is missing" in caplog.text
    )
    assert not find_damage(folder / "catalogue.db")


def test_changes_and_deletions_are_in_it_too(folder):
    with open_state(make_config(folder)) as opened, opened.engine.begin() as connection:
        connection.execute(performance_table.update().where(performance_table.c.subject == "a").values(rows=11))
        connection.execute(sa.delete(performance_table).where(performance_table.c.subject == "b"))
    destroy(folder)
    with open_state(make_config(folder)) as opened:
        found = read_rows(opened.engine, sa.select(performance_table).order_by(performance_table.c.id))
    assert [(row["subject"], row["rows"]) for row in found] == [("a", 11), ("c \N{SNOWMAN}\n", 10)]
    assert found[0]["cpu_seconds"] == 1e-300


def test_what_was_rolled_back_never_comes_about(folder):
    with open_state(make_config(folder)) as opened:
        draft = Draft()
        draft.add(performance_table, [COST | {"subject": "never"}, {"subject": "lacks its cells"}])
        with pytest.raises(sa.exc.SQLAlchemyError):
            draft.commit(opened.engine)
        add_cost(opened.engine, "d")
    destroy(folder)
    assert list_costs(folder)[3:] == ["d"]


def test_a_commit_that_fails_after_it_was_written_is_taken_back(folder, monkeypatch):
    with open_state(make_config(folder)) as opened:

        def fail(_connection):
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(opened.engine.dialect, "do_commit", fail)
        with pytest.raises(Exception, match="disk I/O"):
            add_cost(opened.engine, "never")
    destroy(folder)
    assert list_costs(folder) == ["a", "b", "c \N{SNOWMAN}\n"]


def test_what_a_process_killed_between_journal_and_commit_wrote_is_carried_out_by_who_comes_next(folder, caplog):
    kept = shutil.copy(folder / "catalogue.db", folder / "before.db")
    with open_state(make_config(folder)) as opened:
        add_cost(opened.engine, "killed")
    shutil.copy(kept, folder / "catalogue.db")  # the transaction is in the journal and not in the catalogue
    assert find_damage(folder / "catalogue.db") == BEHIND
    assert list_costs(folder)[3:] == ["killed"]
    assert "lacked 1 transaction of its journal (performance:1)" in caplog.text
    assert not find_damage(folder / "catalogue.db")
    with open_state(make_config(folder)) as opened:
        add_cost(opened.engine, "next")
    destroy(folder)
    assert list_costs(folder)[3:] == ["killed", "next"]


def test_an_older_catalogue_over_a_newer_one_loses_nothing(folder, caplog):
    kept = shutil.copy(folder / "catalogue.db", folder / "before.db")
    with open_state(make_config(folder)) as opened:
        for subject in "def":
            add_cost(opened.engine, subject)
    shutil.copy(kept, folder / "catalogue.db")
    assert find_damage(folder / "catalogue.db") == BEHIND
    assert list_costs(folder)[3:] == ["d", "e", "f"]
    assert "lacked 3 transactions of its journal" in caplog.text
    caplog.clear()
    assert list_costs(folder)[3:] == ["d", "e", "f"]
    assert not caplog.records


def test_a_catalogue_that_became_older_beneath_a_service_takes_no_number_twice(folder):
    kept = shutil.copy(folder / "catalogue.db", folder / "before.db")
    with open_state(make_config(folder)) as opened:
        add_cost(opened.engine, "d")
        opened.engine.dispose()
        (folder / "catalogue.db").write_bytes(kept.read_bytes())  # the same file, with the content of before
        run_restored(opened, lambda: add_cost(opened.engine, "e"))
    assert list_costs(folder)[3:] == ["d", "e"]


def test_another_stream_s_catalogue_gives_way_to_copy_and_journal(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    with open_state(make_config(other)) as opened:
        add_cost(opened.engine, "another")
    with open_state(make_config(folder)) as opened:
        add_cost(opened.engine, "d")
    shutil.copy(other / "catalogue.db", folder / "catalogue.db")
    with pytest.raises(Restored), open_state(make_config(folder)):
        pass
    assert list_costs(folder)[3:] == ["d"]


@pytest.mark.parametrize("lost", [("journal",), ("backup",), ("journal", "backup")])
def test_a_journal_or_copy_that_is_gone_is_told_and_made_anew(folder, lost, caplog):
    names = {"journal": name_journal(folder / "catalogue.db"), "backup": name_backup(folder / "catalogue.db")}
    for one in lost:
        names[one].unlink()
    assert list_costs(folder) == ["a", "b", "c \N{SNOWMAN}\n"]
    assert " and ".join(names[one].name for one in lost) + " beside the catalogue" in caplog.text
    caplog.clear()
    with open_state(make_config(folder)) as opened:
        add_cost(opened.engine, "d")
    assert not caplog.records
    destroy(folder)
    assert list_costs(folder)[3:] == ["d"]


def test_a_torn_line_was_never_acknowledged(folder):
    journal = name_journal(folder / "catalogue.db")
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole.splitlines()[-1][:40])
    assert read_journal(journal).broken == ()
    with open_state(make_config(folder)) as opened:
        add_cost(opened.engine, "d")
    destroy(folder)
    assert list_costs(folder)[3:] == ["d"]


def test_a_line_that_cannot_be_read_is_named_with_what_it_held(folder, caplog):
    journal = name_journal(folder / "catalogue.db")
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"a"', b'"A"')
    journal.write_bytes(b"".join(lines))
    destroy(folder)
    assert list_costs(folder) == []
    assert (
        "transactions 3 to 4 (performance:1, performance:2) are missing, since line 2 of 'catalogue.journal' cannot"
        in (caplog.text)
    )


def test_any_flipped_bit_of_copy_or_journal_is_seen(folder):
    """None of them leads to rows that were never written: it is refused, or named, or a transaction that is missing."""
    source = random.Random(3)
    for path in (name_journal(folder / "catalogue.db"), name_backup(folder / "catalogue.db")):
        sound = path.read_bytes()
        for _ in range(40):
            spoiled = bytearray(sound)
            spoiled[source.randrange(len(sound))] ^= 1 << source.randrange(8)
            path.write_bytes(spoiled)
            journal = read_journal(name_journal(folder / "catalogue.db"))
            assert find_damage(folder / "catalogue.db") == ""  # the catalogue is sound
            if path.suffix == ".journal":
                assert journal.broken or journal.newest < 4
        path.write_bytes(sound)


def test_the_copy_takes_over_no_damage_from_the_catalogue(folder):
    with closing(sqlite3.connect(folder / "catalogue.db")) as connection:
        connection.execute("UPDATE performance SET rows = 11 WHERE subject = 'a'")
        connection.commit()
    assert find_damage(folder / "catalogue.db") == ("it differs from its copy and journal: 'performance' (row 1: rows)")
    with open_state(make_config(folder)) as opened:
        add_generation(opened.engine, 2)
        assert save_backup(opened.engine) == ""
    assert "'performance' (row 1: rows)" in find_damage(folder / "catalogue.db")


def test_an_unforeseen_failure_over_a_flipped_cell_gives_way_to_the_copy(folder):
    with closing(sqlite3.connect(folder / "catalogue.db")) as connection:
        connection.execute("UPDATE generations SET cause = 'updatf'")
        connection.commit()
    told = r"generations' \(row 1: cause\)\) and is kept as .*; run this again"
    with pytest.raises(StateError, match=told), open_state(make_config(folder)):
        raise ValueError("'updatf' is not a valid Cause")
    with open_state(make_config(folder)) as opened:
        assert read_rows(opened.engine, sa.select(generations_table.c.cause)) == [{"cause": "update"}]
    with pytest.raises(ValueError, match="a mistake of the code"), open_state(make_config(folder)):
        raise ValueError("a mistake of the code")


def test_writers_at_once_are_written_in_the_order_of_their_commits(folder):
    with open_state(make_config(folder)) as opened:
        threads = [
            threading.Thread(target=lambda one=one: [add_cost(opened.engine, f"{one}-{turn}") for turn in range(5)])
            for one in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = [row["subject"] for row in read_rows(opened.engine, SUBJECTS)]
    assert len(expected) == 23
    destroy(folder)
    assert list_costs(folder) == expected


def test_a_writer_whose_file_was_replaced_does_not_write_into_the_old_one(folder):
    with open_state(make_config(folder)) as opened:
        read_rows(opened.engine, SUBJECTS)  # a connection stays open on the file
        destroy(folder)
        with pytest.raises(DamagedCatalogue, match="another file has taken its place"):
            add_cost(opened.engine, "lost")
        state.restore(opened, "the file is gone")
        add_cost(opened.engine, "d")
    assert list_costs(folder)[3:] == ["d"]


@pytest.mark.parametrize("change", ["number = number - 1", "negative = 7", "id = 257"])
def test_a_count_that_is_off_is_noticed_before_it_overwrites_a_transaction(folder, change):
    with closing(sqlite3.connect(folder / "catalogue.db")) as connection:
        connection.execute(f"UPDATE journal SET {change}")
        connection.commit()
    with pytest.raises(StateError, match="its count of transactions is broken"), open_state(make_config(folder)) as one:
        add_cost(one.engine, "d")
    assert list_costs(folder) == ["a", "b", "c \N{SNOWMAN}\n"]


def test_a_copy_that_could_not_be_written_is_told_by_the_next_command(folder, caplog):
    with open_state(make_config(folder)) as opened:
        add_generation(opened.engine, 2)
    assert list_numbers(folder) == [1, 2]
    assert "the copy of the catalogue could not be written after the newest generation; made anew now" in caplog.text
    caplog.clear()
    assert list_numbers(folder) == [1, 2]
    assert not caplog.records
    assert read_journal(name_journal(folder / "catalogue.db")).transactions == ()


def test_a_long_journal_has_the_copy_made_anew(folder, monkeypatch):
    monkeypatch.setattr(state, "LONGEST_JOURNAL", 100)
    assert list_costs(folder)
    assert read_journal(name_journal(folder / "catalogue.db")).transactions == ()


def test_a_disk_that_is_full_refuses_the_transaction(folder, monkeypatch):
    def refuse(_journal, _line):
        raise StateError("The file 'catalogue.journal' cannot be written (No space left on device).")

    with open_state(make_config(folder)) as opened:
        monkeypatch.setattr(recording, "append", refuse)
        with pytest.raises(StateError, match="No space left"):
            add_cost(opened.engine, "d")
        monkeypatch.setattr(recording, "append", append)
        add_cost(opened.engine, "e")
    assert list_costs(folder)[3:] == ["e"]


def test_a_catalogue_of_an_earlier_release_gets_a_journal_with_its_first_transaction(folder):
    with closing(sqlite3.connect(folder / "catalogue.db")) as connection:
        connection.executescript("DROP TABLE journal; UPDATE protocol SET number = 2")
    name_journal(folder / "catalogue.db").unlink()
    name_backup(folder / "catalogue.db").unlink()
    with open_state(make_config(folder)) as opened:
        add_cost(opened.engine, "d")
    destroy(folder)
    assert list_costs(folder) == ["a", "b", "c \N{SNOWMAN}\n", "d"]


def test_without_its_journal_the_message_tells_what_may_be_missing(folder, caplog):
    name_journal(folder / "catalogue.db").unlink()
    destroy(folder)
    os.utime(name_backup(folder / "catalogue.db"), (0, 0))  # as where somebody copied it
    assert list_costs(folder) == []
    today = datetime.now(UTC).date()
    assert f"without a journal beside it all that was written since its newest row of {today}" in caplog.text
