"""Association rules: mined on what is known, checked on what comes next."""

import json

import numpy as np
import pytest
from claims_batch import SCHEMA, breaches, find_check, judge_frame, make_frame, make_past, make_stream
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.config import AssociationConfig
from pointsman.pipeline.quality.associations import AssociationRule, Item, ItemTable
from pointsman.pipeline.quality.mining import mine_rules

SEATS = {"TOYOTA": "4", "ISUZU": "8", "BAJAJI": "2"}


def tie(frame, loose=0.02, seed=0):
    """Seats follow the make, but for a few rows."""
    free = np.random.default_rng(seed).random(len(frame)) < loose
    return frame.assign(seats=frame["seats"].where(free, frame["make"].map(SEATS)))


STREAM = [tie(frame, seed=number) for number, frame in enumerate(make_stream(7))]


@pytest.fixture(scope="module")
def rules():
    return mine(STREAM[:6])


def mine(frames, most=20, seed=0):
    window = [judge_frame(frame).batch for frame in frames]
    return mine_rules(window, SCHEMA, AssociationConfig(most=most), np.random.default_rng(seed))


def test_what_goes_together_is_found(rules):
    assert len(rules) >= 5
    known = {str(rule) for rule in rules}
    assert "'make' is 'ISUZU', then 'seats' is 8 or more" in known
    assert all(rule.confidence >= 0.9 and rule.lift >= 1.2 and len(rule.past) == 6 for rule in rules)
    assert mine(STREAM[:6]) == rules
    assert mine(STREAM[:6], most=2) == rules[:2]


def test_nothing_goes_together_in_independent_columns():
    assert mine(make_stream(3, rows=400)) == ()


def test_what_batches_have_in_common_is_no_rule_of_rows():
    """A rate that is fixed for a month goes with everything of that month."""
    monthly = [frame.assign(premium=str(100.0 * number), seats=str(number)) for number, frame in enumerate(STREAM[:4])]
    assert mine(monthly) == ()


def test_a_batch_that_keeps_the_rules_passes_and_one_that_mixes_the_columns_up_does_not(rules):
    past = make_past(STREAM[:6], rules)
    assert breaches(judge_frame(STREAM[6], past=past)) == set()
    mixed = STREAM[6].assign(seats=np.roll(STREAM[6]["seats"], 1))
    judgement = judge_frame(mixed, past=past)
    assert {code for code, _ in breaches(judgement)} == {"DQ032"}
    broken = [check.message for check in judgement.checks if not check.passed]
    assert any("in which 'make' is 'ISUZU', " in message for message in broken)
    assert any("have 'seats' is 8 or more" in message for message in broken)


def test_a_batch_of_few_rows_is_judged_by_its_own_noise(rules):
    past = make_past(STREAM[:6], rules)
    assert breaches(judge_frame(STREAM[6].head(60), past=past)) == set()


def test_without_rules_or_from_too_few_batches_the_check_does_not_apply():
    assert find_check(judge_frame(make_frame()), "DQ032", "").share is None
    young = mine(STREAM[:2])
    checks = judge_frame(STREAM[2], past=make_past(STREAM[:2], young)).checks
    told = [check for check in checks if check.code == "DQ032"]
    assert told
    assert all(check.share is None and "4 batches" in check.message for check in told)


def test_rules_survive_json(rules):
    assert tuple(AssociationRule.from_json(json.loads(json.dumps(rule.to_json()))) for rule in rules) == rules


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_support_and_confidence_are_what_counting_gives(seed):
    batch = judge_frame(tie(make_frame(120, seed), 0.1, seed)).batch
    table = ItemTable(batch.inputs)
    for rule in mine_rules([batch], SCHEMA, AssociationConfig(), np.random.default_rng(0)):
        applies, broken = table.measure(rule)
        assert rule.confidence == pytest.approx(1 - broken.sum() / applies.sum())
        assert rule.support == pytest.approx((applies & ~broken).mean())


def test_an_item_of_an_absent_column_never_holds():
    inputs = judge_frame(make_frame()).batch.inputs
    assert not Item("gone", "x").holds(inputs).any()
    assert not Item("gone").holds(inputs).any()
