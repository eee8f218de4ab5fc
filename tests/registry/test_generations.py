"""The newest generation is the live state: it comes back whole, and what was before stays to be read."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from made_versions import commit, make_config, make_ensemble, make_version

from pointsman.common.errors import StateError
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.registry.generations import (
    Alias,
    Cause,
    Event,
    Generation,
    Member,
    Role,
    draft_generation,
    load_generation,
)
from pointsman.registry.tables import events_table, generations_table, members_table, versions_table

LINEAR, KNN, ENSEMBLE, PRIOR = make_version(1), make_version(2, "knn"), make_ensemble(3), make_version(4, "prior")
MEMBERS = (
    Member(LINEAR, Role.ROBUST_CHAMPION),
    Member(KNN, Role.CHAMPION),
    Member(ENSEMBLE, Role.ENSEMBLE),
    Member(PRIOR, Role.ACTIVE),
)
SCHEMA = Schema(
    time="day",
    target="y",
    task=Task.MULTICLASS,
    classes=("a", "b", "ü"),
    numeric=("worth",),
    categorical=("make",),
    dates=("day",),
    unused={"id": "it identifies rows"},
    missing_values=("", "NA"),
    missing_target=0.0,
    positive="> 0",
)
FULL = Generation(
    number=1,
    cause=Cause.UPDATE,
    batch=1,
    cursor={"parts": {"a.csv": {"rows": 5, "digest": "0f"}}, "empty": None},
    schema=SCHEMA,
    reference="reference.json",
    selector="selector.json",
    members=MEMBERS,
)
VERSIONS = [member.version for member in MEMBERS]


@pytest.fixture
def state(tmp_path, catalogue_url):
    with open_state(make_config(tmp_path, catalogue_url)) as opened:
        yield opened


def test_before_the_first_update_there_is_nothing(state):
    empty = load_generation(state)
    assert empty == Generation()
    assert (empty.number, empty.champion, empty.versions, empty.ensembles) == (0, None, (), ())


def test_a_generation_comes_back_as_it_was_also_to_another_process(state, catalogue_url):
    commit(state, FULL, VERSIONS)
    assert load_generation(state) == FULL
    with open_state(make_config(state.folder, catalogue_url)) as again:
        assert load_generation(again) == FULL


def test_a_generation_may_lack_everything_but_its_cause(state):
    bare = commit(state, Generation().succeed(Cause.REJECTED))
    assert load_generation(state) == bare == Generation(number=1, cause=Cause.REJECTED)


def test_members_come_in_the_order_of_their_numbers_whatever_the_order_of_writing(state):
    commit(state, Generation(number=1, members=MEMBERS[::-1]), VERSIONS[::-1])
    assert load_generation(state).members == MEMBERS


class TestMembers:
    def test_roles_are_shown_by_the_words_of_today(self):
        assert [role.shown for role in Role] == ["champion", "robust champion", "active", "ensemble", "rival"]

    def test_production_is_what_its_alias_names_or_the_champion(self):
        named = replace(FULL, aliases={Alias.PRODUCTION: ENSEMBLE.id})
        assert named.production == ENSEMBLE
        assert replace(FULL, aliases={}).production == FULL.champion
        assert Generation().production is None

    def test_ensembles_stand_apart_from_versions_with_models(self):
        assert FULL.versions == (LINEAR, KNN, PRIOR)
        assert FULL.ensembles == (ENSEMBLE,)

    def test_the_champion_is_that_of_clean_input(self):
        assert FULL.champion == KNN
        assert Generation(members=(Member(LINEAR, Role.ROBUST_CHAMPION), Member(PRIOR, Role.ACTIVE))).champion is None


class TestSuccession:
    def test_a_successor_is_numbered_on_keeps_what_did_not_change_and_names_its_parent(self):
        after = FULL.succeed(Cause.REJECTED, batch=2)
        assert (after.number, after.parent, after.cause, after.batch) == (2, 1, Cause.REJECTED, 2)
        assert (after.members, after.schema, after.cursor) == (FULL.members, FULL.schema, FULL.cursor)
        assert (FULL.number, FULL.parent, FULL.batch) == (1, None, 1)

    def test_the_first_has_no_parent(self):
        assert Generation().succeed(Cause.UPDATE).parent is None

    def test_the_newest_serves_and_every_older_one_can_be_read_again(self, state):
        commit(state, FULL, VERSIONS)
        newcomer = make_version(5, "linear", line=LINEAR.id, parent=LINEAR.id, generation=2)
        second = FULL.succeed(
            Cause.UPDATE, batch=2, members=(Member(KNN, Role.ACTIVE), Member(newcomer, Role.CHAMPION))
        )
        commit(state, second, [newcomer])
        third = commit(state, second.succeed(Cause.REJECTED, batch=3))
        assert load_generation(state) == third
        assert [load_generation(state, number) for number in (1, 2, 3)] == [FULL, second, third]
        assert load_generation(state, 1).champion == KNN
        assert load_generation(state).champion == newcomer

    def test_a_number_that_was_never_committed_is_the_empty_generation(self, state):
        commit(state, FULL, VERSIONS)
        assert load_generation(state, 2) == Generation()


class TestDrafts:
    def test_nothing_shows_before_the_commit(self, state):
        draft = Draft(1)
        draft_generation(draft, FULL, 7, VERSIONS)
        assert load_generation(state) == Generation()
        draft.commit(state.engine)
        assert load_generation(state) == FULL

    @pytest.mark.parametrize(
        ("members", "new"),
        [
            ((Member(make_version(9), Role.ACTIVE),), []),  # never registered
            ((Member(KNN, Role.CHAMPION), Member(KNN, Role.ACTIVE)), []),  # two roles at once
            (MEMBERS, [make_version(2, "tree")]),  # a number that is taken
        ],
        ids=["unknown", "twice", "number"],
    )
    def test_a_generation_that_cannot_be_leaves_the_one_before_alive(self, state, members, new):
        commit(state, FULL, VERSIONS)
        with pytest.raises(sa.exc.IntegrityError):
            commit(state, FULL.succeed(Cause.UPDATE, members=members), new, (Event(KNN.id, "promoted", "x"),))
        assert load_generation(state) == FULL
        tables = (generations_table, versions_table, members_table, events_table)
        assert [len(read_rows(state.engine, sa.select(table))) for table in tables] == [1, 4, 4, 0]

    def test_a_generation_is_committed_once(self, state):
        commit(state, FULL, VERSIONS)
        with pytest.raises(StateError, match="was changed by another process meanwhile; run this again"):
            commit(state, Generation(number=1, cause=Cause.KEPT))
        assert load_generation(state) == FULL

    def test_events_keep_their_order_and_reasons_by_generation(self, state):
        told = (
            Event("linear-0001", "registered", "standing line"),
            Event("knn-0002", "registered", "standing line"),
            Event("knn-0002", "promoted", "lowest loss: 'quoted' & <b>"),
        )
        commit(state, FULL, VERSIONS, told)
        commit(state, FULL.succeed(Cause.UPDATE, batch=2), events=(Event("prior-0004", "retired", "worse"),))
        ordered = sa.select(events_table).order_by(events_table.c.generation, events_table.c.position)
        rows = read_rows(state.engine, ordered)
        assert [(row["generation"], row["position"]) for row in rows] == [(1, 0), (1, 1), (1, 2), (2, 0)]
        assert tuple(Event(row["version"], row["event"], row["reason"]) for row in rows[:3]) == told

    def test_the_seed_is_kept_with_the_generation(self, state):
        commit(state, FULL, VERSIONS)
        assert [row["seed"] for row in read_rows(state.engine, sa.select(generations_table))] == [7]
