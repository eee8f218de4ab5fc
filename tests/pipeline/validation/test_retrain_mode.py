"""How a line goes on follows from its own bouts."""

from dataclasses import replace

import pytest

from pointsman.pipeline.validation.retrain_mode import (
    LEAST_COMPARISONS,
    TOLERANCE,
    PairedComparison,
    choose_retrain_mode,
)
from pointsman.registry.contender import Origin

UPDATE, REFIT, KEPT, RECALL = Origin.UPDATE, Origin.REFIT, Origin.KEPT, Origin.RECALL


def make_bout(batch, way, served_way, difference, error=0.001, seconds=1.0, served_seconds=1.0, line="l"):
    return PairedComparison(
        batch, line, f"v{batch}", way, served_way, 1_000, 0.5, difference, error, seconds, served_seconds, 10
    )


def choose(comparisons, current=REFIT):
    return choose_retrain_mode(comparisons, "l", current, confidence=0.9)


def thrice(comparison):
    return [replace(comparison, batch=comparison.batch + later) for later in range(LEAST_COMPARISONS)]


@pytest.mark.parametrize("current", [UPDATE, REFIT])
def test_a_line_goes_on_as_before_where_nothing_speaks_against_it(current):
    assert choose([], current) is current
    assert choose([make_bout(1, UPDATE, REFIT, -0.01, error=0.1)], current) is current


def test_a_surely_better_way_is_taken_whichever_of_the_two_served():
    assert choose(thrice(make_bout(1, UPDATE, REFIT, -0.01)), REFIT) is UPDATE
    assert choose(thrice(make_bout(1, REFIT, UPDATE, 0.01)), REFIT) is UPDATE
    assert choose(thrice(make_bout(1, REFIT, UPDATE, -0.01)), UPDATE) is REFIT


def test_few_bouts_or_bouts_that_disagree_change_nothing():
    better = make_bout(1, UPDATE, REFIT, -0.01)
    assert choose(thrice(better)[: LEAST_COMPARISONS - 1], REFIT) is REFIT
    assert choose([*thrice(better), make_bout(5, UPDATE, REFIT, 0.03)], REFIT) is REFIT


def test_the_clock_decides_nothing():
    alike = make_bout(1, UPDATE, REFIT, 0.3 * TOLERANCE * 0.5, error=0.1 * TOLERANCE * 0.5)
    slow = replace(alike, seconds=5.0, served_seconds=0.1)
    assert choose(thrice(alike), REFIT) is choose(thrice(slow), REFIT) is UPDATE


def test_a_cheaper_way_needs_to_be_no_worse_and_a_dearer_one_better():
    alike = 0.3 * TOLERANCE * 0.5
    cheap = make_bout(1, UPDATE, REFIT, alike, error=alike / 2)
    assert choose(thrice(cheap), REFIT) is UPDATE
    dear = make_bout(1, REFIT, UPDATE, alike, error=alike / 2)
    assert choose(thrice(dear), UPDATE) is UPDATE
    worse = make_bout(1, UPDATE, REFIT, 0.01)
    assert choose(thrice(worse), REFIT) is REFIT


def test_newer_bouts_count_more():
    def change(first, then):
        return [*thrice(make_bout(1, UPDATE, REFIT, first)), *thrice(make_bout(80, UPDATE, REFIT, then))]

    assert choose(change(-0.01, 0.01), REFIT) is REFIT
    assert choose(change(0.01, -0.01), REFIT) is UPDATE


def test_other_lines_and_recalled_versions_say_nothing_about_a_line():
    assert choose(thrice(make_bout(1, UPDATE, REFIT, -0.1, line="other")), REFIT) is REFIT
    assert choose([make_bout(1, RECALL, REFIT, -0.1), make_bout(2, RECALL, REFIT, -0.1)], REFIT) is REFIT


def test_a_line_is_kept_after_learning_did_harm_twice_in_a_row():
    harmed = [make_bout(batch, KEPT, REFIT, -0.05) for batch in (1, 2)]
    assert choose(harmed[:1]) is REFIT
    assert choose(harmed) is KEPT
    assert choose([*harmed, make_bout(3, KEPT, REFIT, 0.05)]) is REFIT
    assert choose([*harmed, make_bout(3, KEPT, REFIT, 0.0, line="other")]) is REFIT, "it is kept for one update"
    assert choose([harmed[0], make_bout(2, KEPT, REFIT, -0.0001)]) is REFIT
