"""Who may be a member of an ensemble: what the search found is judged first, on batches that did not choose it."""

from types import SimpleNamespace

import pytest

from pointsman.pipeline.validation import ensembles
from pointsman.pipeline.validation.ensembles import find_unproven
from pointsman.registry.contender import Origin


def make_version(line, version, generation):
    return SimpleNamespace(
        line=line, id=version, generation=generation, origin=Origin.SEARCH if "found" in line else ""
    )


@pytest.fixture
def run(monkeypatch):
    """The run that makes generation 8; 3 was a decision by hand, so 7, 6, 5, 4 and 2 took batches."""
    births = {"found-4": (Origin.SEARCH, 4), "found-6": (Origin.SEARCH, 6), "found-7": (Origin.SEARCH, 7)}
    births |= {"portfolio-7": (Origin.PORTFOLIO, 7)}
    monkeypatch.setattr(ensembles, "load_births", lambda _state, lines: {one: births[one] for one in lines})
    monkeypatch.setattr(ensembles, "load_updates", lambda _state, _number: [7, 6, 5, 4, 2])
    return SimpleNamespace(before=SimpleNamespace(number=7), state=None)


def test_what_the_search_found_is_proven_by_two_batches(run):
    singles = [make_version(f"found-{born}", f"found-{born}-now", 8) for born in (4, 6, 7)]
    singles += [make_version("portfolio-7", "portfolio-7-now", 8), make_version("found-new", "found-new", 8)]
    assert find_unproven(run, singles) == {"found-7", "found-new"}


def test_decisions_by_hand_prove_nothing(run, monkeypatch):
    monkeypatch.setattr(ensembles, "load_updates", lambda _state, _number: [4, 2])
    singles = [make_version(f"found-{born}", f"found-{born}-now", 8) for born in (4, 6)]
    assert find_unproven(run, singles) == {"found-4", "found-6"}


def test_a_version_that_was_kept_as_it_is_is_as_old_as_it_was(run):
    assert find_unproven(run, [make_version("found-4", "found-4", 4), make_version("found-7", "found-7", 7)]) == {
        "found-7"
    }
