"""What is served is logged whole, once, off the answer path, and nothing that was taken is lost without being told."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from made_requests import answer, make_live_rows, one_by_one, serve

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.flags import QUALITIES
from pointsman.meta.metafeatures import METAFEATURES
from pointsman.meta.profile import Profile
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.explain import explain
from pointsman.pipeline.labels.served_rows import is_logged, load_answered
from pointsman.pipeline.serving import answer_log
from pointsman.pipeline.serving.answer_log import AnswerLog
from pointsman.pipeline.serving.predictor import load_predictor
from pointsman.pipeline.serving.served_requests import shorten_profile

SHARES = st.floats(0, 1, allow_subnormal=False) | st.just(0.0)


@pytest.fixture
def opened(linear_stream, tmp_path):
    with small_stream.opened(small_stream.copy(linear_stream, tmp_path), small_stream.LINEAR) as (config, state):
        yield config, state


@pytest.fixture
def rows(opened):
    return make_live_rows(40, opened[0].schema_.target)[0]


def read_decisions(state):
    return {row["id"]: row for row in read_rows(state.engine, sa.select(decisions_table))}


def test_every_row_of_every_request_is_kept_as_it_was_answered(opened, rows):
    config, state = opened
    log = serve(config, state, one_by_one(rows.head(20)) | {"many": rows.tail(20)})
    assert (log.dropped, log.queued) == (0, 0)
    decisions = read_decisions(state)
    assert len(decisions) == 21
    schema = load_predictor(config, state).schema
    predictor = load_predictor(config, state)
    for request, sent in one_by_one(rows.head(20)).items():
        decision, expected = decisions[request], answer(predictor, request, sent)
        kept = load_answered(state.files, decision["rows_file"], schema).take([decision["first_row"]])
        assert kept.outputs[0].tolist() == pytest.approx(expected.answer.outputs[0].tolist(), abs=1e-6)
        assert (kept.positions.tolist(), decision["kept_rows"]) == ([0], 1)
    assert (decisions["many"]["rows"], decisions["many"]["kept_rows"]) == (20, 20)
    assert "recomputed          the same numbers" in explain(config, "one7")
    assert "20 rows" in explain(config, "many")


def test_a_logged_row_takes_little_room(opened, rows):
    config, state = opened
    serve(config, state, one_by_one(rows))
    stored = read_decisions(state)["one3"]
    assert sum(len(repr(cell)) for cell in stored.values()) < 1_200


def test_of_a_big_request_spread_rows_are_kept(opened, rows):
    config, state = opened
    few = config.model_copy(update={"selection": config.selection.model_copy(update={"matched_rows": 5})})
    serve(few, state, {"many": rows})
    decision = read_decisions(state)["many"]
    kept = load_answered(state.files, decision["rows_file"], load_predictor(config, state).schema)
    assert kept.positions.tolist() == [0, 9, 19, 29, 39]
    none = config.model_copy(update={"selection": config.selection.model_copy(update={"matched_rows": 0})})
    serve(none, state, {"nothing": rows})
    assert read_decisions(state)["nothing"]["rows_file"] is None


def test_an_id_that_comes_twice_is_logged_once(opened, rows):
    config, state = opened
    predictor = load_predictor(config, state)
    log = AnswerLog(config, state)
    first, second = answer(predictor, "same", rows.head(1)), answer(predictor, "same", rows.tail(2))
    assert log.add(first)
    assert log.add(second)
    log.close()
    assert log.add(first) is False
    serve(config, state, {"same": rows.tail(3)})
    assert read_decisions(state)["same"]["rows"] == 1


def test_a_locked_catalogue_delays_the_log_and_no_answer(opened, rows, monkeypatch):
    config, state = opened

    @sa.event.listens_for(state.engine, "checkout")
    def wait_less(connection, *_):
        connection.execute("PRAGMA busy_timeout=20")

    predictor = load_predictor(config, state)
    served = answer(predictor, "patient", rows.head(1))
    monkeypatch.setattr(answer_log, "FLUSH_SECONDS", 0.05)
    log = AnswerLog(config, state)
    with state.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert log.add(served)
        assert time.monotonic() - started < 0.05
        time.sleep(0.4)
        assert log.queued == 1
        other.rollback()
    log.close()
    assert (log.dropped, log.queued) == (0, 0)
    assert "patient" in read_decisions(state)


def test_what_cannot_be_written_before_the_end_is_counted(opened, rows, monkeypatch, caplog):
    config, state = opened
    monkeypatch.setattr(answer_log, "PATIENCE", 0.0)
    served = answer(load_predictor(config, state), "lost", rows.head(1))
    state.files.folder.rename(state.files.folder.with_name("gone"))
    state.files.folder.write_text("a file where the folder was")
    log = AnswerLog(config, state)
    log.add(served)
    log.close()
    assert (log.dropped, log.queued) == (1, 0)
    assert "1 served requests are not logged" in caplog.text


def test_a_request_that_cannot_be_logged_costs_no_other(opened, rows, caplog):
    config, state = opened
    predictor = load_predictor(config, state)
    good = [answer(predictor, name, one) for name, one in one_by_one(rows.head(3)).items()]
    bad = replace(good[1], id="bad", answer=replace(good[1].answer, outputs=np.empty((0, 2))))
    log = AnswerLog(config, state)
    for served in (good[0], bad, *good[1:]):
        log.add(served)
    log.close()
    assert set(read_decisions(state)) == {"one0", "one1", "one2"}
    assert (log.dropped, log.queued) == (1, 0)
    assert "1 served requests are not logged" in caplog.text


def test_a_request_of_many_rows_is_estimated(opened, rows):
    config, state = opened
    serve(config, state, {"few": rows, "many": pd.concat([rows, rows], ignore_index=True)})
    decisions = read_decisions(state)
    assert decisions["few"]["estimate"] is None
    assert decisions["many"]["estimate"]["rows"] == 80


def test_a_full_queue_drops_and_counts(opened, rows, monkeypatch):
    config, state = opened
    monkeypatch.setattr(answer_log, "MOST_QUEUED", 3)
    predictor = load_predictor(config, state)
    requests = [answer(predictor, name, one) for name, one in one_by_one(rows.head(5)).items()]
    log = AnswerLog(config, state)
    taken = [log.add(one) for one in requests]
    log.close()
    assert taken == [True, True, True, False, False]
    assert log.dropped == 2
    assert set(read_decisions(state)) == {"one0", "one1", "one2"}


def test_a_share_of_requests_is_logged_the_same_every_time(opened, rows):
    config, state = opened
    half = config.model_copy(update={"labels": config.labels.model_copy(update={"log_share": 0.5})})
    log = serve(half, state, one_by_one(rows))
    expected = {name for name in one_by_one(rows) if is_logged(name, 0.5)}
    assert set(read_decisions(state)) == expected
    assert 0 < len(expected) < 40
    assert log.dropped == 0


@given(st.text(max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_who_is_in_a_small_share_is_in_every_larger_one(request_id, first, second):
    small, large = sorted((first, second))
    assert not is_logged(request_id, small) or is_logged(request_id, large)


@given(
    st.lists(SHARES, min_size=len(METAFEATURES), max_size=len(METAFEATURES)),
    st.lists(st.lists(SHARES, min_size=len(QUALITIES), max_size=len(QUALITIES)), min_size=3, max_size=3),
    st.dictionaries(st.text(max_size=3), st.tuples(SHARES, SHARES, SHARES), max_size=4),
)
def test_a_shortened_profile_has_the_same_numbers(metafeatures, quality, shares):
    profile = Profile(dict(zip(METAFEATURES, metafeatures, strict=True)), (1, 2, 3), tuple(map(tuple, quality)), shares)
    again = Profile.from_json(shorten_profile(profile.to_json()))
    assert (again.metafeatures, again.counts, again.quality) == (profile.metafeatures, profile.counts, profile.quality)
    assert {name: again.shares.get(name, (0.0, 0.0, 0.0)) for name in shares} == shares
