"""The gate on clean, broken and hopeless batches."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from claims_batch import (
    SCHEMA,
    breaches,
    find_check,
    judge_frame,
    make_batch,
    make_config,
    make_frame,
    make_past,
    shift,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.reading import read_dates, read_inputs
from pointsman.common.records import RawBatch, Severity
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.checks import CHECKS
from pointsman.pipeline.quality.gate import extend_classes, judge
from pointsman.pipeline.quality.quarantine.reasons import REPEATED, TARGET_MISSING, TARGET_UNKNOWN, TIME_UNREADABLE

END_AFTER_BEGIN = {"earlier": "begin", "later": "end"}


def test_a_batch_without_a_fault_passes_everything_and_keeps_every_row():
    judgement = judge_frame(make_frame(), orders=[END_AFTER_BEGIN])
    assert breaches(judgement) == set()
    assert not judgement.rejected
    assert not judgement.quarantined
    batch = judgement.batch
    assert batch.number == 7
    assert list(batch.inputs) == list(SCHEMA.inputs)
    assert batch.target.tolist() == [float(label == "yes") for label in make_frame()["claim"]]
    assert batch.times.equals(make_batch(make_frame()).times)


def test_every_check_has_a_code_of_its_own_and_reports_at_least_once():
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(codes)
    rules = {"ranges": [{"column": "seats", "min": 0}], "allowed": [{"column": "make", "allowed": ["ISUZU"]}]}
    rules["patterns"] = [{"column": "make", "pattern": "[A-Z]+"}]
    reported = {check.code for check in judge_frame(make_frame(), orders=[END_AFTER_BEGIN], **rules).checks}
    assert reported == set(codes)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("begin", "soon", TIME_UNREADABLE),
        ("claim", "NA", TARGET_MISSING),
        ("claim", "maybe", TARGET_UNKNOWN),
        ("end", "2019-12-31", "end before begin"),
    ],
)
def test_a_row_beyond_repair_is_put_aside_with_its_reason(column, cell, reason):
    frame = make_frame()
    frame.loc[11, column] = cell
    judgement = judge_frame(frame, orders=[END_AFTER_BEGIN])
    assert [(row.row, row.reason) for row in judgement.quarantined] == [(11, reason)]
    assert not judgement.rejected
    kept = make_frame().drop(11)
    assert judgement.batch.inputs["premium"].tolist() == kept["premium"].astype(float).tolist()
    assert list(judgement.batch.inputs.index) == list(judgement.batch.times.index) == list(range(39))
    assert judgement.batch.times.tolist() == pd.to_datetime(kept["begin"]).tolist()
    assert judgement.batch.target.tolist() == kept["claim"].eq("yes").tolist()


def test_the_first_reason_counts():
    frame = make_frame()
    frame.loc[3, ["begin", "claim", "end"]] = ["soon", "", "1999-01-01"]
    frame.loc[4, ["claim", "end"]] = ["", "1999-01-01"]
    reasons = [row.reason for row in judge_frame(frame, orders=[END_AFTER_BEGIN]).quarantined]
    assert reasons == [TIME_UNREADABLE, TARGET_MISSING]


def test_later_copies_are_kept_or_put_aside_as_configured():
    frame = pd.concat([make_frame(30), make_frame(30).head(5)]).sort_values("begin", kind="stable", ignore_index=True)
    assert len(judge_frame(frame).batch) == 35
    judgement = judge_frame(frame, duplicates="quarantine")
    assert {row.reason for row in judgement.quarantined} == {REPEATED}
    assert [row.row for row in judgement.quarantined] == np.flatnonzero(frame.duplicated()).tolist()
    assert find_check(judgement, "DQ004", "").share == pytest.approx(30 / 35)


def test_text_where_numbers_were_rejects_with_the_column_the_cell_and_the_fix():
    frame = make_frame()
    frame["seats"] = np.resize(["two", "two", "four"], 40)
    assert judge_frame(frame).rejected == (
        "The column 'seats' is text in batch 7 (40 of 40 known cells, such as 'two') and was numeric in training; "
        "declare it under schema.categorical or clean it."
    )


def test_dates_that_are_none_any_more_reject():
    assert "'end' holds hardly any date in batch 7" in judge_frame(make_frame().assign(end="open")).rejected


def test_some_text_among_numbers_is_a_warning_and_becomes_missing():
    frame = make_frame()
    frame.loc[[1, 5, 9], "premium"] = ["8R", "IN", "8R"]
    judgement = judge_frame(frame)
    assert breaches(judgement) == {("DQ006", "premium")}
    check = find_check(judgement, "DQ006", "premium")
    assert check.share == pytest.approx(37 / 40)
    assert "3 of 40 known cells of 'premium' in batch 7 are no number, such as '8R'" in check.message
    assert judgement.batch.inputs["premium"].isna().sum() == 3
    assert not judgement.rejected


def test_text_in_a_column_that_is_nearly_empty_rejects_nothing():
    frame = make_frame(100).assign(seats="")
    frame.loc[[1, 2], "seats"] = "two"
    judgement = judge_frame(frame)
    assert find_check(judgement, "DQ011", "seats").share is None
    assert not judgement.rejected


@pytest.mark.parametrize("frame", [make_frame().assign(premium="NA"), make_frame().drop(columns="premium")])
def test_an_empty_or_absent_column_is_a_warning_and_no_rejection(frame):
    judgement = judge_frame(frame)
    assert not judgement.rejected
    assert {check.severity for check in judgement.checks if not check.passed} == {Severity.WARNING}
    assert breaches(judgement) == {("DQ020" if "premium" in frame else "DQ002", "premium")}
    assert judgement.batch.inputs["premium"].isna().all()


@pytest.mark.parametrize(("task", "only"), [(Task.BINARY, "no"), (Task.MULTICLASS, "no"), (Task.REGRESSION, "12.5")])
def test_one_label_all_over_is_a_warning_that_says_what_it_waits_for(task, only):
    schema = replace(SCHEMA, task=task, classes=SCHEMA.classes if task.is_classification else ())
    frame = make_frame().assign(claim=only)
    judgement = judge_frame(frame, schema)
    assert breaches(judgement) == {("DQ017", "claim")}
    message = find_check(judgement, "DQ017", "claim").message
    assert f"in batch 7 is '{only}', so that nothing can be learned until a second one appears" in message
    assert not judgement.rejected
    later = judge_frame(shift(frame, 30), schema, past=make_past([frame], schema=schema))
    assert "in batch 7 and in those before it is" in find_check(later, "DQ017", "claim").message


def test_one_label_in_a_batch_alone_asks_for_larger_batches():
    judgement = judge_frame(shift(make_frame().assign(claim="no"), 30), past=make_past([make_frame()]))
    assert "take larger batches" in find_check(judgement, "DQ017", "claim").message


def test_where_a_cell_without_a_label_means_one_saying_so_mends_a_constant_target():
    frame = make_frame()
    frame = frame.assign(claim=frame["claim"].replace("no", ""))
    assert ("DQ017", "claim") in breaches(judge_frame(frame, replace(SCHEMA, classes=("yes",)), max_quarantined=1.0))
    stated = replace(SCHEMA, missing_target="no")
    assert ("DQ017", "claim") not in breaches(judge_frame(frame, stated))


def test_text_in_the_target_of_a_regression_is_put_aside():
    frame = make_frame().assign(claim=[*["3.5"] * 38, "lots", ""])
    judgement = judge_frame(frame, replace(SCHEMA, task=Task.REGRESSION, classes=()))
    assert [row.reason for row in judgement.quarantined] == [TARGET_UNKNOWN, TARGET_MISSING]
    assert find_check(judgement, "DQ010", "claim").share == pytest.approx(38 / 39)


def test_missing_labels_that_mean_something_are_kept():
    frame = make_frame().assign(claim=np.resize(["", "", "120.5"], 40))
    schema = replace(SCHEMA, classes=("0", "1"), positive="> 0", missing_target=0)
    judgement = judge_frame(frame, schema)
    assert not judgement.quarantined
    assert judgement.batch.target.mean() == pytest.approx(13 / 40)


def test_three_rows_are_too_few():
    judgement = judge_frame(make_frame(3))
    assert "3 of 3 rows of batch 7 can be learned from, fewer than batch.min_rows (20)" in judgement.rejected
    assert not judge_frame(make_frame(3), min_rows=3).rejected


def test_no_row_at_all_is_rejected_and_not_a_crash():
    assert "0 of 0 rows" in judge_frame(make_frame(3).head(0)).rejected


def test_everything_missing_is_rejected_for_its_labels():
    frame = make_frame().assign(**dict.fromkeys(["end", "premium", "seats", "make", "claim"], ""))
    judgement = judge_frame(frame)
    assert "40 of 40 rows of batch 7 are beyond repair (target missing: 40)" in judgement.rejected
    assert len(judgement.batch) == 0


@pytest.mark.parametrize("limit", [0.1, 0.3, 0.5, 0.7, 0.8])
def test_the_quarantine_may_hold_just_the_share_that_is_allowed(limit):
    frame, held = make_frame(), round(40 * limit)
    frame.loc[: held - 1, "begin"] = "soon"
    assert not judge_frame(frame, min_rows=1, max_quarantined=limit).rejected
    frame.loc[held, "begin"] = "soon"
    assert f"(time unreadable: {held + 1})" in judge_frame(frame, min_rows=1, max_quarantined=limit).rejected


def test_ranges_and_allowed_values_are_measured_and_voided():
    frame = make_frame()
    frame.loc[[0, 1, 2], "seats"] = ["199", "199", "-1"]
    frame.loc[[3, 4, 5], "make"] = "TOYTA"
    judgement = judge_frame(
        frame,
        ranges=[{"column": "seats", "min": 0, "max": 60}],
        allowed=[{"column": "make", "allowed": ["TOYOTA", "ISUZU", "BAJAJI"]}],
    )
    assert breaches(judgement) == {("DQ008", "seats"), ("DQ009", "make")}
    assert "outside the range from 0 to 60, such as '199'" in find_check(judgement, "DQ008", "seats").message
    assert "such as 'TOYTA'" in find_check(judgement, "DQ009", "make").message
    assert judgement.batch.inputs[["seats", "make"]].isna().sum().tolist() == [3, 3]


def test_a_voided_cell_breaks_no_order():
    frame = make_frame().assign(seats="4")
    frame.loc[0, "premium"] = "1e12"
    order = {"earlier": "premium", "later": "seats"}
    assert 0 in [row.row for row in judge_frame(frame, orders=[order]).quarantined]
    cleaned = judge_frame(frame, orders=[order], ranges=[{"column": "premium", "max": 1e6}])
    assert 0 not in [row.row for row in cleaned.quarantined]


def test_repeated_keys_are_counted_and_left_in():
    frame = make_frame()
    frame.loc[20:, "vehicle"], frame.loc[20:, "begin"] = "V20", frame.loc[20, "begin"]
    judgement = judge_frame(frame, min_uniqueness=0.9)
    assert find_check(judgement, "DQ005", "vehicle").share == pytest.approx(21 / 40)
    assert breaches(judgement) == {("DQ005", "vehicle")}
    assert "'vehicle' 'V20'" in find_check(judgement, "DQ005", "vehicle").message
    assert len(judgement.batch) == 40
    assert find_check(judge_frame(make_frame(), replace(SCHEMA, id=None)), "DQ005", "").share is None


def test_late_rows_and_constant_columns_are_told_and_do_no_harm():
    judgement = judge_frame(make_frame().assign(make="TOYOTA"), late_rows=4)
    assert breaches(judgement) == {("DQ014", "begin"), ("DQ018", "make")}
    assert find_check(judgement, "DQ014", "begin").share == pytest.approx(0.9)
    assert {check.severity for check in judgement.checks if not check.passed} == {Severity.INFO}


def test_unreadable_times_of_an_excel_sheet_without_text_columns():
    """Numbers and real dates, as Parquet and Excel bring them, take the same path as text."""
    frame = make_frame().assign(begin=pd.to_datetime(make_frame()["begin"]), seats=4.0)
    frame.loc[2, "begin"] = pd.NaT
    frame.loc[3, "seats"] = np.inf
    judgement = judge_frame(frame, min_validity=1.0)
    assert [row.reason for row in judgement.quarantined] == [TIME_UNREADABLE]
    assert "such as 'inf'" in find_check(judgement, "DQ006", "seats").message
    assert ("DQ013", "begin") in breaches(judgement)


def test_new_labels_become_classes_of_a_multiclass_target_only():
    multiclass = replace(SCHEMA, task=Task.MULTICLASS, classes=("a", "b"))
    batch = make_batch(make_frame(4).assign(claim=["c", "b", "d", ""]))
    assert extend_classes(batch, multiclass).classes == ("a", "b", "c", "d")
    assert extend_classes(batch, SCHEMA).classes == ("no", "yes")
    assert extend_classes(batch, replace(SCHEMA, task=Task.REGRESSION, classes=())).classes == ()


def test_a_binary_target_that_lacks_a_class_takes_the_most_frequent_new_label():
    batch = make_batch(make_frame(5).assign(claim=["lapsed", "lasped", "renewed", "lapsed", "renewed"]))
    assert extend_classes(batch, replace(SCHEMA, classes=("renewed",))).classes == ("renewed", "lapsed")


FAULTS = {
    "begin": ["soon", ""],
    "end": ["1999-01-01", "never", ""],
    "premium": ["", "8R", "inf", "-5"],
    "seats": ["", "999", "two"],
    "make": ["", "NA", "Ünseen"],
    "claim": ["", "maybe"],
}


@st.composite
def broken_frames(draw):
    frame = make_frame(draw(st.integers(1, 40)), seed=draw(st.integers(0, 5)))
    for column, cells in FAULTS.items():
        rows = draw(st.lists(st.integers(0, len(frame) - 1), max_size=len(frame)))
        frame.loc[rows, column] = draw(st.sampled_from(cells))
    copied = draw(st.lists(st.integers(0, len(frame) - 1), max_size=5))
    return pd.concat([frame, frame.iloc[copied]], ignore_index=True)


QUALITY = {
    "orders": [END_AFTER_BEGIN],
    "duplicates": "quarantine",
    "ranges": [{"column": "seats", "max": 60}],
    "allowed": [{"column": "make", "allowed": ["TOYOTA", "ISUZU"]}],
    "max_quarantined": 0.4,
}


@settings(max_examples=40, deadline=None)
@given(broken_frames(), st.randoms(use_true_random=False))
def test_whatever_comes_the_books_balance_and_row_order_does_not_matter(frame, random):
    judgement = judge_frame(frame, **QUALITY)
    assert all(check.share is None or 0 <= check.share <= 1 for check in judgement.checks)
    assert all(check.passed == (check.message == "") or check.share is None for check in judgement.checks)
    assert len(judgement.batch) + len(judgement.quarantined) == len(frame)
    assert len({row.row for row in judgement.quarantined}) == len(judgement.quarantined)
    assert not np.isnan(judgement.batch.target).any()
    assert not judgement.batch.times.isna().any()
    errors = [check for check in judgement.checks if not check.passed and check.severity is Severity.ERROR]
    assert bool(judgement.rejected) == bool(errors)
    order = list(range(len(frame)))
    random.shuffle(order)
    shuffled = judge_frame(frame.iloc[order].reset_index(drop=True), **QUALITY)
    assert shuffled.checks == judgement.checks
    assert shuffled.profile == judgement.profile


def test_a_constant_column_changes_no_other_check():
    schema = replace(SCHEMA, categorical=("make", "country"))
    with_constant = judge_frame(make_frame().assign(country="ET"), schema).checks
    assert tuple(check for check in with_constant if check.column != "country") == judge_frame(make_frame()).checks


def test_twenty_thousand_rows_are_judged_in_time():
    rows, numbers = 20_000, [f"n{place}" for place in range(24)]
    random = np.random.default_rng(1)
    cells = random.normal(size=(rows, 24)).round(3).astype(str)
    cells[random.random(cells.shape) < 0.01] = "8R"
    frame = pd.concat([make_frame(rows), pd.DataFrame(cells, columns=numbers, dtype="str")], axis=1)
    schema = replace(SCHEMA, numeric=(*SCHEMA.numeric, *numbers))
    raw, config = make_batch(frame), make_config(**QUALITY)
    inputs = read_inputs(frame, schema)
    started = time.process_time()
    judge(CheckedBatch(raw, inputs, clean_inputs(inputs, config.quality, schema), schema, config))
    assert time.process_time() - started < 1.5


def test_real_policies_are_accepted_with_what_is_known_to_be_wrong_with_them(real_data):
    """END is never before BEGIN, some effective years are no number, many seats are too many."""
    frame = pd.read_csv(real_data("eic_sample.csv"), dtype="str", keep_default_na=False)
    schema = Schema(
        time="INSR_BEGIN",
        target="CLAIM_PAID",
        task=Task.BINARY,
        classes=("0", "1"),
        time_format="%d-%b-%y",
        numeric=("EFFECTIVE_YR", "SEATS_NUM", "CARRYING_CAPACITY"),
        categorical=("MAKE",),
        dates=("INSR_BEGIN", "INSR_END"),
        missing_values=("",),
        missing_target=0,
        positive="> 0",
    )
    config = make_config(
        orders=[{"earlier": "INSR_BEGIN", "later": "INSR_END"}], ranges=[{"column": "SEATS_NUM", "max": 10}]
    )
    raw = RawBatch(1, "eic_sample.csv", frame, read_dates(frame["INSR_BEGIN"], schema.time_format), {})
    inputs = read_inputs(frame, schema)
    judgement = judge(CheckedBatch(raw, inputs, clean_inputs(inputs, config.quality, schema), schema, config))
    assert not judgement.rejected
    assert not judgement.quarantined
    assert find_check(judgement, "DQ012", "INSR_END").share == 1
    assert 0.99 < find_check(judgement, "DQ006", "EFFECTIVE_YR").share < 1
    assert find_check(judgement, "DQ001", "CARRYING_CAPACITY").share == pytest.approx(0.59, abs=0.01)
    assert ("DQ008", "SEATS_NUM") in breaches(judgement)
    assert judgement.batch.target.mean() == pytest.approx(0.093, abs=0.001)
