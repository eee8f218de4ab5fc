"""A published folder: complete, nothing pickled, and refused before anything is constructed where it was altered."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from made_versions import make_version

from pointsman.common.errors import StateError
from pointsman.common.storage.files import FileStore
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import fit_model
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.reference import InputReference
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.registry.publication import collect, collect_ensemble, unpack
from pointsman.registry.versions import save_parts

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
    [
        ("manifest.json", b"{"),
        ("manifest.json", b"[]"),
        ("manifest.json", b'{"a": 5}'),
        ("version.json", b"{}"),
        ("reading.json", b"\xff"),
    ],
)
def test_a_folder_of_another_tool_is_one_sentence(folder, name, content):
    with pytest.raises(StateError, match="not one that Pointsman published"):
        read({**folder, name: content})
    with pytest.raises(StateError, match="not one that Pointsman published"):
        read({other: kept for other, kept in folder.items() if other != name})


def test_the_digest_is_of_what_decides_the_answers(folder):
    first = read(folder)
    assert read({**folder, "MLmodel": b"changed"}).digest == first.digest
    assert read({**folder, "reading.json": b"{}"}).digest != first.digest


MEMBERS = {
    "clean": {"tree-0001": 0.75, "tree-0002": 0.25},
    "sparse": {"tree-0002": 1.0},
    "anomalous": {"tree-0002": 1.0},
}


@pytest.fixture
def ensemble(model, rows, tmp_path):
    """The published files of an ensemble, by path."""
    store = FileStore(tmp_path)
    manifest, size = save_parts(store, model.dump())
    members = [make_version(number, family="tree", manifest=manifest, bytes=size) for number in (1, 2)]
    version = make_version(3, family="ensemble", params={"members": MEMBERS}, threshold=0.2)
    reference = fit_input_reference(rows).to_json()
    return collect_ensemble(store, version, members, reference, READING).pack()


class TestEnsemble:
    def test_it_packs_its_members_apart_with_their_weights_and_what_tells_kinds_of_rows(self, ensemble, model, rows):
        again = read(ensemble)
        assert again.pack() == ensemble
        assert again.version.members == tuple(MEMBERS.values())
        assert sorted(again.members) == ["tree-0001", "tree-0002"]
        for name, version in again.members.items():
            assert version.id == name
            assert np.array_equal(Model.load(again.list_parts(name)).predict(rows), model.predict(rows))
        assert InputReference.from_json(again.parts["reference.json"]) == fit_input_reference(rows)

    def test_a_flipped_byte_in_any_part_is_refused_by_the_name_of_the_file(self, ensemble):
        parts = [name for name in ensemble if name.startswith("parts/")]
        assert {name.split("/")[1] for name in parts} == {"tree-0001", "tree-0002", "ensemble.json", "reference.json"}
        for name in parts:
            altered = bytearray(ensemble[name])
            altered[len(altered) // 2] ^= 1
            with pytest.raises(StateError, match=re.escape(name.removeprefix("parts/"))):
                read({**ensemble, name: bytes(altered)})

    @pytest.mark.parametrize(
        "changes", [{"threshold": 0.9}, {"params": {"members": MEMBERS | {"clean": {"tree-0001": 1}}}}]
    )
    def test_weights_and_threshold_beside_the_parts_are_held_against_them(self, ensemble, changes):
        described = json.loads(ensemble["version.json"]) | changes
        with pytest.raises(StateError, match="was altered since it was published"):
            read({**ensemble, "version.json": json.dumps(described).encode()})

    def test_a_member_that_is_missing_is_one_sentence(self, ensemble):
        listed = json.loads(ensemble["manifest.json"])
        fewer = {name: stored for name, stored in listed.items() if not name.startswith("tree-0002/")}
        with pytest.raises(StateError, match="not one that Pointsman published"):
            read({**ensemble, "manifest.json": json.dumps(fewer).encode()})

    def test_its_digest_is_of_weights_members_and_reference(self, ensemble):
        assert len({read(ensemble).digest, read({**ensemble, "reading.json": b"{}"}).digest}) == 2
        assert read({**ensemble, "MLmodel": b"changed"}).digest == read(ensemble).digest
