"""Rebuilding: what was lost comes back byte for byte from the raw batches, and nothing else comes in its place."""

import json

import pytest
import sqlalchemy as sa
from small_stream import LINEAR, ROWS, configure, copy, make_rows, opened, take

from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.model_zoo.golden import ANSWERS
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.lifecycle.rebuilding import find_broken, find_version, rebuild_versions
from pointsman.pipeline.models import models
from pointsman.pipeline.quality.stored import quarantine_table
from pointsman.pipeline.quarantine import quarantine
from pointsman.registry.generations import Cause, load_generation
from pointsman.registry.tables import dropped_table, events_table, versions_table
from pointsman.registry.versions import ModelShelf, Version, load_manifest


@pytest.fixture
def folder(linear_stream, tmp_path):
    return copy(linear_stream, tmp_path / "copy")


def load_versions(state):
    return [Version.from_row(row) for row in read_rows(state.engine, sa.select(versions_table))]


def find_linear(state):
    """The newest linear version: it has more to lose than the prior."""
    return [version for version in load_generation(state).versions if version.family == "linear"][-1]


def read_store(state):
    return {path.name: path.read_bytes() for path in state.files.folder.rglob("*.*")}


def lose(state, version, *parts):
    """Delete all files of a version, or some of its parts."""
    manifest = load_manifest(state.files, version.manifest)
    for name in [manifest[part] for part in parts] if parts else [version.manifest, *manifest.values()]:
        state.files.path(name).unlink(missing_ok=True)


def rebuild(folder, *names):
    return rebuild_versions(configure(folder, LINEAR), names)


def list_rebuilt(state):
    query = sa.select(events_table).where(events_table.c.event == "rebuilt")
    return [(row["version"], row["reason"]) for row in read_rows(state.engine, query)]


def test_every_version_and_blend_comes_back_byte_for_byte_also_one_that_continued_another(folder):
    with opened(folder) as (_, state):
        before, versions = read_store(state), load_versions(state)
        assert {"standing", "refit", "update", "blend"} <= {version.origin for version in versions}
        for version in versions:
            for name in (version.manifest, *json.loads(before[version.manifest]).values()):
                if isinstance(name, str):  # a blend's file holds weights
                    state.files.path(name).unlink(missing_ok=True)
        rows = read_rows(state.engine, sa.select(versions_table))
    sentences = rebuild(folder, *[version.id for version in versions])
    with opened(folder) as (_, state):
        assert read_store(state) == before
        assert read_rows(state.engine, sa.select(versions_table)) == rows
        assert [name for name, _ in list_rebuilt(state)] == [version.id for version in versions]
    singles = [told for told, version in zip(sentences, versions, strict=True) if not version.is_ensemble]
    assert all(told.endswith("and is what it was, byte for byte.") for told in singles)


def test_without_a_name_what_is_broken_is_rebuilt_and_nothing_else(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
        path = state.files.path(load_manifest(state.files, linear.manifest)["estimator/linear.npz"])
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        assert [version.id for version in find_broken(state)] == [linear.id]
    (told,) = rebuild(folder)
    assert told.startswith(f"{linear.id} was fitted again on its 360 rows of batches 1 to 3")
    with opened(folder) as (_, state):
        ModelShelf(state.files).load(linear)
        assert list_rebuilt(state) == [(linear.id, told)]
    assert rebuild(folder) == ["Every version of the newest generation can be loaded; there is nothing to rebuild."]


def replace_golden(state, version, change):
    """Let a version expect other golden answers."""
    manifest = load_manifest(state.files, version.manifest)
    answers = change(json.loads(state.files.load(manifest[ANSWERS])))
    manifest[ANSWERS] = state.files.save(json.dumps(answers).encode(), ".json")
    changed = state.files.save(json.dumps(manifest).encode(), ".json")
    with state.engine.begin() as connection:
        of_version = sa.update(versions_table).where(versions_table.c.id == version.id)
        connection.execute(of_version.values(manifest=changed, environment={"numpy": "1.0.0"}))
    return changed


def test_a_fit_by_other_libraries_that_answers_nearly_as_before_takes_the_place(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
        replace_golden(state, linear, lambda rows: [[one + 1e-4 for one in row] for row in rows])
        with pytest.raises(StateError, match=r"off what it answered when it was stored.*numpy 1\.0\.0 then"):
            ModelShelf(state.files).load(find_version(state, linear.id))
    (told,) = rebuild(folder)
    assert "its golden answers lie 0.0001" in told
    assert "numpy 1.0.0 then" in told
    with opened(folder) as (_, state):
        again = find_version(state, linear.id)
        assert again.manifest == linear.manifest  # what was fitted here and now
        assert again.environment == linear.environment
        ModelShelf(state.files).load(again)


def test_a_fit_that_answers_otherwise_does_not_take_the_place(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
        changed = replace_golden(state, linear, lambda rows: [row[::-1] for row in rows])
        lose(state, find_version(state, linear.id), "estimator/linear.npz")
    with pytest.raises(StateError, match=rf"'{linear.id}' was not rebuilt: fitted again, .*numpy 1\.0\.0 then"):
        rebuild(folder, linear.id)
    with opened(folder) as (_, state):
        assert find_version(state, linear.id).manifest == changed
        assert not list_rebuilt(state)


def test_where_the_golden_rows_are_lost_and_the_bytes_differ_that_is_said(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
        replace_golden(state, linear, lambda rows: [[one + 1e-4 for one in row] for row in rows])
        lose(state, find_version(state, linear.id), ANSWERS)
    (told,) = rebuild(folder)
    assert told.endswith("its golden rows were lost, so that it was compared with nothing.")


def test_the_configuration_of_then_counts(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
    configured = configure(folder, LINEAR, "features.date_parts={INSR_BEGIN: [month]}", "seed=99")
    (told,) = rebuild_versions(configured, [linear.id])
    assert "byte for byte" in told


def test_rows_that_are_not_what_was_learned_are_not_learned(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
        draft = Draft(1)
        draft.add(quarantine_table, [{"batch": 1, "row": 5, "reason": "target missing"}])
        draft.commit(state.engine)
    with pytest.raises(StateError, match=rf"'{linear.id}' cannot be rebuilt: the 120 rows of batch 1"):
        rebuild(folder, linear.id)


def test_a_version_of_a_generation_that_was_set_aside_is_rebuilt_and_what_was_dropped_is_back(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
        newest = load_generation(state).number
    models(configure(folder, LINEAR), ("rollback",), newest - 1)
    with opened(folder) as (_, state):
        draft = Draft()
        draft.add(dropped_table, [{"version": linear.id, "why": "storage.max_mb: 1"}])
        draft.commit(state.engine)
    told = models(configure(folder, LINEAR), ("rebuild", linear.id))
    assert "byte for byte" in told
    with opened(folder) as (_, state):
        assert read_rows(state.engine, sa.select(dropped_table)) == []
        assert load_generation(state).cause is Cause.REBUILD
    models(configure(folder, LINEAR), ("rollback",), newest)


def test_a_raw_file_that_was_altered_or_is_gone_is_named(folder):
    with opened(folder) as (_, state):
        linear = find_linear(state)
        (raw,) = read_rows(state.engine, sa.select(batches.c.file).where(batches.c.number == 2))
        state.files.path(raw["file"]).unlink()
    with pytest.raises(StateError, match=rf"{raw['file']}' is missing"):
        rebuild(folder, linear.id)


def test_a_version_that_is_not_known_is_said(folder):
    with pytest.raises(StateError, match="There is no version 'linear-9999'"):
        rebuild(folder, "linear-9999")


def test_rows_released_later_are_not_those_that_were_learned(folder):
    given = make_rows().iloc[3 * ROWS : 4 * ROWS].reset_index(drop=True)
    given.loc[[3, 4, 40], "INSR_END"] = "01-JAN-99"
    take(folder, given, LINEAR)
    with opened(folder) as (_, state):
        assert len(read_rows(state.engine, sa.select(quarantine_table))) == 3
        early = find_linear(state)
    quarantine(configure(folder), ["release", "4:3,4:40"], "checked")
    take(folder, None, LINEAR)
    quarantine(configure(folder), ["release", "4:4"], "checked, too")
    with opened(folder) as (_, state):
        late = find_linear(state)
        learned = {version.id: {one.batch: one.rows for one in version.trained_on} for version in (early, late)}
        assert (learned[early.id][4], learned[late.id][4]) == (ROWS - 3, ROWS - 1)
    assert all("byte for byte" in told for told in rebuild(folder, early.id, late.id))
