"""A version beyond the budget does not serve, whatever its record, and a replay decides so again."""

import pytest
import sqlalchemy as sa
from small_stream import LINEAR, configure, copy, opened

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.inference import infer
from pointsman.pipeline.replay import replay
from pointsman.pipeline.update import update
from pointsman.registry.generations import load_generation
from pointsman.registry.tables import events_table, versions_table

BUDGET = "promotion.budget.predict_us=1000000"


@pytest.fixture(scope="module")
def served(linear_stream, tmp_path_factory):
    """A state whose champion turns out to be slow, and goes on to learn with a budget; the line that was champion."""
    folder = copy(linear_stream, tmp_path_factory.mktemp("budget"))
    with opened(folder, LINEAR) as (_, state):
        champion = load_generation(state).champion
        with state.engine.begin() as connection:
            slow = versions_table.update().where(versions_table.c.id == champion.id)
            connection.execute(slow.values(predict_us=2e6))
    update(configure(folder, LINEAR, BUDGET), 1)
    return folder, champion


def test_a_line_beyond_the_budget_is_no_champion_and_has_no_weight(served):
    folder, former = served
    infer(configure(folder, LINEAR), folder / "stream.csv")
    with opened(folder, LINEAR) as (_, state):
        generation = load_generation(state)
        query = sa.select(decisions_table).order_by(decisions_table.c.created_at.desc()).limit(1)
        (decision,) = read_rows(state.engine, query)
    slow = next(version for version in generation.versions if version.line == former.line)
    assert generation.champion.line != former.line
    assert all(slow.id not in weights for weights in decision["weights"].values())
    assert all(former.line not in weights for weights in decision["weights"].values())
    assert slow.id not in generation.aliases.values()


def test_the_reason_is_an_event_of_the_version(served):
    folder, former = served
    with opened(folder, LINEAR) as (_, state):
        query = sa.select(events_table).where(events_table.c.event == "barred")
        excluded = read_rows(state.engine, query)
    assert any(f"{former.id} took 2000000 microseconds a row" in event["reason"] for event in excluded)


def test_a_replay_goes_by_what_was_measured_then(served):
    folder, _ = served
    assert "came out the same" in replay(configure(folder, LINEAR), ["all"])
