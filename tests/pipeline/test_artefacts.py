"""What an update stores of a version: all that is needed to trust it, and to make it again."""

import json

import pandas as pd
import pytest
import sqlalchemy as sa
from small_stream import LINEAR, ROWS, configure, copy, make_rows, opened, take

from pointsman.common.environment import describe_environment
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import read_rows, utc_now
from pointsman.meta.tables import decisions_table, record_rows_table, records_table
from pointsman.model_zoo.golden import ANSWERS
from pointsman.model_zoo.golden import ROWS as GOLDEN
from pointsman.model_zoo.model import PROTOCOL
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.drift.tables import sketches_table
from pointsman.pipeline.inference import infer
from pointsman.pipeline.lifecycle.manual_promotion import promote
from pointsman.pipeline.quality.tables import fingerprints_table
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.production_shap import explain_production
from pointsman.registry.generations import load_generation
from pointsman.registry.tables import events_table, versions_table
from pointsman.registry.versions import Version, load_manifest


@pytest.fixture
def learned(linear_stream):
    return linear_stream


def load_versions(state):
    rows = read_rows(state.engine, sa.select(versions_table).order_by(versions_table.c.number))
    return {row["id"]: Version.from_row(row) for row in rows}


def test_a_version_knows_its_rows_inputs_cost_seed_and_makers(learned):
    with opened(learned) as (_, state):
        versions = load_versions(state)
    singles = [version for version in versions.values() if not version.is_ensemble]
    assert {version.generation for version in singles} == {1, 2, 3}
    for version in singles:
        assert sum(one.rows for one in version.trained_on) == version.rows
        assert [one.batch for one in version.trained_on] == list(range(version.first_batch, version.last_batch + 1))
        assert version.inputs
        assert version.predict_us > 0
        assert version.environment == describe_environment()
    by_batch = {}
    for version in singles:
        for one in version.trained_on:
            by_batch.setdefault(one.batch, set()).add((one.rows, one.digest))
    assert {batch: len(parts) for batch, parts in by_batch.items()} == {1: 1, 2: 1, 3: 1}  # the same rows for everyone
    assert sum(rows for parts in by_batch.values() for rows, _ in parts) <= 3 * ROWS
    assert len({version.seed for version in singles}) == 3


def test_an_ensemble_learned_no_rows_and_reads_what_its_members_read(learned):
    with opened(learned) as (_, state):
        versions = load_versions(state)
    ensembles = [version for version in versions.values() if version.is_ensemble]
    assert ensembles
    for ensemble in ensembles:
        used = [versions[name] for name in ensemble.member_ids]
        assert ensemble.trained_on == ()
        assert set(ensemble.inputs) == {name for version in used for name in version.inputs}
        dearest = max(sum(versions[name].predict_us for name in kind) for kind in ensemble.members)
        assert ensemble.predict_us == pytest.approx(dearest)


def test_versions_made_together_share_their_golden_rows(learned):
    with opened(learned) as (_, state):
        singles = [version for version in load_versions(state).values() if not version.is_ensemble]
        listed = [load_manifest(state.files, version.manifest) for version in singles]
    assert len({manifest[GOLDEN] for manifest in listed}) == len({(one.generation, one.inputs) for one in singles})
    assert all(ANSWERS in manifest for manifest in listed)


def break_file(state, name, how):
    path = state.files.path(name)
    if how == "deleted":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])


def answer(folder):
    """The request of the tests answered: how often each version leads, and by which generation."""
    make_rows().head(40).drop(columns=["claim"], errors="ignore").to_csv(folder / "request.csv", index=False)
    answered = pd.read_csv(infer(configure(folder, LINEAR), folder / "request.csv"))
    with opened(folder) as (_, state):
        decisions = read_rows(state.engine, sa.select(decisions_table))
    assert answered.filter(like="predict").notna().all(axis=None)
    return set(answered["predict_model"]), decisions[-1]["generation"]


@pytest.mark.parametrize("how", ["deleted", "flipped"])
def test_a_broken_champion_neither_stops_inference_nor_the_next_update(learned, tmp_path, caplog, how):
    folder = copy(learned, tmp_path / how)
    with opened(folder) as (_, state):
        champion = load_generation(state).champion
        holding = next(one for one in load_generation(state).ensembles if champion.id in one.member_ids)
        manifest = load_manifest(state.files, champion.manifest)
        break_file(state, next(stored for part, stored in manifest.items() if part.startswith("estimator/")), how)
    led_by, generation = answer(folder)
    assert champion.id not in led_by
    assert generation == 3
    told = "is missing" if how == "deleted" else "was altered"
    assert any(f"'{champion.id}' cannot be loaded" in line and told in line for line in caplog.messages)
    if how == "deleted":  # for an update there is no difference
        return
    with opened(folder, LINEAR) as (config, state):
        promote(config, state, holding.id, "for the test")
    take(folder, None, LINEAR)
    with opened(folder) as (_, state):
        after = load_generation(state)
        lost = read_rows(state.engine, sa.select(events_table).where(events_table.c.event == "lost"))
    assert after.number == 5
    assert after.production.line == after.pinned == holding.line  # made anew without the lost one, and promoted still
    assert champion.id not in after.production.member_ids
    assert [one["version"] for one in lost] == [champion.id]
    assert champion.line not in {version.line for version in after.versions}
    assert champion.id not in {version.parent for version in after.versions}
    assert answer(folder)[1] == 5


def test_where_every_artefact_is_gone_the_next_update_begins_anew(learned, tmp_path):
    folder = copy(learned, tmp_path / "all")
    with opened(folder) as (_, state):
        before = load_generation(state)
        for version in before.versions:
            state.files.path(version.manifest).unlink(missing_ok=True)
    with opened(folder) as (_, state):
        second = load_generation(state, 2)
        lost = {one.id for one in before.versions}
        kept = {one.id for one in second.versions if one.id not in lost}
        kept |= {one.id for one in second.ensembles if kept & set(one.member_ids)}
    led_by, generation = answer(folder)
    assert generation == 2
    assert led_by <= kept
    take(folder, None, LINEAR)
    assert answer(folder)[1] == 4


def test_a_broken_selector_leaves_the_last_good_generation_serving_until_the_next_update(learned, tmp_path, caplog):
    folder = copy(learned, tmp_path / "selector")
    with opened(folder) as (_, state):
        break_file(state, load_generation(state).selector, "flipped")
        break_file(state, load_generation(state).reference, "deleted")
    assert answer(folder)[1] == 2
    assert any("generation 3 is broken, generation 2 is asked: The selector of" in line for line in caplog.messages)
    take(folder, None, LINEAR)
    assert answer(folder)[1] == 4


def test_where_no_generation_has_a_sound_selector_that_is_said(learned, tmp_path):
    folder = copy(learned, tmp_path / "selectors")
    with opened(folder) as (_, state):
        for number in (1, 2, 3):
            state.files.path(load_generation(state, number).selector).unlink(missing_ok=True)
    with pytest.raises(
        StateError, match=r"The selector of generation \d cannot be loaded: The stored file .* is missing"
    ):
        answer(folder)


def test_a_newer_protocol_is_one_sentence_and_the_others_serve(learned, tmp_path, caplog):
    folder = copy(learned, tmp_path / "newer")
    with opened(folder) as (_, state):
        champion = load_generation(state).champion
        manifest = load_manifest(state.files, champion.manifest)
        newer = json.loads(state.files.load(manifest["model.json"])) | {"protocol": PROTOCOL + 1}
        manifest["model.json"] = state.files.save(json.dumps(newer).encode(), ".json")
        changed = state.files.save(json.dumps(manifest).encode(), ".json")
        with state.engine.begin() as connection:
            connection.execute(
                sa.update(versions_table).where(versions_table.c.id == champion.id).values(manifest=changed)
            )
    assert champion.id not in answer(folder)[0]
    assert any("protocol 3 is newer than 2, so update Pointsman" in line for line in caplog.messages)


def test_a_report_is_made_also_where_what_serves_is_broken(learned, tmp_path):
    folder = copy(learned, tmp_path / "report")
    with opened(folder, LINEAR) as (config, state):
        generation = load_generation(state)
        serving = generation.production
        broken = generation.find(serving.member_ids[0]).version if serving.is_ensemble else serving
        break_file(state, broken.manifest, "deleted")
        explained = explain_production(History(config, state, generation, utc_now()))
    assert explained.contributions is None
    assert "is missing" in explained.obstacle


def test_a_broken_clean_batch_is_cleaned_again_and_changes_nothing(learned, tmp_path, caplog):
    sound, broken = copy(learned, tmp_path / "sound"), copy(learned, tmp_path / "broken")
    with opened(broken) as (_, state):
        (second,) = read_rows(state.engine, sa.select(batches).where(batches.c.number == 2))
        break_file(state, second["clean_file"], "altered")
    for folder in (sound, broken):
        take(folder, None, LINEAR)
    assert "batch 2 is cleaned again from its raw file" in caplog.text
    with opened(sound) as (_, expected), opened(broken) as (_, found):
        assert load_generation(found).champion.manifest == load_generation(expected).champion.manifest


def list_files_of(state, *tables):
    """Files that rows of these tables name."""
    for table in tables:
        columns = [column for column in table.columns if "file" in column.info]
        for row in read_rows(state.engine, sa.select(*columns)):
            yield from (name for name in row.values() if name)


def test_an_update_goes_on_without_what_it_remembers_of_the_past(learned, tmp_path, caplog):
    folder = copy(learned, tmp_path / "broken")
    infer(configure(folder, LINEAR), folder / "stream.csv")
    with opened(folder) as (_, state):
        for table in (record_rows_table, records_table, sketches_table, fingerprints_table, decisions_table):
            names = sorted(set(list_files_of(state, table)))
            assert names
            for name in names:
                break_file(state, name, "deleted" if name < "8" else "altered")
    assert take(folder, None, LINEAR)[0]["status"] == "accepted"
    assert "this goes on without it" in caplog.text
    with opened(folder) as (_, state):
        assert load_generation(state).batch == 4
    infer(configure(folder, LINEAR), folder / "stream.csv")
