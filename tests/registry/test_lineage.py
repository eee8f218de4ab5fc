"""Whatever turns a state takes, its tables hold the rows of the live lineage and nothing is ever lost."""

from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from made_versions import make_config

from pointsman.common.storage.catalogue import Draft, metadata, read_rows, state_tables
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.lifecycle import catalogue
from pointsman.registry.generations import Cause, Generation, draft_generation, load_generation
from pointsman.registry.lineage import (
    find_accepting,
    load_lineage,
    load_other_pasts,
    load_past,
    load_recent,
    load_updates,
    read_state_rows,
    turn,
)
from pointsman.registry.tables import set_aside_table


def make_row(number):
    return {
        "number": number,
        "origin": f"part-{number}",
        "file": "raw",
        "rows": 3,
        "columns": 2,
        "status": "ok",
        "start": datetime(2020, 1, number, 12, 30),
        "metaparameters": {"share": 0.3, "none": None},
    }


def add(state, parent, cause=Cause.UPDATE, first=None):
    """Commit a generation that goes on from another; an update takes the batch after its parent's newest."""
    before = Generation() if parent is None else parent
    newest = read_rows(state.engine, sa.select(sa.func.max(sa.column("number"))).select_from(sa.table("generations")))
    number = (next(iter(newest[0].values())) or 0) + 1
    batch = (before.batch or 0) + 1 if cause.takes_batch else before.batch
    after = Generation(number, before.number or None, cause, batch)
    draft = Draft(number)
    draft_generation(draft, after, 7)
    if cause.takes_batch:
        draft.add(batches, [make_row(batch)])
    draft.commit(state.engine, first)
    return after


def switch(state, live, target):
    """Roll back, or forward, to another generation."""
    led_here, wanted = load_lineage(state, live.number), load_lineage(state, target.number)
    return add(state, target, Cause.ROLLBACK, lambda connection: turn(connection, led_here, wanted))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), min_size=1, max_size=14))
def test_live_rows_are_those_of_the_lineage_and_all_rows_stay(tmp_path_factory, moves):
    with open_state(make_config(tmp_path_factory.mktemp("turns"))) as state:
        made = [add(state, None)]
        wrote = {1}
        for move in moves:
            live = made[-1]
            if move is None:
                made.append(add(state, live))
                wrote.add(made[-1].number)
            elif made[move % len(made)] is not live:
                made.append(switch(state, live, made[move % len(made)]))
            led_here = load_lineage(state, made[-1].number)
            rows = read_rows(state.engine, sa.select(batches).order_by(batches.c.number))
            assert {row["generation"] for row in rows} == set(led_here) & wrote
            assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
            assert all({key: row[key] for key in make_row(1)} == make_row(row["number"]) for row in rows)
            with state.engine.connect() as connection:
                everything = read_state_rows(connection, batches, wrote)
            assert {row["generation"] for row in everything} == wrote
            assert len(everything) == len(wrote)


def test_a_lineage_leads_back_past_turns_and_decisions(tmp_path, catalogue_url):
    with open_state(make_config(tmp_path, catalogue_url)) as state:
        first = add(state, None)
        second = add(state, first)
        decided = add(state, second, Cause.QUARANTINE)
        back = switch(state, decided, first)
        third = add(state, back)
        assert load_lineage(state, decided.number) == [3, 2, 1]
        assert load_lineage(state, third.number) == [5, 4, 1]
        assert load_updates(state, third.number) == [5, 1]
        assert [load_recent(state, third.number, updates) for updates in (1, 2, 9)] == [[5], [5, 4, 1], [5, 4, 1]]
        assert load_lineage(state, 99) == []


def test_a_turn_that_fails_halfway_changes_nothing(tmp_path, catalogue_url):
    with open_state(make_config(tmp_path, catalogue_url)) as state:
        first = add(state, None)
        second = add(state, first)

        def fail(connection):
            turn(connection, [2, 1], [1])
            raise RuntimeError("the power went")

        with pytest.raises(RuntimeError):
            add(state, second, Cause.ROLLBACK, fail)
        assert len(read_rows(state.engine, sa.select(batches))) == 2
        assert read_rows(state.engine, sa.select(set_aside_table)) == []


def test_every_table_moves_or_is_known_to_stay():
    """A new table has to say which it is: one that is forgotten would mix the pasts of two lineages."""
    assert catalogue.__all__
    stay = {
        "generations",
        "versions",
        "members",
        "aliases",
        "events",
        "set_aside",
        "dropped",
        "decisions",
        "labels",
        "early_labels",
        "refused_labels",
        "performance",
        "backtests",
        "backtest_fits",
        "backtest_meetings",
    }
    moving = {table.name for table in state_tables()}
    assert set(metadata.tables) - moving == stay


def test_every_module_with_tables_is_in_the_catalogue():
    from pathlib import Path

    root = Path(catalogue.__file__).resolve().parents[2]
    imported = Path(catalogue.__file__).read_text(encoding="utf-8")
    for path in root.rglob("*.py"):
        relative = path.relative_to(root)
        if relative.parts[0] in ("common", "tests", "benchmarks") or relative.parts[0].startswith("."):
            continue
        if "sa.Table(" in path.read_text(encoding="utf-8"):
            assert f"import pointsman.{'.'.join(relative.with_suffix('').parts)}\n" in imported, relative


def revise(state, live):
    """Commit a revision: every batch so far is written anew, and what was written before is set aside."""
    number, newest = live.number + 1, live.batch or 0
    after = Generation(number, live.number, Cause.REVISION, newest + 1)
    draft = Draft(number)
    draft_generation(draft, after, 7)
    draft.add(batches, [make_row(batch) for batch in range(1, newest + 2)])
    gone = load_past(state, live.number)
    draft.commit(state.engine, lambda connection: turn(connection, gone, ()))
    return after


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(["update", "revise"]), st.integers(0, 30)), min_size=1, max_size=12))
def test_every_batch_is_there_once_whatever_is_revised_and_rolled_back(tmp_path_factory, moves):
    with open_state(make_config(tmp_path_factory.mktemp("turns"))) as state:
        made = [add(state, None)]
        told = {made[0].number: {1: 1}}
        for move in moves:
            live = made[-1]
            if move == "update":
                made.append(add(state, live))
                told[made[-1].number] = {**told[live.number], made[-1].batch: made[-1].number}
            elif move == "revise":
                made.append(revise(state, live))
                told[made[-1].number] = dict.fromkeys(range(1, made[-1].batch + 1), made[-1].number)
            elif (target := made[move % len(made)]) is not live:
                led_here, wanted = load_past(state, live.number), load_past(state, target.number)
                made.append(
                    add(state, target, Cause.ROLLBACK, lambda one, old=led_here, new=wanted: turn(one, old, new))
                )
                told[made[-1].number] = told[target.number]
            rows = read_rows(state.engine, sa.select(batches))
            assert {row["number"]: row["generation"] for row in rows} == told[made[-1].number]


def test_a_past_ends_at_a_revision_and_a_lineage_does_not(tmp_path):
    with open_state(make_config(tmp_path)) as state:
        first = add(state, None)
        second = revise(state, first)
        third = add(state, second)
        decided = add(state, third, Cause.PROMOTION)
        assert load_lineage(state, 4) == [4, 3, 2, 1]
        assert load_past(state, 4) == [4, 3, 2]
        assert load_updates(state, 4) == [3, 2]
        assert load_recent(state, 4, 9) == [4, 3, 2]
        assert (find_accepting(state, decided), find_accepting(state, load_generation(state, 1))) == (3, 1)
        assert (load_other_pasts(state, 4), load_other_pasts(state, 1)) == ({1}, {2, 3, 4})
