"""Rows are learned as far as a budget allows, and what it cuts is told once."""

import logging

import pytest

from common.config import SearchConfig, TrainingConfig
from model_zoo.candidate import Candidate
from pipeline.training import capacity
from pipeline.training.capacity import LEAST_LEARNED, limit_rows, limit_searched, list_unheeded, tell_cuts

EXTRA_TREES = Candidate("extra_trees", "target", {"max_rows": 20_000})
PLAIN = Candidate("lightgbm", "native")


def test_a_large_stream_is_learned_in_full_by_default():
    assert limit_rows(TrainingConfig(), 28) >= 160_000
    assert limit_rows(TrainingConfig(), 5_000) == LEAST_LEARNED
    assert limit_rows(TrainingConfig(max_mb=1_000), 28) > limit_rows(TrainingConfig(), 28)


@pytest.mark.parametrize("stated", [50, 20_000])
def test_a_number_that_is_stated_holds(stated):
    assert limit_rows(TrainingConfig(max_rows=stated), 28) == stated
    assert limit_searched(SearchConfig(max_rows=stated), 900_000) == stated


def test_a_search_looks_at_more_rows_of_a_larger_stream():
    looked = [limit_searched(SearchConfig(), rows) for rows in (1_000, 60_000, 120_000, 180_000, 2_000_000)]
    assert looked == [20_000, 20_000, 40_000, 60_000, 60_000]


def listen(caplog, rows, there, training=None, search=None):
    capacity._tell_once.cache_clear()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            tell_cuts(training or TrainingConfig(), search or SearchConfig(), rows, there, 28, [PLAIN, EXTRA_TREES])
    told = [record.message for record in caplog.records]
    caplog.clear()
    return told


def test_a_stated_key_that_changes_nothing_is_told_of():
    assert list_unheeded(TrainingConfig(folds=5), 9) == list_unheeded(TrainingConfig(max_mb=64), 9) == []
    assert list_unheeded(TrainingConfig(validation="holdout"), 900) == [], "what was not stated is no surprise"
    told = list_unheeded(TrainingConfig(max_mb=0.02, validation="holdout", folds=5), 10)
    assert told == [
        "training.max_mb is 0.02 and changes nothing, since 50,000 rows (4 MB) are always learned; "
        "training.max_rows takes fewer",
        "training.folds is 5 and changes nothing, since training.validation is holdout, which has one fold",
    ]
    (beside,) = list_unheeded(TrainingConfig(max_mb=0.02, max_rows=400), 10)
    assert beside.endswith("changes nothing, since training.max_rows is 400")


def test_what_is_cut_is_told_once(caplog):
    assert listen(caplog, 9_000, 9_000) == []
    assert listen(caplog, 30_000, 30_000) == [
        "the search looks at a part of the learned rows, the newest 20,000; search.max_rows sets it",
        "of all learned rows costly families learn a part: extra_trees (20,000 rows)",
    ]
    told = listen(caplog, 285_714, 400_000)
    assert len(told) == 3
    assert told[0].startswith("models learn from the newest 285,714 rows of 28 columns: training.max_mb is 64")
    stated = listen(caplog, 15_000, 400_000, TrainingConfig(max_rows=15_000), SearchConfig(max_rows=9_000))
    assert stated == []
