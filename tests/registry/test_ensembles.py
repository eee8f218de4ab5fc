"""The weights of lines in past ensembles, and which lines had none."""

from dataclasses import replace

import pytest
from made_versions import commit, make_config, make_version

from pointsman.common.storage.state import open_state
from pointsman.registry.ensembles import find_idle, load_weights
from pointsman.registry.generations import Cause, Generation, Member, Role
from pointsman.registry.versions import ENSEMBLE_FAMILY, KINDS


def mix(number, **weights):
    named = {name.replace("_", "-"): share for name, share in weights.items()}
    return make_version(number, ENSEMBLE_FAMILY, params={"members": dict.fromkeys(KINDS, named)})


@pytest.fixture
def state(tmp_path):
    """Three updates: the first without ensembles, then two; a line is refitted in between, another one competes."""
    first, knn = make_version(1), make_version(2, "knn")
    rival = make_version(3, "tree")
    again = replace(make_version(4), line="linear-0001", parent="linear-0001")
    ensembles = [mix(5, linear_0001=1.0), mix(6, linear_0004=0.4, knn_0002=0.6), mix(7, linear_0004=1)]
    with open_state(make_config(tmp_path)) as state:
        generation = Generation()
        for members, new in (
            ((first, knn), [first, knn]),
            ((first, knn, ensembles[0]), [rival, ensembles[0]]),
            ((again, knn, *ensembles[1:]), [again, *ensembles[1:]]),
        ):
            named = [Member(one, Role.ENSEMBLE if one.is_ensemble else Role.ACTIVE) for one in members]
            challengers = [Member(rival, Role.CHALLENGER)] if generation.number else []
            generation = generation.succeed(Cause.UPDATE, members=(*named, *challengers))
            commit(state, generation, new)
        yield state


def test_weights_are_by_line_newest_first_and_the_largest_of_any_ensemble(state):
    assert load_weights(state, 3, 5) == [{"linear-0001": 1.0, "knn-0002": 0.6}, {"linear-0001": 1.0, "knn-0002": 0.0}]
    assert load_weights(state, 2, 5) == [{"linear-0001": 1.0, "knn-0002": 0.0}]
    assert load_weights(state, 3, 1) == [{"linear-0001": 1.0, "knn-0002": 0.6}]
    assert load_weights(state, 0, 5) == []


def test_a_line_is_idle_only_after_all_of_the_time_without_weight(state):
    assert find_idle(load_weights(state, 2, 1), 1) == {"knn-0002"}
    assert find_idle(load_weights(state, 3, 2), 2) == set()
    assert find_idle([], 5) == set()
