"""What a real state remembers of its searches is what the next one starts from."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_problem import QUICK, make_problem

import pointsman.pipeline.update  # noqa: F401  (registers every table before the catalogue is created)
from pointsman.common.config import Config
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import open_state
from pointsman.experiments.tables import trials_table
from pointsman.pipeline.training.problem import describe_space
from pointsman.pipeline.training.proposal import transfer
from pointsman.pipeline.training.search import search
from pointsman.pipeline.training.trials import TrialState, trial_rows
from pointsman.pipeline.training.warm_start import RECENT_BATCHES, load_known_trials


@pytest.fixture(scope="module")
def found():
    return search(make_problem(), QUICK, 12)


@pytest.fixture
def state(tmp_path: Path):
    with open_state(Config(state_dir=tmp_path / "state", schema={"time": "t", "target": "y"})) as opened:
        yield opened


def store(state, batch, trials):
    draft = Draft(1)
    draft.add(trials_table, trial_rows(batch, trials, []))
    draft.commit(state.engine)


def test_before_the_first_search_nothing_is_known(state):
    assert load_known_trials(state) == []


def test_complete_trials_come_back_as_they_were(state, found):
    store(state, 1, found)
    complete = [trial for trial in found if trial.state is TrialState.COMPLETE]
    assert 0 < len(complete) < len(found)
    assert load_known_trials(state) == complete
    space = describe_space(make_problem(), QUICK)
    assert all(transfer(trial.candidate, trial.relative, space) for trial in load_known_trials(state))


def test_only_the_newest_searches_count_oldest_first(state, found):
    best = min((trial for trial in found if trial.loss is not None), key=lambda trial: trial.loss)
    newest = RECENT_BATCHES + 3
    for batch in range(newest, 0, -1):
        store(state, batch, [replace(best, seconds=float(batch))])
    expected = [float(batch) for batch in range(newest - RECENT_BATCHES + 1, newest + 1)]
    assert [trial.seconds for trial in load_known_trials(state)] == expected
