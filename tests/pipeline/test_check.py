"""The check command finds whatever is not as it was stored, and its advice mends it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from small_stream import LINEAR, ROWS, configure, copy, make_rows, opened

from pointsman.cli import main
from pointsman.common.errors import StateError
from pointsman.common.storage.backup import name_backup
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.journal import name_journal
from pointsman.meta.label_tables import labels_table
from pointsman.pipeline.check import check
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.inference import infer
from pointsman.pipeline.labels.intake import add_labels
from pointsman.registry.generations import load_generation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def answered(linear_stream, tmp_path_factory):
    """A stream of three batches, a request that was answered, and a label of it that no update took yet."""
    folder = copy(linear_stream, tmp_path_factory.mktemp("checked") / "copy")
    make_rows().tail(ROWS // 2).to_csv(folder / "asked.csv", index=False)
    config = configure(folder, LINEAR)
    answers = pd.read_csv(infer(config, folder / "asked.csv"))
    (folder / "sound.csv").write_text(answers["predict_proba"].to_csv())
    with opened(folder, LINEAR) as (config, state):
        schema = load_generation(state).schema
        add_labels(config, state, [(answers["predict_id"][0], schema.classes[0])], "by hand")
    return folder


@pytest.fixture
def folder(answered, tmp_path):
    return copy(answered, tmp_path / "stream")


def change(folder, statement):
    """Change a cell behind the product's back."""
    with closing(sqlite3.connect(folder / "state" / "catalogue.db")) as connection:
        assert connection.execute(statement).rowcount > 0
        connection.commit()


def flip(path, place=100):
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)


WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-dac_override"]
"""What takes from the administrator the right to write everywhere."""


def run_without_rights(*words):
    """Run a command as somebody to whom permissions of files apply; skipped where that cannot be had."""
    prefix = WITHOUT_RIGHTS if os.geteuid() == 0 else []
    if prefix and not shutil.which(prefix[0]):
        pytest.skip("setpriv is missing, and the administrator may write everywhere")
    run = [*prefix, sys.executable, ROOT / "run.py", *words]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def test_a_state_that_may_only_be_read_is_looked_at(folder):
    places = [folder / "state", *(folder / "state").rglob("*")]
    modes = {path: path.stat().st_mode for path in places}
    try:
        for path in places:
            path.chmod(modes[path] & ~0o222)
        done = run_without_rights("check", f"state_dir={folder / 'state'}")
        assert (done.returncode, done.stderr) == (0, "")
        assert "is sound: 3 generations" in done.stdout
        refused = run_without_rights("check", "--mend", f"state_dir={folder / 'state'}")
        assert refused.returncode == 1
        assert "it may be read but not written here; give this user the right to write" in refused.stderr
    finally:
        for path in places:
            path.chmod(modes[path])


def answer(folder):
    answers = pd.read_csv(infer(configure(folder, LINEAR), folder / "asked.csv"))
    return answers["predict_proba"].to_csv() == (folder / "sound.csv").read_text()


def list_labels(folder):
    with opened(folder, LINEAR) as (_, state):
        return len(read_rows(state.engine, sa.select(labels_table)))


def test_a_sound_state_has_no_findings_and_is_not_changed(folder, capsys):
    config = configure(folder, LINEAR)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "state" / "files").rglob("*")}
    checked = check(config)
    assert checked.findings == ()
    assert checked.seen.startswith("3 generations, ")
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "state" / "files").rglob("*")} == before
    words = [f"state_dir={folder / 'state'}"]
    assert main(["check", *words]) == 0
    assert "is sound: 3 generations" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE members SET role = 'champioo' WHERE role = 'champion'", "'members'"),
        ("UPDATE aliases SET alias = 'productioo' WHERE alias = 'production'", "'aliases'"),
        ("UPDATE generations SET cause = 'updatf' WHERE number = 3", "'generations' (row 3: cause)"),
        ("UPDATE drift_tests SET aspect = 'x' || aspect", "'drift_tests'"),
        (
            "UPDATE generations SET schema = json_set(schema, '$.classes', json_array("
            "json_extract(schema, '$.classes[1]'), json_extract(schema, '$.classes[0]'))) WHERE number = 3",
            "'generations' (row 3: schema)",
        ),
        ("UPDATE versions SET threshold = threshold + 0.125", "'versions'"),
        ("UPDATE labels SET label = 'x' || label", "'labels'"),
        ("UPDATE generations SET parent = 1 WHERE number = 3", "'generations' (row 3: parent)"),
    ],
)
def test_a_flipped_cell_is_found_and_mended_and_nothing_wrong_is_served(folder, statement, named, capsys):
    change(folder, statement)
    (finding,) = check(configure(folder, LINEAR)).findings
    assert named in finding
    assert finding.endswith("python run.py check --mend puts its copy and journal in its place.")
    assert answer(folder)
    words = [f"state_dir={folder / 'state'}"]
    assert main(["models", "history", *words]) == 0
    assert main(["check", "--mend", *words]) == 0
    assert check(configure(folder, LINEAR)).findings == ()
    assert list_labels(folder) == 1
    capsys.readouterr()


def test_the_copy_and_the_journal_are_looked_at_too(folder):
    config, catalogue = configure(folder, LINEAR), folder / "state" / "catalogue.db"
    for path, told in ((name_backup(catalogue), "was altered"), (name_journal(catalogue), "Line 1 of the journal")):
        flip(path, 200)
        assert any(
            told in finding and "check --mend makes copy and journal anew" in finding
            for finding in check(config).findings
        )
        assert answer(folder)
        assert check(config, mends=True).findings == ()


def test_every_altered_file_is_found_and_what_can_be_made_again_is(folder, capsys):
    config = configure(folder, LINEAR)
    with opened(folder, LINEAR) as (_, state):
        champion = load_generation(state).champion
        newest = read_rows(state.engine, sa.select(batches).order_by(batches.c.number.desc()).limit(1))[0]
        broken = {name: state.files.path(name) for name in (champion.manifest, newest["clean_file"], newest["file"])}
    sound = {name: path.read_bytes() for name, path in broken.items()}
    for path in broken.values():
        flip(path)
    found = check(config).findings
    assert all(sum(name in finding for finding in found) == 1 for name in broken)
    words = [f"state_dir={folder / 'state'}"]
    assert main(["check", *words]) == 1
    told = capsys.readouterr()
    assert "was altered" in told.out
    assert "findings in the state" in told.err
    broken[newest["file"]].write_bytes(sound[newest["file"]])  # restored from a backup, as the sentence says
    assert any(f"python run.py models rebuild {champion.id} makes it again" in finding for finding in found)
    assert main(["models", "rebuild", champion.id, *words]) == 0
    assert check(config, mends=True).findings == ()
    assert answer(folder)


def test_a_golden_answer_that_is_off_is_found_though_it_was_verified_before(folder, monkeypatch):
    from pointsman.model_zoo import golden

    monkeypatch.setattr(golden, "find_difference", lambda *_: 0.5)
    found = check(configure(folder, LINEAR)).findings
    assert found
    assert all("golden rows 0.5 off" in finding and "models rebuild" in finding for finding in found)


def test_where_the_copy_has_the_same_rows_an_older_sound_generation_serves_and_is_named(folder, caplog):
    change(folder, "UPDATE generations SET batch = 7 WHERE number = 3")
    for path in (name_backup(folder / "state" / "catalogue.db"), name_journal(folder / "state" / "catalogue.db")):
        path.unlink()
    config = configure(folder, LINEAR)
    check(config, mends=True)  # the copy is made of the catalogue as it is
    (finding,) = check(config).findings
    assert "The rows of generation 3 are not those that were stored, here and in the copy" in finding
    infer(config, folder / "asked.csv")
    assert "generation 3 is broken, generation 2 is asked" in caplog.text
    assert "models rollback --to 2" in finding
    assert main(["models", "rollback", "--to", "2", f"state_dir={folder / 'state'}"]) == 0
    with opened(folder, LINEAR) as (_, state):
        assert load_generation(state).number == 4


def test_a_lost_catalogue_is_found_without_being_made_anew(folder):
    config = configure(folder, LINEAR)
    for ending in ("", "-wal", "-shm"):
        (folder / "state" / f"catalogue.db{ending}").unlink(missing_ok=True)
    assert "(the file is gone)" in check(config).findings[0]
    assert not (folder / "state" / "catalogue.db").exists()
    assert check(config, mends=True).findings == ()
    assert list_labels(folder) == 1


def test_a_state_that_is_not_there_is_refused(folder):
    shutil.rmtree(folder / "state")
    with pytest.raises(StateError, match="There is no state in"):
        check(configure(folder, LINEAR))
