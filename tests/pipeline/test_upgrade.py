"""A state that the last release wrote, which mixed all versions: it loads, serves by its champions and goes on."""

import json

import pandas as pd
import pytest
import sqlalchemy as sa
from small_stream import LINEAR, ROWS, configure, copy, make_rows, opened

from pointsman.common.config import load_config
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.selector_store import load_stored_selector
from pointsman.meta.store import load_grades
from pointsman.meta.tables import decisions_table, grades_table
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.explain import explain
from pointsman.pipeline.inference import infer
from pointsman.pipeline.models import models
from pointsman.pipeline.update import update_once
from pointsman.registry.commit import load_config_of
from pointsman.registry.generations import Alias, Cause, load_generation
from pointsman.registry.settings import load_settings
from pointsman.registry.tables import aliases_table, generations_table, members_table, versions_table
from pointsman.registry.versions import save_members

FORMER = {"mixed": "typical", "clean": "clean"}
"""Blends that the last release registered, each here made of an ensemble of now."""

FORMER_DECISION = "0123456789ab"


@pytest.fixture(scope="module")
def former(linear_stream, tmp_path_factory):
    """The folder of a stream that the last release has learned, and answered a request of."""
    folder = copy(linear_stream, tmp_path_factory.mktemp("former") / "copy")
    make_rows().tail(ROWS // 2).to_csv(folder / "asked.csv", index=False)
    infer(configure(folder, LINEAR), folder / "asked.csv")
    with opened(folder, LINEAR) as (_, state):
        generation = load_generation(state)
        with state.engine.begin() as connection:
            turn_selector_back(state, connection, generation)
            turn_ensembles_back(state, connection, generation)
            turn_config_back(state, connection)
            former_margins = dict.fromkeys(("0.5", "1.0", "2.0", "4.0", "8.0"), -0.25)
            connection.execute(grades_table.update().values(margins=former_margins))
            decided = {"id": FORMER_DECISION, "mode": "plan", "reason": "the mean of 3 choosers"}
            connection.execute(decisions_table.update().values(decided))
            for column in ("best", "chosen", "champions"):
                connection.exec_driver_sql(f"ALTER TABLE grades DROP COLUMN {column}")
            connection.exec_driver_sql("ALTER TABLE decisions DROP COLUMN ranking")
            connection.exec_driver_sql("ALTER TABLE generations DROP COLUMN digest")
            connection.exec_driver_sql("ALTER TABLE settled_labels DROP COLUMN outcome")
            for table in ("cut_steps", "early_labels", "refused_labels", "corrected_regrets", "corrected_estimates"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
    return folder


def turn_selector_back(state, connection, generation):
    """Store a selector as the last release described it."""
    manifest = json.loads(state.files.load(generation.selector))
    now = json.loads(state.files.load(manifest["selector.json"]))
    lines = now["lines"]
    one_of_each = [[float(line == other) for other in lines] for line in lines]
    described = {name: now[name] for name in ("lines", "champions", "usual", "last_best", "ranking")} | {
        "arms": one_of_each,
        "margins": {"clean": 2.0, "damaged": None},
        "temperature": 0.01,
        "guarded": [],
        "blends": [one_of_each[0]] * 3,
        "decayed": [one_of_each[0]] * 3,
        "trust": {name: known for name, known in now["trust"].items() if name != "single"}
        | {"reasons": {"clean": "", "damaged": ""}},
        "threshold": 0.25,
    }
    kept = {name: stored for name, stored in manifest.items() if name != "chooser.npz"}
    kept |= {"selector.json": state.files.save(json.dumps(described, sort_keys=True).encode(), ".json")}
    kept |= {"forest.npz": state.files.save(b"trees of a chooser that is gone", ".npz")}
    name = state.files.save(json.dumps(kept, sort_keys=True).encode(), ".json")
    connection.execute(
        generations_table.update().where(generations_table.c.number == generation.number).values(selector=name)
    )


def turn_ensembles_back(state, connection, generation):
    """Keep two ensembles of the newest generation, as blends that answer every row alike."""
    kept = {one.variant: one for one in generation.ensembles}
    for variant, of_now in FORMER.items():
        ensemble = kept[of_now]
        params = {"weights": dict(ensemble.members[0])}
        manifest, size = save_members(state.files, params)
        changes = {"family": "blend", "variant": variant, "params": params, "manifest": manifest, "bytes": size}
        connection.execute(versions_table.update().where(versions_table.c.id == ensemble.id).values(**changes))
    stays = {kept[of_now].id for of_now in FORMER.values()}
    gone = [one.id for one in generation.ensembles if one.id not in stays]
    newest = members_table.c.generation == generation.number
    connection.execute(members_table.delete().where(newest, members_table.c.version.in_(gone)))
    connection.execute(
        aliases_table.update()
        .where(aliases_table.c.generation == generation.number, aliases_table.c.alias == Alias.PRODUCTION.value)
        .values(version=generation.champion.id)
    )


def turn_config_back(state, connection):
    """Store every generation's configuration with the keys of the last release."""
    for row in connection.execute(sa.select(generations_table.c.number, generations_table.c.config)).all():
        stored = json.loads(state.files.load(row.config))
        stored["selection"] = {
            "mode": "plan",
            "choosers": ["blends", "decayed", "forest"],
            "half_life": 3.0,
            "temperature": 0.01,
            "confidence": 0.9,
            "matched_rows": 10_000,
        }
        name = state.files.save(json.dumps(stored, sort_keys=True).encode(), ".json")
        connection.execute(
            generations_table.update().where(generations_table.c.number == row.number).values(config=name)
        )


@pytest.fixture
def folder(former, tmp_path):
    return copy(former, tmp_path / "copy")


def answer(folder):
    answered = infer(configure(folder, LINEAR), folder / "asked.csv")
    return pd.read_csv(answered), answered.stem.rpartition("-")[2]


def test_its_two_champions_serve_until_the_next_update_and_a_decision_is_explained(folder):
    with opened(folder, LINEAR) as (_, state):
        generation = load_generation(state)
        selector = load_stored_selector(state, generation).selector
        assert (selector.ensembles, selector.defaults) == ({}, None)
        ids = {one.line: one.id for one in generation.versions}
    answered, decision = answer(folder)
    assert set(answered["predict_model"]) == {ids[selector.champions.clean]}
    assert set(answered["predict_reason"]) == {"champion"}
    told = explain(configure(folder, LINEAR), decision)
    assert "an earlier release learned this selector, and the next update learns one that chooses" in told
    assert told.endswith("the same numbers")


def test_its_blends_are_ensembles_that_go_on(folder):
    with opened(folder, LINEAR) as (config, state):
        before = load_generation(state)
        assert sorted(one.variant for one in before.ensembles) == sorted(FORMER)
        for blend in before.ensembles:
            assert blend.members == (blend.params["weights"],) * 3
            assert sum(before.list_members(blend)[0].values()) == pytest.approx(1)
        after = update_once(config, state, PartReader(config.schema_))
        assert after.cause is Cause.UPDATE
        assert {one.family for one in after.ensembles} == {"ensemble"}
        heir = next(one for one in after.ensembles if one.variant == "clean")
        blend = next(one for one in before.ensembles if one.variant == "clean")
        assert (heir.parent, heir.line) == (blend.id, blend.line)
        selector = load_stored_selector(state, after).selector
        assert set(selector.ensembles) == {one.line for one in after.ensembles}
        assert selector.defaults is not None
    answered, decision = answer(folder)
    assert set(answered["predict_model"]) <= {one.id for one in (*after.versions, *after.ensembles)}
    assert explain(configure(folder, LINEAR), decision).endswith("the same numbers")


def test_its_grades_load_and_new_ones_stand_beside_them(folder):
    with opened(folder, LINEAR) as (config, state):
        grades = load_grades(state)
        assert grades
        assert all((one.best, one.chosen, one.champions, one.margins) == (None, {}, {}, {}) for one in grades)
        update_once(config, state, PartReader(config.schema_))
        newer = load_grades(state)[len(grades) :]
        assert {one.group for one in newer} == {"clean", "damaged"}
        assert all(one.best is not None and one.margins for one in newer)
        assert all(one.selected == one.champion for one in newer)  # which is what served


def test_its_decisions_are_refused_in_one_sentence(folder):
    with opened(folder, LINEAR) as (config, state):
        (decision,) = read_rows(state.engine, sa.select(decisions_table))
    assert (decision["id"], decision["ranking"]) == (FORMER_DECISION, None)
    with pytest.raises(
        StateError, match="was made by an earlier release, which mixed models in another way"
    ) as refusal:
        explain(config, decision["id"])
    assert str(refusal.value).count(". ") == 0


def test_its_stored_configurations_load_without_what_is_gone(folder):
    with opened(folder, LINEAR) as (config, state):
        generation = load_generation(state)
        stored = load_config_of(state, generation.number, config)
        assert (stored.selection.mode, stored.selection.half_life) == ("all", 3.0)
        assert load_settings(config, state, generation).selection.half_life == 3.0


def test_its_versions_are_listed_and_rebuilt(folder):
    config = configure(folder, LINEAR)
    with opened(folder, LINEAR) as (_, state):
        blend = load_generation(state).ensembles[0]
        state.files.path(blend.manifest).unlink()
    assert blend.id in models(config, [])
    assert "its weights were written again" in models(config, ["rebuild", blend.id])
    with opened(folder, LINEAR) as (_, state):
        assert json.loads(state.files.load(blend.manifest)) == blend.params["weights"]


@pytest.mark.parametrize(
    ("line", "override", "advice"),
    [
        ("selection: {mode: plan}", "selection.mode=plan", "write 'all', or remove the key"),
        ("selection: {choosers: [forest]}", "selection.choosers=[forest]", "remove it"),
    ],
)
def test_its_keys_are_refused_with_advice_that_works(tmp_path, line, override, advice):
    written = tmp_path / "config.yaml"
    schema = "schema: {time: begin, target: y}\n"
    for text, overrides in ((schema + line, ()), (schema, (override,))):
        written.write_text(text)
        with pytest.raises(ConfigError, match=override.partition("=")[0].replace(".", r"\.")) as refusal:
            load_config(written, overrides)
        assert "gone" in str(refusal.value)
        assert advice in str(refusal.value)
    written.write_text(schema)
    assert load_config(written).selection.mode == "all"
    assert load_config(written, ["selection.mode=all", "selection.max_members=3"]).selection.max_members == 3
