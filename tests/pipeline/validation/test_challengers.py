"""The tournament on a real state: rivals predict what nobody learned, and champions of long ago can come back."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.update import update_once
from pointsman.pipeline.validation.challengers import (
    DUE,
    RECALLED_AGES,
    compare_challengers,
    load_compared,
    recall,
    take_turns,
)
from pointsman.pipeline.validation.tables import bouts_table
from pointsman.registry.contender import Origin
from pointsman.registry.generations import Role, load_generation
from pointsman.registry.tables import versions_table


def write_stream(path, batches, rows=150):
    """Return a stream in which every batch but one has the relation of the first; its second half is turned round."""
    generator = np.random.default_rng(3)
    lines = ["when,worth,make,paid"]
    for row in range(batches * rows):
        worth, make = generator.normal(), generator.choice(["a", "b", "c"])
        turned = -1 if 2 <= row // rows < batches - 2 else 1
        paid = int(turned * worth + generator.normal(0, 0.4) > 0)
        day = np.datetime64("2020-01-01") + np.timedelta64(row // 5, "D")
        lines.append(f"{day},{worth:.4f},{make},{paid}")
    path.write_text("\n".join(lines))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tournament")
    write_stream(folder / "stream.csv", 9)
    return Config.model_validate(
        {
            "schema": {"time": "when", "target": "paid"},
            "source": {"kind": "files", "paths": ["stream.csv"]},
            "data_dir": folder,
            "state_dir": folder / "state",
            "batch": {"rows": 150},
            "search": {"trials": 2, "families": ["linear", "lightgbm"]},
            "training": {"folds": 1},
        }
    )


@pytest.fixture(scope="module")
def learned(config):
    reader = PartReader(config.schema_)
    with open_state(config) as state:
        generations = [update_once(config, state, reader) for _ in range(9)]
        yield state, generations


def test_rivals_do_not_serve_and_are_no_members_besides(learned):
    state, generations = learned
    for generation in generations[1:]:
        stored = load_generation(state, generation.number)
        assert stored.challengers
        serving = {version.id for version in (*stored.versions, *stored.ensembles)}
        assert not serving & {version.id for version in stored.challengers}
        assert len({version.line for version in stored.versions}) == len(stored.versions)


def test_every_rival_meets_the_next_batch_and_no_bout_is_about_a_batch_it_knew(learned):
    state, generations = learned
    bouts = load_compared(state)
    versions = {row["id"]: row for row in read_rows(state.engine, sa.select(versions_table))}
    for before, after in itertools.pairwise(generations):
        met = {bout.version for bout in bouts if bout.batch == after.batch}
        assert met == {version.id for version in before.challengers}
    assert all(versions[bout.version]["last_batch"] < bout.batch for bout in bouts)
    assert {bout.way for bout in bouts} >= {Origin.KEPT, Origin.UPDATE}


def test_a_way_that_is_compared_is_named_by_how_the_rival_came_about(learned):
    state, _ = learned
    versions = {row["id"]: row for row in read_rows(state.engine, sa.select(versions_table))}
    for bout in load_compared(state):
        if bout.way in (Origin.UPDATE, Origin.REFIT):
            assert versions[bout.version]["origin"] == bout.way
            assert bout.served_way is not bout.way
        if bout.way is Origin.RECALL:
            assert versions[bout.version]["last_batch"] <= bout.batch - RECALLED_AGES[0]


def test_a_champion_of_long_ago_returns_with_its_regime(learned):
    state, generations = learned
    recalled = [bout for bout in load_compared(state) if bout.way is Origin.RECALL and bout.is_better(0.9)]
    assert recalled
    returned = [version for version in generations[-1].versions if version.origin == Origin.RECALL]
    assert returned
    former = {bout.version for bout in recalled}
    rows = {row["id"]: row for row in read_rows(state.engine, sa.select(versions_table))}
    for version in returned:
        assert version.parent in former
        assert version.manifest == rows[version.parent]["manifest"]
        assert version.line == version.id


def test_every_line_takes_its_turn():
    turns = [position for batch in range(DUE) for position in take_turns(list(range(5)), batch)]
    assert sorted(turns) == list(range(5))


def test_a_rival_that_cannot_predict_has_lost_and_stops_nobody(learned):
    state, generations = learned
    before = generations[-1]

    class Broken:
        def load(self, _version):
            raise ValueError("no such column")

    from pointsman.meta.store import load_records

    record = load_records(state, before.schema)[-1]
    table = SimpleNamespace(rows=record.rows, features=pd.DataFrame(index=range(3)))
    assert compare_challengers(before, SimpleNamespace(shelf=Broken(), record=record, table=table)) == ([], {})


def test_only_what_surely_beats_the_champion_is_recalled(config, learned):
    state, generations = learned
    bout = next(bout for bout in load_compared(state) if bout.way is Origin.RECALL)
    before = next(one for one in generations if any(rival.id == bout.version for rival in one.challengers))
    outputs = {bout.version: np.zeros((3, 2))}
    better = replace(bout, difference=-1.0, error=0.1)
    contenders, versions = recall(config, before.challengers, [better], outputs, first_number=500)
    assert [one.origin for one in contenders] == [Origin.RECALL]
    assert versions[contenders[0].name].id == bout.version
    assert recall(config, before.challengers, [replace(bout, difference=-1.0, error=5.0)], outputs, 500) == ([], {})


def test_bouts_are_stored_once_and_role_rival_is_stored(learned):
    state, generations = learned
    assert len(read_rows(state.engine, sa.select(bouts_table))) == len(load_compared(state))
    roles = {member.role for member in load_generation(state, generations[-1].number).members}
    assert Role.CHALLENGER in roles
