"""Checks against the stream's own past: quiet while nothing changes, and a coded finding for what does."""

import numpy as np
import pandas as pd
import pytest
from claims_batch import breaches, find_check, judge_frame, make_frame, make_past, make_stream, shift

from common.config import QualityConfig
from common.errors import ConfigError
from common.records import Severity
from pipeline.analysis.quality.checks import CHECKS, list_checks

STREAM = make_stream(7)
BEFORE, NEXT = STREAM[:6], STREAM[6]


@pytest.fixture(scope="module")
def past():
    return make_past(BEFORE)


def judge_next(past, frame, **options):
    return judge_frame(frame, past=past, **options)


def test_a_batch_like_those_before_it_breaches_nothing(past):
    assert breaches(judge_next(past, NEXT)) == set()
    assert breaches(judge_next(past, NEXT, period="month")) == set()


def test_a_new_column_of_gaps_is_found_though_the_fixed_threshold_would_let_it_pass(past):
    frame = NEXT.assign(premium=NEXT["premium"].where(np.arange(len(NEXT)) % 4 > 0, ""))
    assert breaches(judge_frame(frame)) == set()
    judgement = judge_next(past, frame)
    assert breaches(judgement) == {("DQ001", "premium")}
    check = find_check(judgement, "DQ001", "premium")
    assert check.threshold > 0.85
    assert check.message.endswith(f"({check.threshold:.1%} is the least that 6 batches before suggest).")
    assert breaches(judge_next(past, frame, min_completeness=0.7)) == set()


def test_what_has_always_been_so_is_no_finding():
    """A column that is mostly empty is a finding until enough batches show that it is how things are."""
    sparse = [frame.assign(seats=frame["seats"].where(np.arange(len(frame)) % 4 == 0, "")) for frame in STREAM]
    assert ("DQ001", "seats") in breaches(judge_frame(sparse[6], past=make_past(sparse[:3])))
    assert breaches(judge_frame(sparse[6], past=make_past(sparse[:6]))) == set()


def test_levels_that_no_batch_had_are_found_by_their_share(past):
    frame = NEXT.copy()
    frame.loc[:29, "make"] = "TYOTA"
    judgement = judge_next(past, frame)
    assert breaches(judgement) == {("DQ022", "make")}
    assert find_check(judgement, "DQ022", "make").share == pytest.approx(170 / 200)
    assert "30 of 200 known cells of 'make'" in find_check(judgement, "DQ022", "make").message
    assert "correct the spelling" in find_check(judgement, "DQ022", "make").message
    assert breaches(judge_next(past, frame, max_unseen=0.2)) == set()
    assert find_check(judge_frame(frame), "DQ022", "make").share is None


def test_levels_that_begin_in_every_batch_are_not_called_misspellings():
    months = [frame.assign(make=f"month {place}") for place, frame in enumerate(STREAM)]
    message = find_check(judge_next(make_past(months[:-1]), months[-1], max_unseen=0.2), "DQ022", "make").message
    assert "most batches before began new levels of it, so raise quality.max_unseen" in message
    assert "spelling" not in message


def test_a_level_for_every_row_is_an_explosion(past):
    judgement = judge_next(past, NEXT.assign(make=[f"M{row}" for row in range(len(NEXT))]))
    assert breaches(judgement) == {("DQ022", "make"), ("DQ024", "make")}
    assert "'make' has 200 levels" in find_check(judgement, "DQ024", "make").message
    assert breaches(judge_next(past, NEXT, max_levels=2)) == {("DQ024", "make")}


def test_numbers_in_another_unit_are_outliers(past):
    frame = NEXT.copy()
    frame.loc[:19, "premium"] = (frame.loc[:19, "premium"].astype(float) * 100 + 50_000).astype(str)
    judgement = judge_next(past, frame)
    assert breaches(judgement) == {("DQ023", "premium")}
    assert find_check(judgement, "DQ023", "premium").share == pytest.approx(0.9)


def test_infinities_are_found_and_count_as_missing(past):
    frame = NEXT.copy()
    frame.loc[[3, 4, 5], "premium"] = ["inf", "-Infinity", "1e999"]
    judgement = judge_next(past, frame, min_validity=0.9)
    assert breaches(judgement) == {("DQ021", "premium")}
    assert judgement.batch.inputs["premium"].isna().sum() == 3


def test_rows_that_are_stored_already_name_their_batch(past):
    again = pd.concat([NEXT.head(150), BEFORE[3].head(50)], ignore_index=True)
    judgement = judge_next(past, again.sort_values("begin", ignore_index=True))
    assert ("DQ025", "") in breaches(judgement)
    assert "50 of 200 rows of batch 7 repeat" in find_check(judgement, "DQ025", "").message
    assert "rows of batch 4" in find_check(judgement, "DQ025", "").message
    put_aside = judge_next(past, again, severity={"DQ025": "quarantine"})
    assert {row.reason for row in put_aside.quarantined} == {"copy of a stored row"}
    assert (len(put_aside.quarantined), len(put_aside.batch)) == (50, 150)


def test_a_batch_older_than_the_newest_stored_row_and_one_after_a_hole(past):
    assert ("DQ027", "begin") in breaches(judge_next(past, shift(make_frame(200, 9), 15)))
    judgement = judge_next(past, shift(make_frame(200, 9), 400))
    assert breaches(judgement) == {("DQ026", "begin")}
    assert "days after the newest stored one" in find_check(judgement, "DQ026", "begin").message
    assert breaches(judge_next(past, shift(make_frame(200, 9), 400), max_gap=20)) == set()


@pytest.mark.parametrize(("rows", "words"), [(60, "fewer than the"), (900, "more than the")])
def test_far_more_or_fewer_rows_than_usual(past, rows, words):
    frame = shift(make_frame(rows, 9), 180)
    judgement = judge_next(past, frame, period="month")
    assert breaches(judgement) == {("DQ028", "")}
    assert f"has {rows} rows, {words}" in find_check(judgement, "DQ028", "").message
    assert find_check(judge_next(past, frame), "DQ028", "").share is None  # batch.rows fixes it
    assert breaches(judge_next(past, frame, period="month", max_volume_change=10)) == set()


def test_cells_that_break_a_pattern():
    frame = NEXT.copy()
    frame.loc[:29, "make"] = "toyota 4x4"
    rule = {"patterns": [{"column": "make", "pattern": "[A-Z]+"}]}
    judgement = judge_frame(frame, **rule)
    assert breaches(judgement) == {("DQ019", "make")}
    assert "such as 'toyota 4x4'" in find_check(judgement, "DQ019", "make").message
    aside = judge_frame(frame, severity={"DQ019": "quarantine"}, **rule)
    assert len(aside.quarantined) == 30
    assert find_check(judge_frame(frame.drop(columns="make"), **rule), "DQ019", "make").share is None


def test_severities_are_the_users():
    frame = make_frame().assign(premium="")
    assert judge_frame(frame).rejected == ""
    assert "'premium' holds nothing" in judge_frame(frame, severity={"DQ020": "error"}).rejected
    assert breaches(judge_frame(frame, severity={"DQ020": "off"})) == set()
    (check,) = [one for one in judge_frame(frame, severity={"DQ020": "info"}).checks if not one.passed]
    assert check.severity is Severity.INFO


@pytest.mark.parametrize(("severity", "words"), [
    ({"DQ999": "off"}, "names 'DQ999', which is no check; they are DQ001 to DQ035"),
    ({"DQ028": "quarantine"}, "it looks at columns or the batch and can put no row aside"),
])  # fmt: skip
def test_a_severity_that_cannot_be_is_refused(severity, words):
    with pytest.raises(ConfigError, match=words):
        list_checks(QualityConfig(severity=severity))


def test_only_checks_of_rows_can_put_rows_aside():
    """Every check with a reason names the rows of its breach, as many as the batch has."""
    frame = NEXT.copy()
    frame.loc[:59, "premium"], frame.loc[:59, "end"], frame.loc[:59, "make"] = "8R", "soon", "??"
    rules = {
        "patterns": [{"column": "make", "pattern": "[A-Z]+"}],
        "allowed": [{"column": "make", "allowed": ["ISUZU"]}],
    }
    codes = {check.code for check in CHECKS if check.reason}
    judgement = judge_frame(frame, severity=dict.fromkeys(sorted(codes), "quarantine"), max_quarantined=1, **rules)
    assert {row.row for row in judgement.quarantined} >= set(range(60))
    assert len(judgement.quarantined) + len(judgement.batch) == len(frame)
