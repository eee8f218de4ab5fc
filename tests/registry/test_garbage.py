"""What nothing refers to goes; beyond a budget old models go, and never what a reachable generation needs."""

import json
import os
import time

import pytest
import sqlalchemy as sa
from made_versions import commit, make_config, make_version

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.tables import batches
from pointsman.registry.garbage import collect_garbage
from pointsman.registry.generations import Cause, Generation, Member, Role
from pointsman.registry.store import find_dropped
from pointsman.registry.tables import dropped_table

SIZE = 100_000


@pytest.fixture
def state(tmp_path, catalogue_url):
    with open_state(make_config(tmp_path, catalogue_url)) as opened:
        yield opened


def save_model(state, number, shared=b"s" * SIZE):
    """A version with one part of its own and one that it shares."""
    parts = {"own": state.files.save(os.urandom(SIZE), ".npz"), "shared": state.files.save(shared, ".npz")}
    return make_version(number, manifest=state.files.save(json.dumps(parts).encode(), ".json"), generation=number)


def learn(state, count):
    """Generations of one version each."""
    generation = Generation()
    for number in range(1, count + 1):
        version = save_model(state, number)
        generation = generation.succeed(Cause.UPDATE, members=(Member(version, Role.CHAMPION),))
        commit(state, generation, [version])
        draft = Draft(number)
        raw = state.files.save(f"batch {number}".encode(), ".parquet")
        draft.add(
            batches, [{"number": number, "origin": "x", "file": raw, "rows": 1, "columns": 1, "status": "accepted"}]
        )
        draft.commit(state.engine)
    return generation


def age(state):
    for path in state.files.folder.rglob("*.*"):
        os.utime(path, (time.time() - 7200,) * 2)


def list_names(state):
    return {path.name for path in state.files.folder.rglob("*.*")}


def test_without_a_budget_only_files_that_nothing_refers_to_go(state):
    learn(state, 3)
    known = list_names(state)
    orphan = state.files.save(b"a killed update left it", ".npz")
    age(state)
    young = state.files.save(b"a request is being answered", ".npz")
    done = collect_garbage(state, None, 1)
    assert (done.files, done.versions) == (1, ())
    assert list_names(state) == known | {young}
    assert orphan not in list_names(state)
    assert read_rows(state.engine, sa.select(dropped_table)) == []


def test_beyond_the_budget_the_oldest_models_go_and_batches_stay(state):
    learn(state, 6)
    raw = {name for name in list_names(state) if name.endswith(".parquet")}
    done = collect_garbage(state, 0.45, 2)
    assert done.versions == ("linear-0001", "linear-0002", "linear-0003")
    assert raw < list_names(state)
    assert done.left <= 0.45e6
    assert find_dropped(state, ["linear-0003", "linear-0004"]) == ["linear-0003"]
    assert collect_garbage(state, 0.45, 2).versions == ()


def test_the_newest_generations_keep_their_models_whatever_the_budget(state, caplog):
    generation = learn(state, 4)
    done = collect_garbage(state, 0.001, 3)
    assert done.versions == ("linear-0001",)
    assert "nothing more may go" in caplog.text
    for member in generation.members:
        for name in json.loads(state.files.load(member.version.manifest)).values():
            state.files.load(name)


def test_a_file_that_was_saved_again_is_young_again(state):
    learn(state, 1)
    name = state.files.save(b"answered rows", ".npz")
    age(state)
    state.files.save(b"answered rows", ".npz")
    collect_garbage(state, None, 1)
    assert name in list_names(state)


def test_nothing_goes_where_a_manifest_cannot_be_read(state):
    generation = learn(state, 2)
    state.files.save(b"an orphan", ".npz")
    age(state)
    state.files.path(generation.champion.manifest).write_bytes(b"{}")
    known = list_names(state)
    with pytest.raises(StateError, match="was altered"):
        collect_garbage(state, 0.001, 1)
    assert list_names(state) == known
