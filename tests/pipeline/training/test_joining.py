"""CatBoost joins where columns have many levels or it was good of late, once told, and nowhere without its library."""

import logging
from dataclasses import replace

import pandas as pd
import pytest
from training.made_problem import make_training_rows

from pointsman.common.config import SearchConfig
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.catboost import CatBoost
from pointsman.pipeline.training.joining import BEST, JOINING, MANY_LEVELS, join_families
from pointsman.pipeline.training.portfolio import portfolio_candidates
from pointsman.pipeline.training.problem import SearchSpace
from pointsman.pipeline.training.search import choose_first
from pointsman.pipeline.training.trials import Trial, TrialState

DEFAULT = SearchConfig()


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(CatBoost, "installed", True)


def make_rows(levels: int, since: int = 1):
    """Rows whose column ``zip`` has so many levels from batch ``since`` on."""
    rows = make_training_rows()
    codes = [str(place % levels) if batch >= since else "0" for place, batch in enumerate(rows.batches)]
    return replace(rows, features=rows.features.assign(zip=pd.Series(codes, dtype="str")))


def make_trial(number: int, family: str, loss: float) -> Trial:
    return Trial(number, Candidate(family, "native"), TrialState.COMPLETE, loss, baseline=1.0)


@pytest.mark.parametrize("levels", [MANY_LEVELS, MANY_LEVELS + 1])
def test_it_joins_where_a_column_has_many_levels(levels):
    joined = join_families(DEFAULT, make_rows(levels), [])
    assert (JOINING in joined.families) == (levels > MANY_LEVELS)
    assert set(DEFAULT.families) <= set(joined.families)
    standing = portfolio_candidates(joined.families, joined.variants, Task.BINARY, 24, 10_000)
    assert (JOINING in {one.family for one in standing}) == (levels > MANY_LEVELS)


@pytest.mark.parametrize("place", [BEST - 1, BEST])
def test_it_joins_where_it_was_among_the_best_of_late(place, caplog):
    known = [make_trial(number, JOINING if number == place else "lightgbm", 0.5 + number / 100) for number in range(6)]
    assert (JOINING in join_families(DEFAULT, make_rows(3), known).families) == (place < BEST)
    assert not caplog.records


@pytest.mark.parametrize(
    "config",
    [
        SearchConfig(extra_families="none"),
        SearchConfig(families=("linear", "tree")),
        SearchConfig(families=("lightgbm", "catboost")),
    ],
)
def test_whoever_names_families_or_wants_no_other_gets_these(config, caplog):
    caplog.set_level(logging.INFO)
    assert join_families(config, make_rows(80), []) == config
    assert not caplog.records


@pytest.mark.parametrize(("since", "told"), [(1, 0), (6, 1)])
def test_it_is_told_when_it_begins_with_the_key_that_decides(since, told, caplog):
    caplog.set_level(logging.INFO)
    join_families(DEFAULT, make_rows(55, since), [])
    assert [record.getMessage() for record in caplog.records] == [
        "column 'zip' has 55 levels, so catboost joins search.families; search.extra_families=none keeps it out"
    ] * told


@pytest.mark.parametrize(("levels", "told"), [(55, 1), (5, 0)])
def test_without_its_library_nothing_changes_and_one_line_says_what_it_would_do(levels, told, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(CatBoost, "installed", False)
    rows = make_rows(levels)
    first = rows.take(rows.batches == rows.first_batch)
    assert join_families(DEFAULT, first, []) == join_families(DEFAULT, rows, []) == DEFAULT
    assert ["requirements-catboost.txt" in record.getMessage() for record in caplog.records] == [True] * told


def test_its_defaults_are_tried_beside_what_is_known_until_one_of_its_own_is():
    space = SearchSpace(("lightgbm/native", "catboost/native"), (0,), (), Task.BINARY, 1000, 5)
    lightgbm = replace(make_trial(1, "lightgbm", 0.5), candidate=choose_first([], space)[0])
    catboost = replace(make_trial(2, "catboost", 0.6), candidate=choose_first([], space)[1])
    assert [one.family for one in choose_first([lightgbm], space)] == ["lightgbm", "catboost"]
    assert len(choose_first([lightgbm, catboost], space)) == 2
