"""A stored generation comes out the same when it is computed again, and anything that was changed since is told."""

import sqlite3
from contextlib import closing

import pytest
import small_stream
import sqlalchemy as sa
from small_stream import copy, opened, take

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401
from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.state import open_state
from pointsman.pipeline.inference import infer
from pointsman.pipeline.models import models
from pointsman.pipeline.quality.stored import profiles_table
from pointsman.pipeline.quarantine import quarantine
from pointsman.pipeline.replay import read_words, replay
from pointsman.pipeline.update import update
from pointsman.registry.generations import load_generation
from pointsman.registry.soundness import compute_digests
from pointsman.registry.tables import generations_table, versions_table

OVERRIDES = ("search.families=[linear]", "search.variants=[target]", "promotion.max_active=4")


def configure(folder, *overrides):
    return small_stream.configure(folder, *OVERRIDES, *overrides)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A state with everything that can happen: requests, refused rows, decisions by hand and a rollback."""
    folder = tmp_path_factory.mktemp("replay")
    rows = small_stream.make_rows()
    rows.loc[130:139, "INSR_BEGIN"] = "soon"
    rows.to_csv(folder / "stream.csv", index=False)
    config = configure(folder)
    update(config, 2)
    infer(config, folder / "stream.csv")  # labels come with the batches after it
    quarantine(config, ["discard", "2"], "not to be had")
    update(config, 2)
    models(config, ("rollback",), 3, "again")
    update(config)
    with opened(folder) as (_, state):
        champion = load_generation(state).champion.id
    models(config, ("promote", champion), None, "signed off")
    update(config)
    return folder


def test_so_does_one_that_was_set_aside(learned):
    assert replay(configure(learned), ["5"]).startswith("Generation 5 came out the same")


def test_everything_comes_out_the_same_from_raw_batches_alone(learned):
    assert replay(configure(learned), ["all"]).startswith("Generations 1 to 9 came out the same")


def test_the_live_generation_comes_out_the_same_and_the_state_is_left_alone(learned):
    def look():
        with opened(learned) as (_, state):
            return compute_catalogue_digests(state.engine), sorted(state.files.folder.rglob("*"))

    before = look()
    assert replay(configure(learned), []).startswith("Generation 9 came out the same")
    assert look() == before


def test_the_configuration_of_then_counts(learned):
    changed = configure(learned, "seed=99", "search.trials=3", "search.families=[tree]")
    assert replay(changed, []).startswith("Generation 9 came out the same")


def test_an_altered_decision_is_told_with_what_it_was(learned, tmp_path):
    folder = copy(learned, tmp_path / "copy")
    with opened(folder) as (_, state):
        newest = load_generation(state).number
        with state.engine.begin() as connection:
            mine = versions_table.c.generation == newest
            connection.execute(sa.update(versions_table).where(mine).values(threshold=0.123))
        with state.engine.begin() as connection:  # whoever altered it knew of digests, too
            renewed = sa.update(generations_table).where(generations_table.c.number == newest)
            connection.execute(renewed.values(digest=compute_digests(state)[newest]))
    with pytest.raises(StateError, match=r"versions of generation 9: threshold was 0.123 and is .*the same libraries"):
        replay(configure(folder), [])


def test_an_altered_decision_is_mended_by_the_copy_before_it_is_replayed(learned, tmp_path):
    folder = copy(learned, tmp_path / "copy")
    with closing(sqlite3.connect(folder / "state" / "catalogue.db")) as connection, connection:
        connection.execute("update versions set threshold = 0.123 where generation = 9")
    with pytest.raises(StateError, match="the rows of generation 9 are not those"):
        replay(configure(folder), [])
    assert replay(configure(folder), []).startswith("Generation 9 came out the same")


def test_an_altered_past_changes_what_comes_after(learned, tmp_path):
    folder = copy(learned, tmp_path / "copy")
    of_sex = sa.and_(profiles_table.c.batch == 2, profiles_table.c.column == "SEX")
    with opened(folder) as (_, state), state.engine.begin() as connection:
        connection.execute(sa.delete(profiles_table).where(of_sex))
    with pytest.raises(StateError, match="profiles of generation 2: 13 rows then, 14 now"):
        replay(configure(folder), ["2"])


def test_a_rejected_batch_is_rejected_again(learned, tmp_path):
    folder = copy(learned, tmp_path / "copy")
    take(folder, small_stream.make_rows().head(200).assign(CLAIM_PAID="lots"), *OVERRIDES)
    assert replay(configure(folder), []).startswith("Generation 10 came out the same")


def test_what_there_is_not_cannot_be_computed(learned, tmp_path):
    with pytest.raises(StateError, match="There is no generation 99"):
        replay(configure(learned), ["99"])
    with open_state(configure(tmp_path)), pytest.raises(StateError, match=r"no generation .* yet; run 'python run\.py"):
        replay(configure(tmp_path), [])
    with pytest.raises(ConfigError, match="write replay, replay 7, or replay 7 all"):
        read_words(["first"])
