"""The schema revision: what was decided on the first batch is decided anew, and everything that rests on it with it."""

import logging
import shutil

import pandas as pd
import pytest
import sqlalchemy as sa
from one_stream import ROWS, configure, load, make_rows, write_config

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (digests are of every table)
from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman.common.errors import BatchRejected, ConfigError, NoNewData
from pointsman.common.storage.catalogue import read_rows, state_tables
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.feedback import receive
from pointsman.pipeline.inference import infer
from pointsman.pipeline.labels.waiting import load_unreconciled, load_waiting
from pointsman.pipeline.lifecycle.history import describe_history
from pointsman.pipeline.lifecycle.rebuilding import rebuild_versions
from pointsman.pipeline.models import models
from pointsman.pipeline.quality.quarantine.row_counts import load_row_counts
from pointsman.pipeline.quality.tables import quarantine_decisions_table
from pointsman.pipeline.quarantine import quarantine
from pointsman.pipeline.replay import replay
from pointsman.pipeline.summary import summarise
from pointsman.pipeline.update import update
from pointsman.registry.generations import Cause, load_generation
from pointsman.registry.own_config import choose_config

LEARNED = 2


def make_stream(folder, table):
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "stream.csv", index=False)
    write_config(folder)
    return folder


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = make_stream(tmp_path_factory.mktemp("revision") / "claims", make_rows())
    update(configure(folder), LEARNED)
    return folder


@pytest.fixture
def folder(learned, tmp_path):
    return shutil.copytree(learned, tmp_path / "copy")


def digest(folder):
    with open_state(configure(folder)) as state:
        found = compute_catalogue_digests(state.engine)
    return {table.name: found[table.name] for table in state_tables()}


def list_of(folder, table):
    with open_state(configure(folder)) as state:
        return read_rows(state.engine, sa.select(table))


REVISED = ("schema.categorical=[zone]", "schema.drop=[kind,region]")


@pytest.fixture(scope="module")
def revised(learned, tmp_path_factory):
    folder = shutil.copytree(learned, tmp_path_factory.mktemp("roles") / "copy")
    before = digest(folder)
    update(configure(folder, *REVISED))
    return folder, before


class TestRoles:
    def test_the_schema_is_decided_anew_and_nothing_of_before_serves(self, revised):
        folder, _ = revised
        before, after = load(folder, LEARNED), load(folder)
        assert (after.cause, after.batch, after.parent) == (Cause.REVISION, LEARNED + 1, LEARNED)
        assert (after.schema.numeric, after.schema.categorical) == (("premium", "value"), ("zone",))
        assert not {member.version.id for member in before.members} & {member.version.id for member in after.members}

    def test_every_stored_batch_is_learned_again(self, revised):
        folder, _ = revised
        newest = max(load(folder).versions, key=lambda version: version.rows)
        assert newest.rows == (LEARNED + 1) * ROWS
        assert {row["number"] for row in list_of(folder, batches)} == {1, 2, 3}

    def test_the_history_says_what_was_revised(self, revised):
        with open_state(configure(revised[0])) as state:
            told = describe_history(state)
        assert "schema revised: zone numeric -> categorical, region categorical -> unused" in told

    def test_it_is_computed_again_to_the_same_bytes(self, revised):
        folder, _ = revised
        assert "Generations 1 to 3 came out the same" in replay(configure(folder, *REVISED), ["all"])
        assert "Generation 3 came out the same" in replay(configure(folder), [])

    def test_updates_go_on_and_the_report_is_written(self, revised, tmp_path):
        folder = shutil.copytree(revised[0], tmp_path / "copy")
        config = configure(folder, *REVISED)
        update(config)
        assert load(folder).cause is Cause.UPDATE
        assert "Generations 1 to 4 came out the same" in replay(config, ["all"])
        assert summarise(config).is_file()

    def test_versions_of_before_and_after_are_rebuilt_byte_for_byte(self, revised, tmp_path):
        folder = shutil.copytree(revised[0], tmp_path / "copy")
        for number in (LEARNED, LEARNED + 1):
            champion = load(folder, number).champion.id
            (told,) = rebuild_versions(configure(folder), [champion])
            assert "is what it was, byte for byte" in told

    def test_a_rollback_undoes_it_and_is_undone(self, revised, tmp_path):
        folder, before = revised
        folder = shutil.copytree(folder, tmp_path / "copy")
        after = digest(folder)
        models(configure(folder), ["rollback"], to=LEARNED)
        assert digest(folder) == before
        assert load(folder).schema == load(folder, LEARNED).schema
        models(configure(folder), ["rollback"], to=LEARNED + 1)
        assert digest(folder) == after

    def test_no_champion_of_before_competes_again(self, revised, tmp_path):
        folder = shutil.copytree(revised[0], tmp_path / "copy")
        config = configure(folder, *REVISED, "response.concept=[revive]")
        update(config)
        old = {member.version.id for member in load(folder, LEARNED).members}
        assert not old & {member.version.id for member in load(folder).members}


def test_declarations_that_say_what_is_so_change_nothing(folder, learned, tmp_path):
    update(configure(folder, "schema.categorical=[region]", "schema.numeric=[zone]", "schema.missing_target=null"))
    plain = shutil.copytree(learned, tmp_path / "plain")
    update(configure(plain))
    assert load(folder).cause is Cause.UPDATE
    stated, unstated = digest(folder), digest(plain)
    assert stated.pop("batches") != unstated.pop("batches")  # they name the file, which lies in another folder
    assert stated == unstated


def test_without_a_new_batch_the_newest_one_is_taken_again(folder):
    update(configure(folder), None)
    taken = load(folder)
    update(configure(folder, "schema.drop=[kind,region]"), None)
    again = load(folder)
    assert (again.cause, again.batch, again.cursor) == (Cause.REVISION, taken.batch, taken.cursor)
    assert [row["rows"] for row in list_of(folder, batches)] == [ROWS] * taken.batch
    with pytest.raises(NoNewData):
        update(configure(folder, "schema.drop=[kind,region]"))
    assert "came out the same" in replay(configure(folder), ["all"])


def test_a_third_label_is_learned_once_the_task_allows_it(tmp_path):
    table = make_rows(3)
    table.loc[: 2 * ROWS - 1, "kind"] = table.loc[: 2 * ROWS - 1, "kind"].replace("theft", "fire")
    folder = make_stream(tmp_path / "kinds", table)
    stated = ("schema.target=kind", "schema.drop=[claim]")
    update(configure(folder, *stated), None)
    assert load(folder).schema.task is Task.BINARY
    with open_state(configure(folder)) as state:
        assert load_row_counts(state)[3].held > 0
    update(configure(folder, *stated, "task=multiclass"))
    revised = load(folder)
    assert (revised.schema.task, set(revised.schema.classes)) == (Task.MULTICLASS, {"fire", "none", "theft"})
    with open_state(configure(folder)) as state:
        assert load_row_counts(state)[3].held == 0
    assert "task binary -> multiclass" in revised.why


def test_a_rejected_batch_is_released_as_the_advice_says(tmp_path, caplog):
    table = make_rows(3).assign(later="")
    table.loc[ROWS:, "later"] = ["red", "blue", "green"] * (2 * ROWS // 3)
    folder = make_stream(tmp_path / "later", table)
    update(configure(folder))
    with pytest.raises(BatchRejected, match=r"'later' is text in batch 2.* declare it under schema.categorical"):
        update(configure(folder))
    declared = configure(folder, "schema.categorical=[later]")
    with caplog.at_level(logging.WARNING):
        update(declared)
    assert "batch 2, which was rejected, can be read now: python run.py quarantine release 2" in caplog.text
    assert [row["status"] for row in list_of(folder, batches)] == ["accepted", "rejected", "accepted"]
    quarantine(declared, ["release", "2"], why="declared")
    update(declared)
    with open_state(declared) as state:
        assert sum(one.learned for one in load_row_counts(state).values()) == 3 * ROWS
    assert "Generations 1 to 5 came out the same" in replay(declared, ["all"])


def test_what_was_decided_about_quarantined_rows_holds_on(tmp_path):
    table = make_rows(3).astype({"claim": "object"})
    table.loc[3, "claim"] = ""
    table.loc[9, "day"] = "no date"
    folder = make_stream(tmp_path / "held", table)
    update(configure(folder), 2)
    quarantine(configure(folder), ["discard", "1"], why="without a label or time")
    update(configure(folder, "schema.drop=[kind,region]"))
    with open_state(configure(folder)) as state:
        account = load_row_counts(state)[1]
    assert (account.discarded, account.held, account.learned) == (2, 0, ROWS - 2)
    assert {row["generation"] for row in list_of(folder, quarantine_decisions_table)} == {load(folder).number}


def test_a_declared_column_may_have_come_after_the_first_batch(tmp_path):
    table = make_rows(3).assign(extra="x")
    folder = make_stream(tmp_path / "extra", table.head(ROWS).drop(columns="extra"))
    table.iloc[ROWS : 2 * ROWS].to_csv(folder / "second.csv", index=False)
    update(configure(folder, "batch.min_rows=1"))
    grown = ("source.paths=[stream.csv,second.csv]", "schema.categorical=[extra]")
    update(configure(folder, *grown))
    assert "extra absent -> categorical" in load(folder).why
    assert "extra" in load(folder).schema.categorical


def test_a_revision_that_the_new_batch_cannot_bear_leaves_all_as_it_was(folder):
    before = load(folder)
    forbidden = ("quality.allowed=[{column: region, allowed: [nowhere]}]", "quality.severity={DQ009: error}")
    with pytest.raises(BatchRejected, match="region"):
        update(configure(folder, "schema.drop=[kind,zone]", *forbidden))
    rejected = load(folder)
    assert (rejected.cause, rejected.schema, rejected.members) == (Cause.REJECTED, before.schema, before.members)
    assert "zone numeric -> unused" in rejected.why
    assert "came out the same" in replay(configure(folder), ["all"])
    update(configure(folder))
    assert load(folder).cause is Cause.UPDATE


def test_a_wrong_declaration_is_refused_in_a_sentence_and_changes_nothing(folder):
    before = digest(folder)
    with pytest.raises(ConfigError, match=r"schema\.drop names the column 'regoin'.* did you mean 'region'"):
        update(configure(folder, "schema.drop=[kind,regoin]"))
    assert digest(folder) == before


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("schema.positive=0", "classes [0, 1] -> [1, 0]"),
        ("schema.missing_values=['',south]", "missing_values"),
        ("schema.missing_target=0", "missing_target None -> 0"),
        ("schema.id=region", "region categorical -> unused"),
        ("task=regression", "task binary -> regression"),
    ],
)
def test_whatever_was_declared_can_be_declared_otherwise(folder, override, told):
    update(configure(folder, override))
    assert load(folder).cause is Cause.REVISION
    assert told in load(folder).why


class TestTimes:
    def test_the_notation_that_was_guessed_may_be_stated(self, folder):
        update(configure(folder, "schema.time_format='%Y-%m-%d'"))
        assert load(folder).cause in (Cause.REVISION, Cause.UPDATE)
        assert load(folder).schema.time_format == "%Y-%m-%d"

    def test_another_reading_of_stored_times_is_refused_and_the_advice_works(self, tmp_path):
        table = make_rows(2)
        table["day"] = [f"{1 + place % 12:02}/{1 + place // 12:02}/2023" for place in range(len(table))]
        folder = make_stream(tmp_path / "times", table)
        update(configure(folder))
        with pytest.raises(ConfigError, match=r"schema\.time_format is '%m/%d/%Y'.*--from-state") as refusal:
            update(configure(folder, "schema.time_format='%m/%d/%Y'"))
        fresh = str(refusal.value).partition("state_dir=")[2].partition("'")[0]
        update(configure(folder, "schema.time_format='%m/%d/%Y'", f"state_dir={fresh}"), None, None, folder / "state")
        with open_state(configure(folder, f"state_dir={fresh}")) as state:
            assert load_generation(state).schema.time_format == "%m/%d/%Y"


def test_answers_given_before_a_revision_teach_nothing_after_it(folder):
    make_rows(4).tail(ROWS).drop(columns=["claim", "kind"]).to_csv(folder / "new.csv", index=False)
    answered = pd.read_csv(infer(configure(folder), folder / "new.csv", folder / "answers.csv"))
    answered[["predict_id"]].assign(label=1).head(20).to_csv(folder / "labels.csv", index=False)
    receive(configure(folder), folder / "labels.csv")
    with open_state(configure(folder)) as state:
        assert len(load_waiting(state)) == 20
        assert len(load_unreconciled(state)) == 1
    revised = configure(folder, "schema.drop=[kind,region]")
    update(revised)
    with open_state(revised) as state:
        assert len(load_waiting(state)) == 0
        assert len(load_unreconciled(state)) == 0
    update(revised)
    models(revised, ["rollback"], to=LEARNED)
    with open_state(revised) as state:
        assert len(load_waiting(state)) == 20


def test_on_any_database_a_revision_is_one_commit_and_undone(tmp_path, catalogue_url, monkeypatch):
    folder = make_stream(tmp_path / "shared", make_rows(3))
    shared = (f"database_url={catalogue_url}",)
    update(configure(folder, *shared), LEARNED)
    update(configure(folder, *shared, *REVISED))
    monkeypatch.chdir(folder)
    config, told = choose_config(None, [f"state_dir={folder / 'state'}", *shared], may_go_by_state=True)
    assert (config.schema_.categorical, told) == (("zone",), [])
    assert "Generations 1 to 3 came out the same" in replay(config, ["all"])
    models(config, ["rollback"], to=LEARNED)
    with open_state(config) as state:
        assert load_generation(state).schema.categorical == ("region",)
