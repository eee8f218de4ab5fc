"""Each fold is encoded once, by what it learns from alone, and the cache stays within its bytes."""

import pickle
from collections import Counter

import numpy as np
import pytest
from made_problem import make_problem

from pointsman.common.workers import Workers
from pointsman.model_zoo.encoder import fit_encoder
from pointsman.pipeline.training import encodings as module
from pointsman.pipeline.training.encodings import Encodings

KEYS = [
    (variant, fold, window) for variant in ("onehot", "target", "native") for fold in (0, 1) for window in (None, 2)
]


@pytest.fixture
def counted(monkeypatch):
    """Return how often each (variant, learned rows) was fitted."""
    calls = Counter()

    def count(variant, features, *arguments):
        calls[variant, len(features)] += 1
        return fit_encoder(variant, features, *arguments)

    monkeypatch.setattr(module, "fit_encoder", count)
    return calls


def make_encodings():
    problem = make_problem()
    return Encodings(problem.folds, problem.task, problem.seed)


def assert_equal(one, other):
    for name in ("learned", "validated"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine.names, mine.categorical) == (theirs.names, theirs.categorical)
        np.testing.assert_array_equal(mine.values, theirs.values)
    np.testing.assert_array_equal(one.target, other.target)


@pytest.mark.parametrize("key", KEYS)
def test_it_is_what_a_direct_fit_gives(key):
    variant, fold, window = key
    problem = make_problem()
    learn, validate = problem.folds[fold].learn.last(window), problem.folds[fold].validate
    encoder, learned = fit_encoder(variant, learn.covered, learn.target, problem.task, problem.seed)
    direct = module.EncodedFold(learned, learn.target, encoder.encode(validate.features))
    assert_equal(make_encodings().get(*key), direct)


def test_each_is_fitted_once_however_often_it_is_asked_for(counted):
    encodings = make_encodings()
    first = [encodings.get(*key) for key in KEYS]
    again = [encodings.get(*key) for key in reversed(KEYS)]
    assert [one is other for one, other in zip(first, reversed(again), strict=True)] == [True] * len(KEYS)
    assert sum(counted.values()) == len(KEYS)


def test_the_cache_is_bounded_by_bytes_and_forgets_what_was_used_longest_ago(counted, monkeypatch):
    room = 2 * max(make_encodings().get(*key).nbytes for key in KEYS[:3])
    counted.clear()
    monkeypatch.setattr(module, "MAX_BYTES", room)
    encodings = make_encodings()
    first, second, third = KEYS[:3]
    for key in (first, second, first, third):
        encodings.get(*key)
    assert sum(counted.values()) == 3
    encodings.get(*first)
    assert sum(counted.values()) == 3
    encodings.get(*second)
    assert sum(counted.values()) == 4


def test_one_encoding_is_kept_even_where_it_alone_is_too_large(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1)
    encodings = make_encodings()
    assert encodings.get(*KEYS[0]) is encodings.get(*KEYS[0])
    assert len(encodings._kept) == 1


def test_threads_that_ask_at_a_time_encode_it_once(counted):
    encodings = make_encodings()
    found = Workers(4).share(encodings).map(lambda shared, key: shared.get(*key), [KEYS[0]] * 8)
    assert all(one is found[0] for one in found)
    assert sum(counted.values()) == 1


def test_another_process_gets_none_of_the_kept_ones(counted):
    encodings = make_encodings()
    before = len(pickle.dumps(encodings))
    encodings.get(*KEYS[0])
    sent = pickle.dumps(encodings)
    assert len(sent) < before + 1_000 < before + encodings.get(*KEYS[0]).nbytes
    assert_equal(pickle.loads(sent).get(*KEYS[0]), encodings.get(*KEYS[0]))
    assert sum(counted.values()) == 2
