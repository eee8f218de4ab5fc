"""Files named by their content: whole or not there, never altered unseen."""

import os
import pickle
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.common.errors import StateError
from pointsman.common.storage.files import FileStore, compute_digest, save_atomically
from pointsman.common.tabular.writers import write_table


def test_the_same_content_is_one_file(tmp_path):
    store = FileStore(tmp_path)
    name = store.save(b"rows", ".bin")
    assert store.save(b"rows", ".bin") == name == compute_digest(b"rows") + ".bin"
    assert store.load(name) == b"rows"
    assert [path.name for path in tmp_path.rglob("*.bin")] == [name]


@pytest.mark.parametrize("content", [b"", b"rowz", b"rows and more"])
def test_an_altered_file_is_refused_by_name(tmp_path, content):
    store = FileStore(tmp_path)
    name = store.save(b"rows", ".bin")
    store.path(name).write_bytes(content)
    with pytest.raises(StateError, match=rf"{name}' was altered; restore it"):
        store.load(name)


def test_a_missing_file_is_named(tmp_path):
    name = compute_digest(b"rows") + ".bin"
    with pytest.raises(StateError, match=rf"{name}' is missing"):
        FileStore(tmp_path).load(name)


@pytest.mark.parametrize(
    "name",
    [
        "../outside.bin",
        "/etc/hostname",
        "",
        "abc.bin",
        "ab/" + "0" * 64,
        "0" * 64 + "/../../outside.bin",
        "0" * 64 + "..",
        "0" * 64 + ".bin\n",
        "0" * 64 + ".bin\0",
        "A" * 64,
        "C:\\" + "0" * 64,
    ],
)
def test_a_name_that_leads_out_of_the_store_is_refused_before_anything_is_opened(tmp_path, monkeypatch, name):
    (tmp_path / "outside.bin").write_bytes(b"secret")
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was opened"))
    with pytest.raises(StateError, match="which is no file of the store"):
        FileStore(tmp_path / "files").load(name)


@given(st.binary(max_size=20), st.sampled_from(["", ".json", ".parquet", ".tar.gz", ".npz"]))
def test_every_name_that_a_store_gives_is_one_that_it_takes(content, suffix):
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(Path(folder))
        assert store.load(store.save(content, suffix)) == content


def test_a_table_comes_back_as_it_was(tmp_path):
    table = pd.DataFrame({"a": [1.5, None], "b": pd.Series(["x", None], dtype="str"), "c": ["1", "2"]})
    store = FileStore(tmp_path)
    name = store.save_table(table)
    pd.testing.assert_frame_equal(store.load_table(name), table)
    assert list(store.load_table(name, ["c"])) == ["c"]


@pytest.mark.parametrize("content", [b"", b"rows", b"PAR1" + bytes(40) + b"PAR1", pickle.dumps([1])])
def test_a_file_that_is_no_table_is_named(tmp_path, content):
    store = FileStore(tmp_path)
    name = store.save(content, ".parquet")
    with pytest.raises(StateError, match=rf"{name}' is no table that can be read"):
        store.load_table(name)


def test_a_repair_writes_over_what_was_altered_and_over_nothing_else(tmp_path):
    store = FileStore(tmp_path)
    path = store.path(store.repair(b"rows", ".bin"))
    first = path.stat().st_ino
    store.repair(b"rows", ".bin")
    assert path.stat().st_ino == first
    path.write_bytes(b"rowz")
    assert store.load(store.repair(b"rows", ".bin")) == b"rows"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    save_atomically(path, b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StateError, match=r"report.json' cannot be written \(disk full\); look at the disk"):
        save_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_what_is_stored_already_is_not_written_again(tmp_path):
    store = FileStore(tmp_path)
    path = store.path(store.save(b"rows", ".bin"))
    first = path.stat()
    store.save(b"rows", ".bin")
    assert path.stat().st_ino == first.st_ino


def test_what_is_saved_again_is_young_again(tmp_path):
    store = FileStore(tmp_path)
    path = store.path(store.save(b"rows", ".bin"))
    os.utime(path, (0, 0))
    store.save(b"rows", ".bin")
    assert path.stat().st_mtime > 0


@pytest.mark.skipif(os.name != "posix", reason="modes of files are a matter of POSIX")
@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_have_the_rights_that_the_umask_leaves_and_answers_are_private(tmp_path, umask, rights):
    before = os.umask(umask)
    try:
        save_atomically(tmp_path / "report.html", b"x")
        write_table(pd.DataFrame({"predict": [1]}), tmp_path / "answers.csv")
    finally:
        os.umask(before)
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == rights
    assert (tmp_path / "answers.csv").stat().st_mode & 0o777 == 0o600
