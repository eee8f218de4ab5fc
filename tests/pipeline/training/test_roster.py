"""The standing lines differ in window first, in robustness second, in algorithm third."""

import pytest

from common.config import SearchConfig
from common.task import Task
from model_zoo import FAMILIES
from pipeline.training.roster import standing_candidates

DEFAULT = SearchConfig()


@pytest.mark.parametrize("task", list(Task))
def test_the_default_roster_is_diverse_and_within_its_limits(task):
    roster = standing_candidates(DEFAULT.families, DEFAULT.variants, task, 24)
    assert 10 <= len(roster) <= 20
    assert len({candidate.key for candidate in roster}) == len(roster)
    assert {candidate.window for candidate in roster} >= {None, 3, 5}
    robust = [candidate for candidate in roster if candidate.masked and candidate.guarded]
    assert {candidate.family for candidate in robust} >= {"lightgbm", "extra_trees"}
    assert "prior" in {candidate.family for candidate in roster}


def test_only_families_that_are_searched_stand_beside_the_prior():
    assert {one.family for one in standing_candidates(["linear"], ["onehot"], Task.BINARY, 24)} == {"linear", "prior"}
    assert {one.family for one in standing_candidates([], [], Task.BINARY, 24)} == {"prior"}


def test_every_candidate_uses_a_variant_its_family_can_read():
    for candidate in standing_candidates(tuple(FAMILIES), ["spelling"], Task.REGRESSION, 24):
        assert candidate.variant in FAMILIES[candidate.family].variants


@pytest.mark.parametrize(("batches", "windows"), [(1, {None}), (3, {None}), (4, {None, 3}), (6, {None, 3, 5})])
def test_windows_enter_once_they_leave_a_batch_out(batches, windows):
    roster = standing_candidates(DEFAULT.families, DEFAULT.variants, Task.BINARY, batches)
    assert {candidate.window for candidate in roster} == windows
