"""A published folder: complete, nothing pickled, and refused before anything is constructed where it was altered."""

import json

import numpy as np
import pandas as pd
import pytest
from made_versions import make_version

from common.errors import ConfigError, StateError
from common.files import FileStore
from common.task import Task
from model_zoo.candidate import Candidate
from model_zoo.model import Model, fit_model
from registry.publication import collect, unpack
from registry.versions import save_parts

READING = {"schema": {"target": "paid", "classes": ("n", "y")}}


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    return pd.DataFrame({"a": generator.normal(size=80), "b": pd.Series(["x", "y"] * 40, dtype="str")})


@pytest.fixture(scope="module")
def model(rows):
    candidate = Candidate("tree", "onehot", guarded=True)
    return fit_model(candidate, rows, (rows["a"] > 0).astype(float).to_numpy(), Task.BINARY, ("n", "y"), seed=1)


@pytest.fixture
def folder(model, tmp_path):
    """The published files, by path."""
    store = FileStore(tmp_path)
    manifest, size = save_parts(store, model.dump())
    return collect(store, make_version(1, manifest=manifest, bytes=size), READING).pack()


def read(folder):
    return unpack(folder.__getitem__, "'here'")


def test_what_is_read_back_is_the_version_and_answers_alike(folder, model, rows):
    again = read(folder)
    assert again.version == make_version(1, manifest=again.version.manifest, bytes=again.version.bytes)
    assert np.array_equal(Model.load(again.parts).predict(rows), model.predict(rows))
    assert again.pack() == folder
    assert again.reading["schema"]["classes"] == ["n", "y"]


def test_nothing_in_it_is_pickled(folder):
    starts_pickle = b"\x80"
    assert not [name for name, content in folder.items() if name.endswith(".pkl") or content[:1] == starts_pickle]


def test_a_flipped_byte_is_refused_by_the_name_of_the_file(folder):
    for name in [name for name in folder if name.startswith("parts/")]:
        altered = bytearray(folder[name])
        altered[len(altered) // 2] ^= 1
        with pytest.raises(StateError, match=name.removeprefix("parts/").replace(".", r"\.")):
            read({**folder, name: bytes(altered)})


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\secret", "a/../../b"])
def test_a_path_outside_the_folder_is_never_read(folder, name):
    asked = []
    manifest = json.dumps({name: "0" * 64 + ".json"}).encode()
    changed = {**folder, "manifest.json": manifest}

    def note(path):
        asked.append(path)
        return changed[path]

    with pytest.raises(StateError, match="no file of its folder"):
        unpack(note, "'here'")
    assert not [path for path in asked if path.startswith("parts/")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("manifest.json", b"{"), ("manifest.json", b"[]"), ("manifest.json", b'{"a": 5}'), ("version.json", b"{}"),
     ("reading.json", b"\xff")],
)  # fmt: skip
def test_a_folder_of_another_tool_is_one_sentence(folder, name, content):
    with pytest.raises(StateError, match="not one that Switchyard published"):
        read({**folder, name: content})
    with pytest.raises(StateError, match="not one that Switchyard published"):
        read({other: kept for other, kept in folder.items() if other != name})


def test_the_digest_is_of_what_decides_the_answers(folder):
    first = read(folder)
    assert read({**folder, "MLmodel": b"changed"}).digest == first.digest
    assert read({**folder, "reading.json": b"{}"}).digest != first.digest


def test_a_blend_names_who_can_be_published(tmp_path):
    blend = make_version(1, family="blend", params={"weights": {"tree-0001": 0.5, "knn-0002": 0.5}})
    with pytest.raises(ConfigError, match="publish a member: tree-0001, knn-0002"):
        collect(FileStore(tmp_path), blend, {})
