"""Labels that come late, by whatever way, teach the ledger, the selector and drift; each once, and never too early."""

import numpy as np
import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa
from made_requests import go_on, make_live_rows, one_by_one, serve

from pointsman.common.storage.catalogue import Draft, read_rows, state_tables
from pointsman.meta.label_tables import (
    early_labels_table,
    labels_table,
    live_records_table,
    live_repeats_table,
    settled_labels_table,
    settled_requests_table,
    settlements_table,
)
from pointsman.meta.live import load_live
from pointsman.meta.past import stack_records
from pointsman.meta.records import FIRST_LIVE
from pointsman.meta.store import load_records
from pointsman.meta.tables import regrets_table
from pointsman.pipeline.drift.detection import list_changes
from pointsman.pipeline.explain import explain
from pointsman.pipeline.labels.intake import add_labels
from pointsman.pipeline.labels.matching import MatchedRows
from pointsman.pipeline.labels.reconciliation import ReconciledLabels, describe_found
from pointsman.pipeline.models import models
from pointsman.pipeline.replay import replay
from pointsman.registry.generations import load_generation

LIVE = 40


@pytest.fixture
def folder(linear_stream, tmp_path):
    return small_stream.copy(linear_stream, tmp_path)


def opened(folder, *overrides):
    return small_stream.opened(folder, small_stream.LINEAR, *overrides)


def read(state, table):
    return read_rows(state.engine, sa.select(table))


def serve_live(config, state):
    """Serve rows that are in no batch, half of them one by one; return the ids of all rows and their labels."""
    rows, labels = make_live_rows(LIVE + 60, config.schema_.target)
    serve(config, state, one_by_one(rows.head(LIVE)) | {"many": rows.tail(60)})
    ids = [f"one{place}-0" for place in range(LIVE)] + [f"many-{place}" for place in range(60)]
    return list(zip(ids, labels, strict=True))


@pytest.fixture(scope="module")
def settled(linear_stream, tmp_path_factory):
    """A state in which served rows got labels, an update took them, and more labels came after it."""
    folder = small_stream.copy(linear_stream, tmp_path_factory.mktemp("settled"))
    with opened(folder) as (config, state):
        pairs = serve_live(config, state)
        add_labels(config, state, pairs[:-10], "feedback")
        assert len(add_labels(config, state, [(f"later{place}-0", 1) for place in range(6)], "feedback").early) == 6
        go_on(config, state)
        add_labels(config, state, [(name, 1 - label) for name, label in pairs[:3]] + pairs[-10:], "feedback")
    return folder


def test_every_line_is_held_against_what_was_served(settled):
    with opened(settled) as (config, state):
        entries = {row["decision"]: row for row in read(state, regrets_table)}
        assert {name: (row["rows"], row["requests"]) for name, row in entries.items()} == {
            "many": (50, 1),
            "generation 3": (LIVE, LIVE),
        }
        lines = {version.line for version in load_generation(state, 3).versions}
        for row in entries.values():
            assert set(row["losses"]) == lines
            assert row["oracle"] == min(row["losses"].values())
        assert len(read(state, settled_labels_table)) == LIVE + 50
        assert f"with batch 4, by labels of {LIVE} rows (those of {LIVE} small requests): log-loss" in explain(
            config, "one7"
        )
        assert "with batch 4, by labels of 50 rows (its own): log-loss" in explain(config, "many")


def test_live_rows_are_evidence_beside_the_batch(settled):
    with opened(settled) as (_, state):
        schema = load_generation(state).schema
        *_, newest = load_records(state, schema)
        (live,) = newest.live
        assert (newest.rows.batch, live.served_by, len(live.rows)) == (4, 3, LIVE + 50)
        then = load_generation(state, 3)
        assert set(live.predicted) == {version.line for version in (*then.versions, *then.ensembles)}
        past = stack_records([newest], sorted(live.predicted))
        assert past.clean.sum() == newest.rows.clean.sum() + LIVE + 50
        assert (past.part[: LIVE + 50] == FIRST_LIVE).all(), "what was served comes first, as it did in time"
        assert past.known.all()


def test_a_replay_takes_the_labels_of_then(settled):
    with opened(settled) as (config, _):
        assert replay(config, ["4"]).startswith("Generation 4 came out the same")


def take_next(settled, folder, corrected=()):
    """Go on from a copy of the settled state, with rows whose labels were there before; return what was written."""
    with opened(small_stream.copy(settled, folder)) as (config, state):
        rows, _ = make_live_rows(6, config.schema_.target, seed=4)
        serve(config, state, one_by_one(rows, "later"))
        add_labels(config, state, corrected, "feedback")
        return read_generation(state, go_on(config, state).number)


@pytest.fixture(scope="module")
def gone_on(settled, tmp_path_factory):
    """The settled state after the next update, and what that wrote."""
    folder = tmp_path_factory.mktemp("next")
    return folder, take_next(settled, folder)


def test_the_next_update_takes_what_came_since_and_corrections_replace(gone_on):
    with opened(gone_on[0]) as (config, state):
        (repeat,) = read(state, live_repeats_table)
        assert (repeat["by_batch"], repeat["batch"], repeat["served_by"], len(repeat["rows"])) == (5, 4, 3, 3)
        by_batch = load_live(state, load_generation(state).schema, 0)
        assert [(part.served_by, len(part)) for part in by_batch[4] + by_batch[5]] == [(3, LIVE + 47), (3, 13), (4, 6)]
        assert {row["batch"]: row["labels"] for row in read(state, settlements_table)}[5] == 19
        assert replay(config, ["5"]).startswith("Generation 5 came out the same")


def test_other_labels_change_no_record_that_was_made_before_them(gone_on, settled, tmp_path):
    altered = take_next(settled, tmp_path, [(f"many-{place}", "1") for place in range(50, 60)])
    unlike = {name for name in altered if altered[name] != gone_on[1][name]}
    assert "live_records" in unlike
    assert not unlike & {"records", "record_rows", "scores", "grades", "sketches", "drift", "quality"}


def test_labels_outlive_a_rollback_and_are_settled_again(settled, tmp_path):
    with opened(small_stream.copy(settled, tmp_path)) as (config, state):
        models(config, ("rollback",), 3, "again")
        assert read(state, settled_labels_table) == read(state, live_records_table) == []
        assert (len(read(state, labels_table)), len(read(state, early_labels_table))) == (LIVE + 63, 6)
        go_on(config, state)
        assert len(read(state, settled_labels_table)) == LIVE + 63
        (record,) = read(state, live_records_table)
        assert record["rows"] == LIVE + 60


def read_generation(state, number):
    names = {
        table.name: [one.name for one in table.columns if not one.info.get("volatile")] for table in state_tables()
    }
    return {
        table.name: sorted(
            repr({name: row[name] for name in names[table.name]})
            for row in read(state, table)
            if row["generation"] == number
        )
        for table in state_tables()
    }


def test_a_row_in_a_batch_is_told_of_by_the_batch_alone(folder):
    with opened(folder) as (config, state):
        target = config.schema_.target
        stream = small_stream.make_rows()
        learned, next_batch = stream.iloc[:20], stream.iloc[3 * small_stream.ROWS : 3 * small_stream.ROWS + 60]
        serve(config, state, {"learned": learned.drop(columns=[target]), "next": next_batch.drop(columns=[target])})
        labels = [(f"learned-{place}", label) for place, label in enumerate(learned[target])]
        labels += [(f"next-{place}", label) for place, label in enumerate(next_batch[target])]
        add_labels(config, state, labels, "feedback")
        go_on(config, state)
        assert read(state, live_records_table) == []
        (entry,) = read(state, regrets_table)
        assert (entry["decision"], entry["rows"]) == ("next", 60)
        (brought,) = read(state, settled_requests_table)
        assert (brought["request"], brought["rows"]) == ("next", 60)
        assert len(read(state, settled_labels_table)) == 80, "they are not asked for again"


def test_every_label_by_id_is_told_of():
    none, both = pd.DataFrame({"late": []}), pd.DataFrame({"late": [False] * 60 + [True]})
    assert describe_found(MatchedRows(none, {}), 4) == ""
    assert describe_found(MatchedRows(both, {7: None}), 4) == "labels of 61 served rows came: 60 in batch 4, 1 by id"
    outcomes = dict.fromkeys(range(70), "in batch") | dict.fromkeys(range(70, 80), "replaced")
    assert describe_found(MatchedRows(both.head(60), outcomes), 4) == (
        "labels of 60 served rows came: 60 in batch 4, 0 by id; of 80 labels given by id, some add nothing: 70 in "
        "batch (a batch has the row and tells its label), 10 replaced (a newer label of the row came)"
    )
    assert describe_found(MatchedRows(none, {1: "lost"}), 4).startswith(
        "labels of 0 served rows came: 0 in batch 4, 0 by id; of 1 "
    )


def test_live_rows_that_a_batch_brings_later_do_not_count_twice(folder):
    with opened(folder) as (config, state):
        target = config.schema_.target
        later = small_stream.make_rows().iloc[4 * small_stream.ROWS : 4 * small_stream.ROWS + 60]
        serve(config, state, one_by_one(later.drop(columns=[target])))
        labels = [(f"one{place}-0", label) for place, label in enumerate(later[target])]
        add_labels(config, state, labels, "feedback")
        go_on(config, state)
        assert [row["rows"] for row in read(state, live_records_table)] == [60]
        assert len(read(state, regrets_table)) == 1
        go_on(config, state)
        assert [len(row["rows"]) for row in read(state, live_repeats_table)] == [60]
        assert all(not record.live for record in load_records(state, load_generation(state).schema))
        assert len(read(state, regrets_table)) == 1, "the ledger had them already"


def test_rows_that_lack_a_column_are_found_by_the_others(folder):
    with opened(folder) as (config, state):
        target = config.schema_.target
        stream = small_stream.make_rows().drop(columns=["PREMIUM"])
        columns = [name for name in load_generation(state).schema.inputs if name in stream]
        now, later = (stream.iloc[batch * small_stream.ROWS :].head(60) for batch in (3, 4))
        asked = {"now": now.drop(columns=[target]), "later": later.drop(columns=[target])}
        serve(config, state, asked, columns=columns)
        labels = [(f"now-{place}", label) for place, label in enumerate(now[target])]
        labels += [(f"later-{place}", label) for place, label in enumerate(later[target].head(55))]
        add_labels(config, state, labels, "feedback")
        go_on(config, state)
        entries = {row["decision"]: row["rows"] for row in read(state, regrets_table)}
        assert entries == {"now": 60, "later": 55}, "each row counts once, though both ways told of it"
        assert [row["rows"] for row in read(state, live_records_table)] == [55]
        assert replay(config, ["4"]).startswith("Generation 4 came out the same")
        go_on(config, state)
        assert [len(row["rows"]) for row in read(state, live_repeats_table)] == [55]
        entries = {(row["batch"], row["decision"]): row["rows"] for row in read(state, regrets_table)}
        assert entries[5, "generation 3"] == 5, "the rows whose labels had not come"
        assert replay(config, ["5"]).startswith("Generation 5 came out the same")


def test_a_row_that_a_batch_brought_is_not_brought_by_another_one(folder):
    with opened(folder) as (config, state):
        rows = small_stream.make_rows().iloc[3 * small_stream.ROWS :].head(60)
        serve(config, state, {"next": rows.drop(columns=[config.schema_.target])})
        earlier = Draft(load_generation(state).number)
        earlier.add(settled_requests_table, [{"batch": 3, "request": "next", "rows": 5, "positions": [*range(5)]}])
        earlier.commit(state.engine)
        go_on(config, state)
        (entry,) = read(state, regrets_table)
        assert entry["rows"] == 55
        assert read(state, settled_requests_table)[-1]["positions"] == [*range(5, 60)]


def test_key_columns_name_rows_whose_inputs_were_corrected(folder):
    with opened(folder, "labels.key_columns=[OBJECT_ID,INSR_BEGIN]") as (config, state):
        stream = small_stream.make_rows().iloc[3 * small_stream.ROWS : 3 * small_stream.ROWS + 60]
        asked = stream.drop(columns=[config.schema_.target]).assign(PREMIUM="1")
        keys = asked[["OBJECT_ID", "INSR_BEGIN"]]
        serve(config, state, {"named": asked}, keys=keys)
        serve(config, state, {"nameless": asked})
        go_on(config, state)
        (entry,) = read(state, regrets_table)
        assert entry["decision"] == "named"
        assert entry["rows"] > 50


def test_served_rows_come_before_the_batch_where_losses_are_watched():
    random = np.random.default_rng(3)
    earlier, newest = random.normal(1, 0.1, 600), random.normal(3, 0.1, 50)
    times = pd.Series(pd.date_range("2020-02-01", periods=50, freq="h"))
    served_at = pd.date_range("2020-01-01", periods=300, freq="h").to_numpy()
    changes = [
        list_changes(newest, earlier, times, one)
        for one in (None, ReconciledLabels((), (), random.normal(3, 0.1, 300), served_at, {}))
    ]
    (_, without), (tests, since) = changes
    assert min(since.values()) < "2020-01-03" < "2020-02" < min(without.values())
    assert {test.part for test in tests} == {0}
    assert list_changes(np.empty(0), earlier, times, None) == ([], {})


def test_a_state_without_labels_is_what_it_was(folder):
    with opened(folder) as (_, state):
        empty = [live_records_table, live_repeats_table, settled_labels_table, settled_requests_table, regrets_table]
        assert all(read(state, table) == [] for table in empty)
        told = {(row["gap"], row["labels"], row["rows"], row["clock"]) for row in read(state, settlements_table)}
        assert told == {("0s", 0, 0, None)}
