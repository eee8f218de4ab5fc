"""A stream whose inputs jump once and whose concept turns round later, through whole updates; then one that rests."""

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.drift.store import load_sketches, load_tests
from pointsman.pipeline.drift.tables import alarms_table, drift_tests_table, responses_table, sketches_table
from pointsman.pipeline.update import update_once

pytestmark = pytest.mark.slow
ROWS, JUMP, TURN, NEVER, AGAIN = 120, 9, 12, (13,), 14


def make_stream():
    random = np.random.default_rng(0)
    count = AGAIN * ROWS
    batch = np.arange(count) // ROWS + 1
    worth, make = random.normal(0, 1, count), random.choice(["x", "y", "z"], count)
    hidden = np.where(batch >= TURN, -2, 2) * worth + (make == "x") + random.normal(0, 1, count)
    return pd.DataFrame(
        {
            "time": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(count), unit="h"),
            "worth": worth.round(4),
            "age": (random.normal(40, 10, count) + 25 * (batch == JUMP) - 30 * (batch == min(NEVER))).round(2),
            "make": make,
            "claim": np.where(hidden > 0.5, "yes", "no"),
        }
    )


def configure(folder, **response):
    return Config.model_validate(
        {
            "schema": {"time": "time", "target": "claim"},
            "source": {"kind": "files", "paths": ["stream.csv"]},
            "batch": {"rows": ROWS, "min_rows": 20},
            "search": {"trials": 1, "families": ["linear"], "variants": ["onehot"]},
            "training": {"folds": 1},
            "features": {"date_parts": {}, "durations": []},
            "promotion": {"max_active": 2},
            "workers": {"count": 1},
            "response": response,
            "data_dir": str(folder),
            "state_dir": str(folder / "state"),
        }
    )


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """The state after all updates, and the generation that each made."""
    folder = tmp_path_factory.mktemp("stream")
    make_stream().to_csv(folder / "stream.csv", index=False)
    with pytest.MonkeyPatch.context() as patch, open_state(configure(folder)) as state:
        patch.setattr("pointsman.meta.records.CORRUPTIONS", ())  # damaged copies play no part in drift
        generations = {}
        for number in range(1, AGAIN + 1):
            config = configure(folder, retrain="never" if number in NEVER else "always")
            generations[number] = update_once(config, state, PartReader(config.schema_))
        yield state, generations


def find_alarms(state):
    rows = read_rows(state.engine, sa.select(alarms_table).order_by(alarms_table.c.batch, alarms_table.c.rank))
    return [row for row in rows if row["batch"] <= TURN]


def test_the_jump_and_the_turn_are_found_on_their_day_and_told_apart(stream):
    alarms = find_alarms(stream[0])
    data = [row for row in alarms if row["drift"] == "data"]
    assert min(row["batch"] for row in data) == JUMP
    assert {row["batch"] for row in data} <= {JUMP, JUMP + 1}
    assert {row["column"] for row in data} <= {"age", ""}
    concept = [row for row in alarms if row["drift"] == "concept"]
    assert [row["batch"] for row in concept] == [TURN]
    assert "slope" in concept[0]["aspects"]


def test_the_turn_did_damage_and_detectors_say_since_when(stream):
    (turn,) = [row for row in find_alarms(stream[0]) if row["drift"] == "concept"]
    assert turn["damage"] > 0.5
    start = pd.Timestamp("2020-01-01") + pd.Timedelta(hours=ROWS * (TURN - 1))
    assert turn["since"]
    assert all(start <= pd.Timestamp(since) < start + pd.Timedelta(hours=ROWS) for since in turn["since"].values())


def test_what_was_done_is_in_the_catalogue_with_its_cause(stream):
    rows = read_rows(stream[0].engine, sa.select(responses_table))
    done = {(row["batch"], row["action"]): row for row in rows}
    assert {action for batch, action in done if batch == JUMP} == {"warn", "search"}
    assert {action for batch, action in done if batch == TURN} == {"warn", "search", "shorten", "revive"}
    assert "'age'" in done[JUMP, "warn"]["cause"]
    assert done[TURN, "shorten"]["cause"].startswith(f"concept drift in batch {TURN}: ")
    assert "linear/onehot/last 1" in done[TURN, "shorten"]["outcome"]
    assert not any(batch < JUMP for batch, _ in done)


def test_every_batch_leaves_a_sketch_and_its_tests(stream):
    state, _ = stream
    assert [row["batch"] for row in read_rows(state.engine, sa.select(sketches_table))] == list(range(1, AGAIN + 1))
    assert [sketch.rows for sketch in load_sketches(state, 3)] == [ROWS] * 3
    tests = load_tests(state)
    assert [batch for batch, _ in tests] == sorted(batch for batch, _ in tests)
    stored = read_rows(state.engine, sa.select(sa.func.count().label("tests")).select_from(drift_tests_table))
    assert len(tests) == stored[0]["tests"]
    assert all(test.kept is None for batch, test in tests if test.drift.value == "concept" and batch == TURN)


def test_what_is_not_learned_commits_a_generation_of_the_same_versions(stream):
    _, generations = stream
    learned = generations[TURN]
    for number in NEVER:
        kept = generations[number]
        assert (kept.cause, kept.batch) == ("kept", number)
        assert {one.id for one in kept.versions} == {one.id for one in learned.versions}
        assert kept.champion == learned.champion
        assert kept.reference == learned.reference
        assert not kept.challengers


def test_alarms_of_a_batch_that_is_not_learned_are_answered_by_a_warning_alone(stream):
    state, _ = stream
    query = sa.select(responses_table).where(responses_table.c.batch.in_(NEVER))
    alarmed = {row["batch"] for row in read_rows(state.engine, sa.select(alarms_table)) if row["batch"] in NEVER}
    rows = read_rows(state.engine, query)
    assert alarmed
    assert {row["batch"] for row in rows} == alarmed
    assert {row["outcome"] for row in rows if row["action"] != "warn"} == {"not done, since no model learned the batch"}
    assert {row["outcome"] for row in rows if row["action"] == "warn"} == {"logged"}


def test_the_next_training_learns_all_batches_that_waited(stream):
    _, generations = stream
    newest = generations[AGAIN]
    assert newest.cause == "update"
    assert newest.reference != generations[TURN].reference
    assert max(version.last_batch for version in newest.versions) == AGAIN
    full = [one for one in newest.versions if one.window is None and one.last_batch == AGAIN and one.first_batch == 1]
    assert {one.rows for one in full} == {ROWS * AGAIN}
