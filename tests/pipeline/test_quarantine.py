"""Quarantine end to end: what was refused is listed, released, learned or discarded, and every row is accounted for."""

import json
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from small_stream import ROWS, copy, make_rows, opened, take

from pointsman.cli import main
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.catalogue import Draft, connect, read_rows
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.clean_store import load_clean_batch
from pointsman.pipeline.preparation.release import find_released_batch, load_released
from pointsman.pipeline.preparation.window import StoredBatches, build_training_set, gather_window
from pointsman.pipeline.quality.checks import CHECKS
from pointsman.pipeline.quality.quarantine.reasons import TARGET_MISSING, TIME_UNREADABLE, UNUSABLE
from pointsman.pipeline.quality.quarantine.row_counts import load_row_counts
from pointsman.pipeline.quality.stored import quarantine_table
from pointsman.pipeline.quality.tables import quarantine_decisions_table, quarantined_rows
from pointsman.pipeline.quarantine import RowChoice, decide, quarantine
from pointsman.pipeline.reporting.sections.quality import CODE_NAMES
from pointsman.pipeline.summary import summarise
from pointsman.registry.generations import load_generation

NEXT = make_rows().iloc[2 * ROWS : 3 * ROWS].reset_index(drop=True)
DISORDERED, UNREADABLE = (3, 4, 40), (7, 90)


def damage(frame):
    """Three rows whose end is before their begin, and two that happened at no known time."""
    frame = frame.copy()
    frame.loc[list(DISORDERED), "INSR_END"] = "01-JAN-99"
    frame.loc[list(UNREADABLE), "INSR_BEGIN"] = "soon"
    return frame


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """Two batches learned, a third with quarantined rows, and a fourth that was rejected."""
    folder = small_stream.learn(tmp_path_factory.mktemp("damaged"), 2)
    assert take(folder, damage(NEXT))[0]["quarantined"] == 5
    rejected = make_rows().iloc[3 * ROWS : 4 * ROWS].assign(PREMIUM="much")
    assert take(folder, rejected)[0]["status"] == "rejected"
    return folder


@pytest.fixture
def folder(damaged, tmp_path):
    return copy(damaged, tmp_path / "copy")


def run(folder, *words, why="checked with the branch", reason=""):
    return quarantine(small_stream.configure(folder), words, why, reason)


def read_accounts(folder):
    with opened(folder) as (_, state):
        return load_row_counts(state)


def list_wide(folder):
    """Where the rows of the damaged batch are, by reason and status."""
    with opened(folder) as (_, state):
        kept_out = quarantined_rows()
        query = sa.select(kept_out).where(kept_out.c.batch == 3).order_by(kept_out.c.row)
        return {row["row"]: (row["reason"], row["status"]) for row in read_rows(state.engine, query)}


def test_the_list_names_rows_reasons_statuses_and_examples(folder):
    lines = run(folder).splitlines()
    assert lines[0].split() == ["batch", "rows", "reason", "status", "an", "example"]
    assert lines[1].split()[:2] == ["3", "3"]
    assert "INSR_END before INSR_BEGIN  held" in lines[1]
    assert "3:" in lines[1]
    assert "INSR_BEGIN=soon" in lines[2]
    assert "the batch was rejected" in lines[3]
    assert "'PREMIUM' is text" in lines[3]
    assert lines[4] == f"Of {4 * ROWS} rows, {3 * ROWS - 5} are learned, 5 held, {ROWS} rejected."


def test_released_rows_are_learned_from_the_next_update_on(folder):
    reason = "INSR_END before INSR_BEGIN"
    assert run(folder, "release", "3", reason=reason) == (
        "3 rows of batch 3 released, to be learned from the next update on."
    )
    assert take(folder)[0]["status"] == "accepted"
    with opened(folder) as (config, state):
        schema = load_generation(state).schema
        newest = read_rows(state.engine, sa.select(batches.c.clean_file).where(batches.c.number == 5))[0]["clean_file"]
        newest_batch = load_clean_batch(state.files, newest, 5, schema)
        window = gather_window(config, newest_batch, StoredBatches(config, state, schema))[:-1]
        released = load_released(config, state, schema, window)
        rows = build_training_set(config, schema, window, released, 5).rows
        clean = next(one for one in window if one.number == 3)
    of_batch = rows.take(rows.batches == 3)
    assert len(of_batch) == ROWS - 5 + 3
    assert of_batch.target[3:].tolist() == clean.target.tolist(), "a record covers the last rows of a batch"
    amounts = pd.to_numeric(NEXT.loc[list(DISORDERED), "INSURED_VALUE"]).tolist()
    assert sorted(of_batch.features["INSURED_VALUE"].head(3)) == sorted(amounts)
    assert read_accounts(folder)[3].released == 3


def test_a_row_without_a_label_or_time_cannot_be_released(folder):
    rows = [row for row, (reason, _) in list_wide(folder).items() if reason == TIME_UNREADABLE]
    with pytest.raises(StateError) as refusal:
        run(folder, "release", ",".join(f"3:{row}" for row in rows))
    assert str(refusal.value) == (
        "2 of 2 rows of batch 3 cannot be released without a readable label and time (time unreadable: 2); correct "
        "them at the source and deliver them again."
    )
    assert run(folder, "release", "3").endswith("; 2 without a readable label and time stay (time unreadable: 2).")
    assert {status for _, status in list_wide(folder).values()} == {"released", "held"}


def test_rows_are_discarded_one_by_one_and_may_come_back(folder):
    row = next(row for row, (reason, _) in list_wide(folder).items() if reason != TIME_UNREADABLE)
    assert run(folder, "discard", f"3:{row}") == "1 row of batch 3 discarded; the raw file keeps them."
    assert list_wide(folder)[row][1] == "discarded"
    assert read_accounts(folder)[3].discarded == 1
    assert run(folder, "release", f"3:{row}").startswith("1 row of batch 3 released")
    with pytest.raises(StateError, match=f"Row 3:{row} is released already"):
        run(folder, "discard", f"3:{row}")
    with opened(folder) as (_, state):
        decided = quarantine_decisions_table
        query = sa.select(decided).where(decided.c.row == row).order_by(decided.c.generation)
        decisions = read_rows(state.engine, query)
    assert [(one["batch"], one["row"], one["action"]) for one in decisions] == [
        (3, row, "discarded"),
        (3, row, "released"),
    ]
    assert all(one["why"] == "checked with the branch" and one["who"] for one in decisions)


def test_a_rejected_batch_is_taken_again_once_it_is_released(folder):
    assert run(folder, "release", "4") == f"Batch 4 is released: the next update takes its {ROWS} rows as its batch."
    batch, found, _ = take(folder)
    assert (batch["number"], batch["status"], batch["by_hand"]) == (5, "accepted", True)
    assert batch["origin"] == "batch 4, released from quarantine"
    assert "DQ011" in set(found["code"]), "what was wrong stays on record"
    accounts = read_accounts(folder)
    assert (accounts[4].moved, accounts[4].retaken_as, accounts[5].learned) == (ROWS, 5, ROWS)
    assert "taken again as batch 5" in run(folder)
    with pytest.raises(StateError, match="Batch 4 was released before and is batch 5 now"):
        run(folder, "discard", "4")
    with opened(folder) as (_, state):
        assert find_released_batch(state) is None, "the next update goes on with the source"


def test_the_report_shows_where_all_rows_are_and_who_decided_what(folder):
    run(folder, "discard", "3")
    run(folder, "release", "4", why="the type is right")
    page = summarise(small_stream.configure(folder)).read_text(encoding="utf-8")
    figures = json.loads((folder / "state" / "report" / "report.json").read_text(encoding="utf-8"))
    quarantine_figures = figures["quarantine"]
    assert quarantine_figures["adds_up"]
    assert quarantine_figures["places"] == {"learned": 3 * ROWS - 5, "discarded": 5, "rejected": ROWS}
    assert [(one["batch"], one["rows"], one["action"]) for one in quarantine_figures["decisions"]] == [
        (4, None, "released"),
        (3, 5, "discarded"),
    ]
    assert [(one["batch"], one["status"]) for one in quarantine_figures["rejected"]] == [(4, "released")]
    assert len(figures["associations"]) >= 5
    assert "the type is right" in page
    assert "DQ011 another type" in page


def test_every_check_has_a_name_in_charts():
    assert list(CODE_NAMES) == [check.code for check in CHECKS]


def test_a_discarded_batch_is_not_taken(folder):
    run(folder, "release", "4")
    run(folder, "discard", "4")
    with opened(folder) as (_, state):
        assert find_released_batch(state) is None
    assert read_accounts(folder)[4].discarded == ROWS


@pytest.mark.parametrize(
    ("words", "options", "error", "sentence"),
    [
        (("relase", "3"), {}, ConfigError, "'quarantine relase 3' is no command; write quarantine release 7"),
        (("release",), {}, ConfigError, "'quarantine release' is no command"),
        (("release", "3:x"), {}, ConfigError, "'3:x' is neither a batch nor a row of one"),
        (("release", "3"), {"why": " "}, ConfigError, "A decision needs its reason for the record; add --why"),
        (("release", "9"), {}, StateError, "There is no batch 9; python run.py quarantine lists"),
        (("release", "1"), {}, StateError, "No row of batch 1 is held"),
        (("release", "3"), {"reason": "mood"}, StateError, "No row of batch 3 is held for the reason 'mood'"),
        (("release", "3:0"), {}, StateError, "Row 3:0 is not in quarantine"),
        (("release", "4:1"), {}, StateError, "Batch 4 was rejected as a whole; name the batch alone"),
    ],
)
def test_what_cannot_be_decided_is_told_in_a_sentence(folder, words, options, error, sentence):
    with pytest.raises(error) as refusal:
        run(folder, *words, **options)
    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


def test_one_bad_choice_undoes_them_all(folder):
    with pytest.raises(StateError):
        run(folder, "discard", "3,9")
    assert {status for _, status in list_wide(folder).values()} == {"held"}


def test_a_batch_of_which_nothing_can_be_learned_stays(folder):
    assert take(folder, NEXT.assign(CLAIM_PAID="lots"))[0]["status"] == "rejected"
    with pytest.raises(StateError, match=f"Batch 5 cannot be released, since none of its {ROWS} rows can be learned"):
        run(folder, "release", "5")


def test_the_command_line_prints_the_list(folder, capsys):
    options = [f"state_dir={folder / 'state'}", f"data_dir={folder}", *small_stream.QUICK]
    assert main(["quarantine", *options]) == 0
    assert "INSR_END before INSR_BEGIN" in capsys.readouterr().out
    assert main(["quarantine", "discard", "3", "--why", "tests", *options]) == 0
    assert capsys.readouterr().out == "5 rows of batch 3 discarded; the raw file keeps them.\n"


DECISION = st.tuples(st.sampled_from(["released", "discarded"]), st.integers(1, 4), st.booleans())
REASONS = ("", "", TARGET_MISSING, TIME_UNREADABLE, "end before begin")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(REASONS), min_size=1, max_size=12), st.booleans()), min_size=1, max_size=4
    ),
    st.lists(DECISION, max_size=6),
)
def test_whatever_is_decided_counts_add_up(tmp_path_factory, stored, decisions):
    folder = tmp_path_factory.mktemp("books")
    config = small_stream.configure(folder)
    state = State(folder, connect("sqlite://"), FileStore(folder))
    draft = Draft(1)
    for number, (reasons, rejected) in enumerate(stored, 1):
        draft.add(
            batches,
            [
                {
                    "number": number,
                    "origin": "x",
                    "file": "",
                    "rows": len(reasons),
                    "columns": 1,
                    "status": "rejected" if rejected else "accepted",
                }
            ],
        )
        kept_out = [{"batch": number, "row": int(row), "reason": reasons[row]} for row in np.flatnonzero(reasons)]
        draft.add(quarantine_table, kept_out)
    draft.commit(state.engine)
    for action, batch, single in decisions:
        with suppress(StateError):
            decide(config, state, action, [RowChoice(batch, (0,) if single else ())], "because")
        accounts = load_row_counts(state)
        for one in accounts.values():
            assert one.learned + one.released + one.held + one.discarded + one.rejected + one.moved == one.rows
        assert sum(one.rows for one in accounts.values()) == sum(len(reasons) for reasons, _ in stored)
    kept_out = quarantined_rows()
    released = read_rows(state.engine, sa.select(kept_out).where(kept_out.c.status == "released"))
    assert not {row["reason"] for row in released} & set(UNUSABLE)
    state.engine.dispose()
