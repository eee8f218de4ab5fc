"""Each rule about what comes in: silent where all is well, and right about level, sentence and command where not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from healthy import BATCHES, HEALTHY, NOW

from pointsman.pipeline.reporting.health import stream_rules as rules
from pointsman.pipeline.reporting.health.facts import Age, Drifted, Labels
from pointsman.pipeline.reporting.health.finding import Level

REJECTED = replace(BATCHES, newest=7, is_rejected=True, refused=1, reason="no row has a target.")


def test_a_rejected_batch_is_amber_and_several_are_red():
    finding = rules.check_batch(replace(HEALTHY, batches=REJECTED))
    assert (finding.level, finding.command) == (Level.AMBER, "python run.py quarantine")
    assert finding.sentence == "Batch 7 was rejected and not learned: no row has a target."
    several = rules.check_batch(replace(HEALTHY, batches=replace(REJECTED, refused=3)))
    assert several.level is Level.RED
    assert "The newest 3 batches were rejected" in several.sentence


def test_a_rejected_batch_that_was_decided_about_is_no_concern():
    assert rules.check_batch(replace(HEALTHY, batches=replace(REJECTED, decided="discarded"))) is None
    released = rules.check_batch(replace(HEALTHY, batches=replace(REJECTED, decided="released")))
    assert (released.level, released.command) == (Level.GREEN, "python run.py update")


@pytest.mark.parametrize(("held", "level"), [(0, None), (1, Level.GREEN), (99, Level.GREEN), (100, Level.AMBER)])
def test_rows_in_quarantine_count_by_their_share(held, level):
    finding = rules.check_quarantine(replace(HEALTHY, batches=replace(BATCHES, held=held)))
    assert (finding and finding.level) == level
    if held == 1:
        assert finding.sentence == "1 row of batch 6 (0.1\xa0%) is in quarantine and not learned."


def test_broken_quality_checks_are_told():
    finding = rules.check_quality(replace(HEALTHY, batches=replace(BATCHES, breaches=2, breach="'AGE' is empty.")))
    assert (finding.level, finding.sentence) == (Level.GREEN, "Batch 6 broke 2 quality checks: 'AGE' is empty.")


def test_drift_that_was_answered_is_told_and_drift_that_was_not_is_amber():
    data = Drifted(6, "data", ("AGE", "MAKE"), ("search: 20 trials",))
    answered = rules.check_drift(replace(HEALTHY, drifted=(data,)))
    assert answered.level is Level.GREEN
    assert answered.sentence == (
        "In batch 6 inputs are unlike anything that was learned (AGE and MAKE); it was answered (search: 20 trials)."
    )
    concept = Drifted(6, "concept", ("all classes",), ())
    finding = rules.check_drift(replace(HEALTHY, drifted=(data, concept)))
    assert (finding.level, finding.command) == (Level.AMBER, "python run.py eda 6")
    assert finding.sentence == (
        "In batch 6 the target no longer follows the inputs as before (all classes), and nothing was done about it."
    )


def test_labels_that_should_have_come_and_did_not_are_late():
    finding = rules.check_labels(replace(HEALTHY, labels=Labels(30, 1_000, 120, True)))
    assert (finding.level, finding.command) == (Level.AMBER, "python run.py feedback -file labels.csv")
    assert finding.sentence == (
        "Labels are late: of 1000 rows answered more than 30 days ago 12\xa0% have one; usually most come within 30 "
        "days."
    )
    none = rules.check_labels(replace(HEALTHY, labels=Labels(60, 10, 0, False)))
    assert none.sentence == "Labels are late: of 10 rows answered more than 60 days ago none has one."
    assert rules.check_labels(replace(HEALTHY, labels=Labels(30, 0, 0, False))) is None, "no row is old enough"


@pytest.mark.parametrize(
    ("days", "period", "level"),
    [(59, 30.0, None), (60, 30.0, Level.AMBER), (150, 30.0, Level.RED), (0.5, 0.04, None), (500, None, None)],
)
def test_the_age_of_the_last_update_counts_by_the_streams_own_period(days, period, level):
    finding = rules.check_age(replace(HEALTHY, age=Age(NOW - timedelta(days=days), NOW, period)))
    assert (finding and finding.level) == level
    if level is Level.AMBER:
        assert finding.sentence == "The last update is 60 days old, and batches of this stream lie 30.0 days apart."
