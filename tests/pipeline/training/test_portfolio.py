"""The standing lines differ in window first, in robustness second, in algorithm third."""

import pytest

from pointsman.common.config import SearchConfig
from pointsman.common.task import Task
from pointsman.model_zoo.families import FAMILIES
from pointsman.pipeline.training.portfolio import (
    FEW_BATCHES,
    FEW_ROWS,
    baseline_candidates,
    make_room,
    portfolio_candidates,
)

DEFAULT = SearchConfig()
MANY = 10_000
"""Rows of a stream that is not short."""


@pytest.mark.parametrize("task", list(Task))
def test_the_default_roster_is_diverse_and_within_its_limits(task):
    roster = portfolio_candidates(DEFAULT.families, DEFAULT.variants, task, 24, MANY)
    assert len(roster) == (17 if task is Task.REGRESSION else 16)
    assert len({candidate.key for candidate in roster}) == len(roster)
    assert {candidate.window for candidate in roster} >= {None, 3, 5}
    robust = [candidate for candidate in roster if candidate.masked and candidate.guarded]
    assert {candidate.family for candidate in robust} == {"extra_trees", "lightgbm"}
    assert {candidate.window for candidate in robust} == {None, 3}
    assert "prior" in {candidate.family for candidate in roster}


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("families", [[], ["tree"], DEFAULT.families], ids=str)
@pytest.mark.parametrize("batches", [1, 24])
def test_the_plain_models_stand_whatever_is_searched(task, families, batches):
    roster = portfolio_candidates(families, DEFAULT.variants, task, batches, MANY)
    plain = {one.family: one for one in baseline_candidates(DEFAULT.variants, task)}
    assert set(plain) == {"lightgbm", "linear", "prior"}
    assert {one.key for one in plain.values()} <= {one.key for one in roster}
    assert not any(one.treatment for one in plain.values())
    assert plain["lightgbm"].variant == "native"
    assert plain["lightgbm"].params["rounds"] == 100


def test_beyond_the_plain_models_only_families_that_are_searched_stand():
    plain = {one.key for one in baseline_candidates(["onehot"], Task.BINARY)}
    roster = portfolio_candidates(["linear"], ["onehot"], Task.BINARY, 24, MANY)
    assert {one.family for one in roster if one.key not in plain} == {"linear", "prior"}


def test_every_candidate_uses_a_variant_its_family_can_read():
    for candidate in portfolio_candidates(tuple(FAMILIES), ["spelling"], Task.REGRESSION, 24, MANY):
        assert candidate.variant in FAMILIES[candidate.family].variants


@pytest.mark.parametrize(("batches", "windows"), [(1, {None}), (3, {None}), (4, {None, 3}), (6, {None, 3, 5})])
def test_windows_enter_once_they_leave_a_batch_out(batches, windows):
    roster = portfolio_candidates(DEFAULT.families, DEFAULT.variants, Task.BINARY, batches, MANY)
    assert {candidate.window for candidate in roster} == windows


@pytest.mark.parametrize(("batches", "rows"), [(1, MANY), (FEW_BATCHES - 1, MANY), (24, FEW_ROWS - 1)])
@pytest.mark.parametrize("task", list(Task))
def test_few_simple_lines_stand_while_a_stream_is_short(task, batches, rows):
    roster = portfolio_candidates(DEFAULT.families, DEFAULT.variants, task, batches, rows)
    plain = {one.key for one in baseline_candidates(DEFAULT.variants, task)}
    added = [one for one in roster if one.key not in plain]
    assert [(one.family, one.treatment) for one in added] == [
        *([("linear", ("last 3", "guarded"))] if batches > 3 else []),
        ("extra_trees", ("masked", "guarded")),
        ("lightgbm", ()),
        ("lightgbm", ("masked", "guarded")),
    ]
    assert {one.params["num_leaves"] for one in added if one.family == "lightgbm"} == {7}
    assert make_room(12, 3, rows, batches) == (6, 1)


def test_the_roster_grows_with_rows_and_batches():
    sizes = [
        len(portfolio_candidates(DEFAULT.families, DEFAULT.variants, Task.BINARY, batches, batches * 365))
        for batches in (1, 3, 6, 24)
    ]
    assert sizes == [6, 6, 16, 16]
    assert make_room(12, 3, FEW_ROWS, FEW_BATCHES) == (12, 3)
