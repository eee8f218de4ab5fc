"""Promotion with contenders whose losses are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.comparison import Outcome, compare_losses
from model_zoo.candidate import Candidate
from pipeline.validation.promotion import promote
from registry.contender import Contender, Origin

ROWS = 240


def enter(name, loss, origin=Origin.SEARCH, line=None, family="linear", seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.05, ROWS)
    model = SimpleNamespace(candidate=Candidate(family, "onehot", {"l2_penalty": float(len(name) + loss)}))
    parent = SimpleNamespace(id=line, line=line) if line else None
    return Contender(name, origin, model, parent, np.zeros(ROWS), loss + noise, 0, 0.0)


def decide(kept=(), refreshed=(), newcomers=(), champion=None, max_active=8, records=None):
    return promote(kept, refreshed, newcomers, champion, records or {}, 0.9, max_active)


def test_the_first_champion_has_the_lowest_loss():
    outcome = decide(newcomers=[enter("a", 1.0), enter("bb", 0.5), enter("prior", 2.0, family="prior")])
    assert outcome.champion.name == "bb"
    assert {one.name for one in outcome.active} == {"a", "bb", "prior"}


def test_a_challenger_must_be_better_beyond_the_interval():
    kept, refreshed = [enter("old", 1.0, Origin.KEPT, "x-1")], [enter("old new", 1.0, Origin.REFIT, "x-1")]
    luck = enter("luck", 0.999, seed=5)
    assert decide(kept, refreshed, [luck], "x-1").champion.name == "old new"
    clear = enter("clear", 0.8, seed=5)
    outcome = decide(kept, refreshed, [clear], "x-1")
    assert outcome.champion.name == "clear"
    assert "240 later rows" in outcome.reason


def test_a_refreshed_model_that_is_worse_does_not_replace_the_kept_one():
    kept, refreshed = [enter("old", 1.0, Origin.KEPT, "x-1")], [enter("worse", 1.4, Origin.UPDATE, "x-1")]
    assert decide(kept, refreshed, [], "x-1").champion.name == "old"


def test_newcomers_worse_than_the_prior_stay_out_and_the_prior_stays_in():
    prior = enter("prior", 1.0, family="prior")
    outcome = decide(newcomers=[enter("a", 0.5), enter("bad", 1.2), prior, *(enter(f"n{i}", 0.6) for i in range(2))],
                     max_active=3)  # fmt: skip
    names = {one.name for one in outcome.active}
    assert "bad" not in names
    assert {"a", "prior"} <= names
    assert len(names) == 3


def test_lines_that_leave_are_retired_with_a_reason():
    kept = [enter(f"v{i}", 0.5 + i / 10, Origin.KEPT, f"v-{i}", seed=i) for i in range(4)]
    refreshed = [enter(f"v{i} refit", 0.5 + i / 10, Origin.REFIT, f"v-{i}", seed=i) for i in range(4)]
    outcome = decide(kept, refreshed, [], "v-0", max_active=2)
    assert {event.version for event in outcome.retired} == {"v-2", "v-3"}


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_holds_the_true_difference_most_of_the_time(seed):
    generator = np.random.default_rng(seed)
    outcomes = [
        compare_losses(generator.normal(1, 1, ROWS), generator.normal(1, 1, ROWS), 0.9).outcome for _ in range(200)
    ]
    assert 0.1 < sum(outcome is not Outcome.UNDECIDED for outcome in outcomes) / 200 < 0.3
