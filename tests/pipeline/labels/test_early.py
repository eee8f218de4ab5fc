"""However many labels nobody can use arrive, those of real rows count, and what is let go is told with its count."""

import logging
from datetime import timedelta

import pytest
import small_stream
import sqlalchemy as sa
from made_requests import go_on, make_live_rows, one_by_one, serve

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.label_tables import (
    early_labels_table,
    labels_table,
    live_records_table,
    refused_labels_table,
    settled_labels_table,
)
from pointsman.pipeline.labels import early, known_rows, waiting
from pointsman.pipeline.labels.early import admit_early, release_former
from pointsman.pipeline.labels.intake import add_labels


@pytest.fixture
def opened(linear_stream, tmp_path):
    folder = small_stream.copy(linear_stream, tmp_path)
    with small_stream.opened(folder, small_stream.LINEAR) as both:
        yield both


def read(state, table):
    return read_rows(state.engine, sa.select(table))


def count_refused(state):
    found = {}
    for row in read(state, refused_labels_table):
        found[row["cause"]] = found.get(row["cause"], 0) + row["labels"]
    return found


def serve_rows(config, state, count, prefix="one"):
    """Serve rows that are in no batch, one by one; return their ids with their labels."""
    rows, labels = make_live_rows(count, config.schema_.target)
    serve(config, state, one_by_one(rows, prefix))
    return [(f"{prefix}{place}-0", label) for place, label in enumerate(labels)]


def make_junk(count, name="junk"):
    return [(f"{name}{place}-0", 1) for place in range(count)]


def test_made_up_labels_neither_fill_the_state_nor_push_real_ones_out(opened, monkeypatch, caplog):
    config, state = opened
    monkeypatch.setattr(early, "MOST_EARLY", 50)
    monkeypatch.setattr("pointsman.pipeline.labels.intake.MOST_EARLY", 50)
    monkeypatch.setattr(waiting, "MOST_ROWS", 60)
    junk = add_labels(config, state, make_junk(1_000), "feedback")
    assert (len(junk.early), len(junk.crowded)) == (50, 950)
    again = add_labels(config, state, make_junk(1_000), "feedback")
    assert (len(again.known), len(again.crowded)) == (50, 950), "what waits already takes no further room"
    pairs = serve_rows(config, state, 40)
    assert len(add_labels(config, state, pairs, "feedback").new) == 40
    assert [len(read(state, table)) for table in (labels_table, early_labels_table)] == [40, 50]
    with caplog.at_level(logging.INFO):
        go_on(config, state)
    assert [row["outcome"] for row in read(state, settled_labels_table)] == [None] * 40
    assert "labels of 40 served rows came: 0 in batch 4, 40 by id" in caplog.text


def test_a_label_that_came_before_its_request_was_logged_counts(opened):
    config, state = opened
    assert len(add_labels(config, state, [("soon0-0", 1), ("soon0-7", 1), ("never-0", 1)], "feedback").early) == 3
    assert add_labels(config, state, [("soon0-0", 0)], "feedback").corrected == ("soon0-0",)
    serve_rows(config, state, 1, "soon")
    admit_early(state)
    assert [(row["request"], row["position"], row["label"]) for row in read(state, labels_table)] == [("soon0", 0, "0")]
    assert [row["request"] for row in read(state, early_labels_table)] == ["never"]
    assert count_refused(state) == {"unknown": 1}, "the request had one row"


def test_there_is_always_room_for_what_this_process_is_about_to_log(opened, monkeypatch):
    config, state = opened
    monkeypatch.setattr("pointsman.pipeline.labels.intake.MOST_EARLY", 5)
    add_labels(config, state, make_junk(20), "feedback")
    received = add_labels(config, state, [("asked-0", 1), ("asked-3", 1), ("else-0", 1)], "feedback", {"asked": 3})
    assert (received.early, received.unknown, received.crowded) == (("asked-0",), ("asked-3",), ("else-0",))


def test_early_labels_expire_and_sent_again_they_count(opened, caplog):
    config, state = opened
    add_labels(config, state, [("soon0-0", 1), ("never-0", 1)], "feedback")
    old = early_labels_table.update().values(arrived_at=sa.func.datetime("now", "-2 days"))
    with state.engine.begin() as connection:
        connection.execute(old)
    with caplog.at_level(logging.WARNING):
        admit_early(state)
    assert "2 expired (no such row was logged within a day)" in caplog.text
    assert read(state, early_labels_table) == read(state, labels_table) == []
    assert count_refused(state) == {"expired": 2}
    serve_rows(config, state, 1, "soon")
    assert add_labels(config, state, [("soon0-0", 1)], "feedback").new == ("soon0-0",)


def test_more_labels_than_an_update_takes_wait_for_the_next(opened, monkeypatch, caplog):
    config, state = opened
    pairs = serve_rows(config, state, 40)
    add_labels(config, state, pairs, "feedback")
    monkeypatch.setattr(waiting, "MOST_ROWS", 30)
    assert waiting.load_waiting(state)["number"].tolist() == list(range(1, 31)), "the oldest ones first"
    monkeypatch.setattr("pointsman.pipeline.labels.reconciliation.MOST_ROWS", 30)
    with caplog.at_level(logging.INFO):
        go_on(config, state)
    assert "an update takes 30 labels by id, and the next one goes on" in caplog.text
    assert waiting.load_waiting(state)["number"].tolist() == list(range(31, 41))


def test_nobody_corrects_a_row_for_ever(opened, monkeypatch):
    config, state = opened
    (pair,) = serve_rows(config, state, 1)
    monkeypatch.setattr(known_rows, "MOST_LABELS", 3)
    found = [add_labels(config, state, [(pair[0], place % 2)], "feedback") for place in range(5)]
    assert [len(one.new) for one in found] == [1, 1, 1, 0, 0]
    assert found[4].known == (pair[0],), "the third label"
    assert found[3].overcorrected == (pair[0],)


def test_a_label_whose_row_was_lost_counts_once_it_is_sent_again(opened):
    config, state = opened
    pairs = serve_rows(config, state, 3)
    add_labels(config, state, pairs, "feedback")
    with state.engine.begin() as connection:
        connection.execute(settled_labels_table.insert().values(generation=3, label=2, outcome="lost"))
    again = add_labels(config, state, pairs, "feedback")
    assert (again.known, again.new) == ((pairs[0][0], pairs[2][0]), (pairs[1][0],))


def test_labels_of_an_earlier_release_that_nothing_can_use_are_let_go(opened, caplog):
    config, state = opened
    pairs = serve_rows(config, state, 5)
    now = early.utc_now()
    kept = [{"request": name.rpartition("-")[0], "position": 0, "label": str(label)} for name, label in pairs]
    made_up = [{"request": f"junk{place}", "position": 0, "label": "1"} for place in range(300)]
    with state.engine.begin() as connection:
        for arrived_at, rows in ((now - timedelta(days=9), kept + made_up), (now, [{**made_up[0], "request": "new"}])):
            told = {"origin": "feedback", "arrived_at": arrived_at}
            connection.execute(labels_table.insert(), [row | told for row in rows])
        for table in ("early_labels", "refused_labels"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("ALTER TABLE settled_labels DROP COLUMN outcome")
    with small_stream.opened(state.folder.parent, small_stream.LINEAR) as (config, again):
        with caplog.at_level(logging.WARNING):
            release_former(again)
        assert "301 labels of an earlier release have no request: 1 wait" in caplog.text
        assert [row["request"] for row in read(again, early_labels_table)] == ["new"]
        assert len(read(again, labels_table)) == 5
        go_on(config, again)
        assert len(read(again, settled_labels_table)) == 5
        assert count_refused(again) == {"expired": 300}


def test_learned_rows_that_were_nudged_are_no_evidence(opened, caplog):
    config, state = opened
    target = config.schema_.target
    learned = small_stream.make_rows().iloc[2 * small_stream.ROWS : 2 * small_stream.ROWS + 60]
    nudged = learned.assign(PREMIUM=[f"{float(cell) + 0.001:.3f}" for cell in learned["PREMIUM"]])
    serve(config, state, one_by_one(nudged.drop(columns=[target]), "nudged"))
    untimed = learned.assign(INSR_BEGIN=None)
    serve(config, state, one_by_one(untimed.drop(columns=[target]), "untimed"))
    later = serve_rows(config, state, 20, "later")
    labels = [(f"{of}{place}-0", label) for of in ("nudged", "untimed") for place, label in enumerate(learned[target])]
    add_labels(config, state, labels + later, "feedback")
    with caplog.at_level(logging.INFO):
        go_on(config, state)
    (record,) = read(state, live_records_table)
    assert record["rows"] == 20
    outcomes = [row["outcome"] for row in read(state, settled_labels_table)]
    assert (outcomes.count("learned"), outcomes.count(None)) == (120, 20)
    assert "120 of them are no evidence of what served, since their rows are no later than" in caplog.text
