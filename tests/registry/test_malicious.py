"""Stored files of an attacker who can also mend every hash: none of their code runs, and one sentence says why."""

import io
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_versions import make_version

from pointsman.common.errors import StateError
from pointsman.common.storage.files import FileStore, compute_digest
from pointsman.common.task import Task
from pointsman.model_zoo import archives
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import FAMILIES as ZOO
from pointsman.model_zoo.fitting import fit_model
from pointsman.model_zoo.golden import make_golden_parts
from pointsman.registry.versions import ModelShelf, load_manifest, save_parts

FEATURES = pd.DataFrame({"worth": np.arange(60.0), "make": pd.Series(["a", "b", "c"] * 20, dtype="str")})
TARGET = (np.arange(60) > 20).astype(float)
FAMILIES = [name for name in ("tree", "linear", "knn", "lightgbm", "extra_trees", "catboost") if ZOO[name].installed]
PARTS = {
    "tree": ("estimator/trees.npz", "encoder.npz"),
    "extra_trees": ("estimator/trees.npz",),
    "catboost": ("estimator/catboost.npz", "estimator/catboost.json"),
    "linear": ("estimator/linear.npz",),
    "knn": ("estimator/knn.npz",),
    "lightgbm": (
        "estimator/lightgbm.txt",
        "estimator/lightgbm.json",
        "model.json",
        "estimator/estimator.json",
        "golden/rows.json",
        "golden/answers.json",
    ),
}
FORGED = [(family, part) for family in FAMILIES for part in PARTS[family]]


def touch(path):
    Path(path).write_text("the payload ran")


class Payload:
    """Whatever makes one of these runs the attacker's code: by unpickling, by its state or by its construction."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return touch, (self.path,)

    def __getstate__(self):
        return {"path": self.path}

    def __setstate__(self, state):
        touch(state["path"])


def make_npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def fitted():
    models = {
        family: fit_model(Candidate(family, "onehot"), FEATURES, TARGET, Task.BINARY, ("no", "yes"), seed=1)
        for family in FAMILIES
    }
    return {family: model.dump() | make_golden_parts(model, FEATURES, 1) for family, model in models.items()}


@pytest.fixture
def files(tmp_path):
    return FileStore(tmp_path / "files")


@pytest.fixture
def trace(tmp_path):
    """The file that the payload would write; it must never appear."""
    path = tmp_path / "trace.txt"
    yield path
    assert not path.exists()


def forge(files, parts, **changes):
    """Store a model with some of its parts replaced, every hash right."""
    manifest, _ = save_parts(files, parts | changes)
    return make_version(7, manifest=manifest)


def refuse(files, version, match):
    with pytest.raises(StateError, match=match) as caught:
        ModelShelf(files).load(version)
    assert str(caught.value).startswith("The version 'linear-0007' cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_the_payloads_are_real(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "pickled.txt")))
    np.load(io.BytesIO(make_npz(rows=np.array([Payload(tmp_path / "array.txt")]))), allow_pickle=True)["rows"]
    assert {path.name for path in tmp_path.iterdir()} == {"pickled.txt", "array.txt"}


def test_what_is_forged_is_sound_without_the_forgery(files, fitted):
    for parts in fitted.values():
        ModelShelf(files).load(forge(files, parts))


@pytest.mark.parametrize(("family", "part"), FORGED, ids=[f"{family} {part}" for family, part in FORGED])
def test_a_pickle_in_place_of_any_part_is_refused(files, trace, fitted, family, part):
    version = forge(files, fitted[family], **{part: pickle.dumps(Payload(trace))})
    refuse(files, version, r"rebuild linear-0007")


@pytest.mark.parametrize(("family", "part"), [one for one in FORGED if one[1].endswith(".npz")])
def test_an_object_in_an_archive_is_refused(files, trace, fitted, family, part):
    with np.load(io.BytesIO(fitted[family][part])) as known:
        arrays = dict(known) | {next(iter(known)): np.array([Payload(trace)])}
    refuse(files, forge(files, fitted[family], **{part: make_npz(**arrays)}), "allow_pickle=False")


@pytest.mark.parametrize("outside", ["../outside.json", "{folder}/outside.json", "ab/../../outside.json"])
def test_a_path_outside_the_store_is_refused_before_it_is_opened(files, tmp_path, fitted, monkeypatch, outside):
    (tmp_path / "outside.json").write_text("{}")
    name = outside.format(folder=tmp_path)
    listed = load_manifest(files, forge(files, fitted["tree"]).manifest)
    inside = files.save(json.dumps(listed | {"model.json": name}).encode(), ".json")
    opened = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or read(path))
    refuse(files, make_version(7, manifest=name), "no file of the store")
    refuse(files, make_version(7, manifest=inside), "no file of the store")
    assert all(path.resolve().is_relative_to(files.folder) for path in opened)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b'{"model.json": 3}', b"{", b"[" * 100_000, b"\xff", b"null"])
def test_a_manifest_that_is_none_is_refused(files, content):
    refuse(files, make_version(7, manifest=files.save(content, ".json")), "does not list the files of a model")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{", b"[" * 100_000, b'{"protocol": "x"}', b'{"protocol": 1}'])
@pytest.mark.parametrize("part", ["model.json", "encoder.json", "estimator/estimator.json", "golden/rows.json"])
def test_a_description_that_is_none_is_refused(files, fitted, part, content):
    refuse(files, forge(files, fitted["tree"], **{part: content}), r"rebuild linear-0007")


@pytest.mark.parametrize(("family", "part"), [one for one in FORGED if one[1].endswith(".npz")])
def test_an_archive_that_would_fill_the_memory_stays_shut(files, fitted, monkeypatch, family, part):
    monkeypatch.setattr(archives, "LARGEST_UNPACKED", 100_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(1_000_000))
    unpack = zipfile.ZipFile.open

    def watch(archive, name, *options):
        assert name != "zeros.npy"
        return unpack(archive, name, *options)

    monkeypatch.setattr(zipfile.ZipFile, "open", watch)
    refuse(files, forge(files, fitted[family], **{part: bomb.getvalue()}), "would unpack to 1000000 bytes")


@pytest.mark.parametrize("family", ["tree", "extra_trees"])
@pytest.mark.parametrize(("field", "position"), [("left", 10**6), ("right", 0), ("feature", 99), ("left", -7)])
def test_a_tree_that_leads_astray_is_refused(files, fitted, family, field, position):
    arrays = load_arrays(fitted[family]["estimator/trees.npz"])
    arrays[field][0] = position
    forged = forge(files, fitted[family], **{"estimator/trees.npz": dump_arrays(**arrays)})
    refuse(files, forged, "leads out of its own nodes")


@pytest.mark.parametrize("starts", [[0], [0, 2], [-1, 1], [1, 0], [0, 10**6]])
def test_trees_that_do_not_fit_together_are_refused(files, fitted, starts):
    arrays = load_arrays(fitted["tree"]["estimator/trees.npz"]) | {"starts": np.array(starts)}
    refuse(files, forge(files, fitted["tree"], **{"estimator/trees.npz": dump_arrays(**arrays)}), "do not fit together")


@pytest.mark.parametrize("row", [-1, 10**6])
def test_an_encoder_that_leads_out_of_its_tables_is_refused(files, fitted, row):
    arrays = load_arrays(fitted["tree"]["encoder.npz"])
    arrays["levels.rows"][0] = row
    forged = forge(files, fitted["tree"], **{"encoder.npz": dump_arrays(**arrays)})
    refuse(files, forged, "leads out of its own tables")


@pytest.mark.parametrize("shapes", [[[3, 4], [2, 2]], [[1, 12]], [[-3, -4]], [[10**6, 4]]])
def test_tables_that_do_not_fit_together_are_refused(files, fitted, shapes):
    arrays = load_arrays(fitted["tree"]["encoder.npz"]) | {"levels.shapes": np.array(shapes)}
    refuse(files, forge(files, fitted["tree"], **{"encoder.npz": dump_arrays(**arrays)}), "tables")


def test_a_model_that_does_not_answer_its_golden_rows_is_refused_with_the_libraries(files, fitted):
    version = forge(files, fitted["tree"], **{"golden/answers.json": fitted["linear"]["golden/answers.json"]})
    elsewhere = replace(version, environment={"numpy": "1.0.0", "scipy": "9.9.9"})
    refuse(files, elsewhere, r"golden rows .* off .* \(numpy 1\.0\.0 then, \d.*; scipy 9\.9\.9 then, .*rebuild")


def test_flipped_bytes_are_noticed_wherever_they_are(files, fitted):
    version = forge(files, fitted["lightgbm"])
    for name in [version.manifest, *load_manifest(files, version.manifest).values()]:
        path, whole = files.path(name), files.load(name)
        place = len(whole) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert compute_digest(path.read_bytes()) != name.partition(".")[0]
        refuse(files, version, "was altered; restore it")
        path.unlink()
        refuse(files, version, "is missing; restore it")
        path.write_bytes(whole)
    ModelShelf(files).load(version)
