"""A version comes back from the catalogue as it was, and its model from the files, or nothing of it does."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from made_versions import commit, make_config, make_ensemble, make_version

from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.model_zoo import golden
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import fit_model
from pointsman.model_zoo.golden import make_golden_parts
from pointsman.model_zoo.model import PROTOCOL
from pointsman.registry.generations import Cause, Generation, Member, Role
from pointsman.registry.tables import versions_table
from pointsman.registry.versions import (
    ENSEMBLE_FAMILY,
    KINDS,
    ModelShelf,
    Version,
    load_model,
    name_kinds,
    name_version,
    save_members,
    save_parts,
)

FEATURES = pd.DataFrame({"worth": np.arange(40.0), "make": pd.Series(["a", "b"] * 20, dtype="str")})
TARGET = (np.arange(40) > 20).astype(float)


@pytest.fixture(scope="module")
def model():
    candidate = Candidate("linear", "target", {"balance": 0.5}, window=3, masked=True, guarded=True)
    return fit_model(candidate, FEATURES, TARGET, Task.BINARY, ("no", "yes"), seed=1).with_threshold(0.3)


@pytest.fixture
def files(tmp_path):
    return FileStore(tmp_path / "files")


@pytest.mark.parametrize(
    "version",
    [
        make_version(1),
        make_version(2, "knn", parent="knn-0001", window=None, masked=False, guarded=True),
        make_version(3, params={"objective": "l2", "rounds": 50, "learning_rate": 0.1, "deep": None, "fast": True}),
        make_version(4, params={}, threshold=1e-300, bytes=2**40),
        make_ensemble(5),
    ],
    ids=["window", "continued", "params", "extremes", "ensemble"],
)
def test_a_version_comes_back_from_the_catalogue_with_every_field_of_its_type(tmp_path, catalogue_url, version):
    with open_state(make_config(tmp_path, catalogue_url)) as state:
        commit(state, Generation().succeed(Cause.UPDATE), [version])
        (row,) = read_rows(state.engine, sa.select(versions_table))
    again = Version.from_row(row)
    assert again == version
    assert [type(cell) for cell in vars(again).values()] == [type(cell) for cell in vars(version).values()]
    assert again.candidate == version.candidate


@pytest.mark.parametrize("twin", [make_version(1, "knn"), make_version(2, id="linear-0001")], ids=["number", "id"])
def test_a_number_or_an_id_is_given_once(tmp_path, catalogue_url, twin):
    with open_state(make_config(tmp_path, catalogue_url)) as state:
        with pytest.raises(sa.exc.IntegrityError, match=r"(?i)unique"):
            commit(state, Generation().succeed(Cause.UPDATE), [make_version(1), twin])
        assert read_rows(state.engine, sa.select(versions_table)) == []


def test_what_a_version_says_of_how_its_model_learns_is_its_candidate():
    version = make_version(1, "knn", variant="target", params={"neighbours": 9}, window=2, masked=False, guarded=True)
    assert version.candidate == Candidate("knn", "target", {"neighbours": 9}, window=2, masked=False, guarded=True)
    assert not version.is_ensemble
    assert make_ensemble(2).is_ensemble


def test_ids_sort_by_number_and_grow_past_four_digits():
    assert name_version("prior", 1) == "prior-0001"
    assert name_version("prior", 12_345) == "prior-12345"


class TestModels:
    def test_a_model_comes_back_from_its_files(self, files, model):
        manifest, size = save_parts(files, model.dump())
        loaded = load_model(files, make_version(1, manifest=manifest))
        parts = model.dump()
        assert loaded.dump() == parts
        assert size == sum(len(content) for content in parts.values())
        assert loaded.threshold == 0.3
        np.testing.assert_array_equal(loaded.predict(FEATURES), model.predict(FEATURES))

    def test_every_part_is_a_file_named_by_its_content_with_its_own_ending(self, files, model):
        listed = json.loads(files.load(save_parts(files, model.dump())[0]))
        assert {name: files.load(stored) for name, stored in listed.items()} == model.dump()
        assert {name.partition(".")[2] for name in listed} == {stored.partition(".")[2] for stored in listed.values()}
        assert {"model.json", "normal.json", "encoder.npz", "estimator/estimator.json"} <= set(listed)

    def test_saving_it_again_stores_nothing_new_and_a_change_stores_what_changed(self, files, model):
        first = save_parts(files, model.dump())
        stored = set(files.folder.rglob("*.*"))
        assert save_parts(files, model.dump()) == first
        assert set(files.folder.rglob("*.*")) == stored
        save_parts(files, model.with_threshold(0.9).dump())
        assert len(set(files.folder.rglob("*.*")) - stored) == 2  # what describes it, and the manifest

    @pytest.mark.parametrize("part", ["model.json", "encoder.npz", "estimator/estimator.json"])
    def test_an_altered_or_missing_part_is_named_before_anything_is_made_of_it(self, files, model, part):
        manifest, _ = save_parts(files, model.dump())
        path = files.path(json.loads(files.load(manifest))[part])
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(StateError, match=rf"{path.name}' was altered; restore it"):
            load_model(files, make_version(1, manifest=manifest))
        path.unlink()
        with pytest.raises(StateError, match=rf"{path.name}' is missing; restore it"):
            load_model(files, make_version(1, manifest=manifest))

    def test_a_manifest_that_is_missing_is_named(self, files):
        with pytest.raises(StateError, match=r"abab\.json' is missing"):
            load_model(files, make_version(1))

    def test_a_model_of_a_newer_pointsman_is_refused_by_the_name_of_its_version(self, files, model):
        manifest, _ = save_parts(files, model.dump())
        listed = json.loads(files.load(manifest))
        newer = json.loads(files.load(listed["model.json"])) | {"protocol": PROTOCOL + 1}
        listed["model.json"] = files.save(json.dumps(newer).encode(), ".json")
        version = make_version(7, manifest=files.save(json.dumps(listed).encode(), ".json"))
        with pytest.raises(
            StateError, match=r"'linear-0007' cannot be loaded: protocol 3 is newer than 2, so update Pointsman"
        ):
            load_model(files, version)

    def test_a_model_of_an_older_pointsman_is_to_be_made_again(self, files, model):
        described = json.loads(model.dump()["model.json"]) | {"protocol": PROTOCOL - 1}
        manifest, _ = save_parts(files, model.dump() | {"model.json": json.dumps(described).encode()})
        with pytest.raises(StateError, match=r"protocol 1 is older than 2.*rebuild linear-0007"):
            load_model(files, make_version(7, manifest=manifest))


def test_members_of_an_ensemble_are_one_file_whatever_their_order(files):
    weights, other = {"linear-0001": 0.75, "knn-0002": 0.25}, {"linear-0001": 0.25, "knn-0002": 0.75}
    kinds = {"clean": weights, "sparse": weights, "anomalous": other}
    name, size = save_members(files, {"members": kinds})
    turned = {kind: dict(reversed(own.items())) for kind, own in reversed(kinds.items())}
    assert save_members(files, {"members": turned}) == (name, size)
    assert json.loads(files.load(name)) == kinds
    assert size == len(files.load(name))
    assert save_members(files, {"members": kinds | {"clean": other}})[0] != name


def test_an_ensemble_names_its_members_by_kind_of_row_the_heaviest_first():
    kinds = {
        "clean": {"a-0001": 0.6, "b-0002": 0.4},
        "sparse": {"a-0001": 0.6, "b-0002": 0.4},
        "anomalous": {"c-0003": 1.0},
    }
    ensemble = make_version(9, "ensemble", params={"members": kinds})
    assert ensemble.member_ids == ("c-0003", "a-0001", "b-0002")
    assert ensemble.is_routed
    assert list(name_kinds(ensemble.members)) == ["clean and sparse rows", "anomalous rows"]
    former = make_version(9, "blend", params={"weights": {"a-0001": 1.0}})
    assert former.is_ensemble
    assert not former.is_routed
    assert name_kinds(former.members) == {"all rows": {"a-0001": 1.0}}


class TestEnsembles:
    def test_members_are_by_kind_of_row_and_the_heaviest_of_any_kind_comes_first(self):
        members = {"clean": {"a-1": 0.6, "b-2": 0.4}, "sparse": {"c-3": 1.0}, "anomalous": {"b-2": 0.7, "a-1": 0.3}}
        version = make_version(9, ENSEMBLE_FAMILY, params={"members": members})
        assert version.is_ensemble
        assert version.is_routed
        assert version.members == (members["clean"], members["sparse"], members["anomalous"])
        assert version.member_ids == ("c-3", "b-2", "a-1")
        assert not make_ensemble(9).is_routed

    def test_a_blend_of_an_earlier_release_is_an_ensemble_that_answers_every_row_alike(self, files):
        weights = {"linear-0001": 0.75, "knn-0002": 0.25}
        blend = make_version(9, "blend", variant="mixed", params={"weights": weights}, masked=False, window=None)
        assert blend.is_ensemble
        assert not blend.is_routed
        assert blend.members == (weights,) * len(KINDS)
        assert blend.member_ids == ("linear-0001", "knn-0002")
        assert json.loads(files.load(save_members(files, blend.params)[0])) == weights

    def test_versions_that_are_active_no_longer_are_no_members(self):
        generation = Generation(members=(Member(make_version(1), Role.ACTIVE), Member(make_ensemble(5), Role.ENSEMBLE)))
        assert generation.ensembles == (make_ensemble(5),)
        assert generation.list_members(make_ensemble(5)) == ({"linear-0001": 0.75},) * len(KINDS)


def test_models_that_read_rows_alike_share_one_encoder(files):
    plain, twin = (Candidate("linear", "onehot", {"l2_penalty": penalty}) for penalty in (1.0, 9.0))
    guarded = Candidate("linear", "onehot", {"l2_penalty": 9.0}, guarded=True)
    shelf, loaded = ModelShelf(files), []
    for number, candidate in enumerate((plain, twin, guarded)):
        fitted = fit_model(candidate, FEATURES, TARGET, Task.BINARY, ("no", "yes"), seed=1)
        manifest, _ = save_parts(files, fitted.dump())
        loaded.append(shelf.load(make_version(number, manifest=manifest)))
        np.testing.assert_array_equal(loaded[-1].predict(FEATURES), fitted.predict(FEATURES))
    assert loaded[0].encoder is loaded[1].encoder
    assert loaded[0].normal is None
    assert loaded[2].normal is not None


class TestVerification:
    def test_it_is_done_once_with_each_set_of_libraries_and_again_where_nothing_is_remembered(
        self, files, model, monkeypatch
    ):
        done = []
        compare = golden.find_difference
        monkeypatch.setattr(golden, "find_difference", lambda *answers: done.append(1) or compare(*answers))
        version = make_version(1, manifest=save_parts(files, model.dump() | make_golden_parts(model, FEATURES, 1))[0])
        for _ in range(3):
            load_model(files, version)
        assert len(done) == 1
        monkeypatch.setattr("pointsman.registry.verified.describe_libraries", lambda: {"numpy": "9.9.9"})
        load_model(files, version)
        load_model(files, version)
        assert len(done) == 2
        shutil.rmtree(files.folder.parent / "verified")
        (files.folder.parent / "verified").write_text("in the way of the folder")
        load_model(files, version)
        load_model(files, version)
        assert len(done) == 4

    def test_a_model_that_failed_is_not_remembered(self, files, model):
        parts = model.dump() | make_golden_parts(model, FEATURES, 1) | {golden.ANSWERS: b"[[0.5, 0.5]]"}
        version = make_version(1, manifest=save_parts(files, parts)[0])
        for _ in range(2):
            with pytest.raises(StateError, match="golden rows inf off"):
                load_model(files, version)
