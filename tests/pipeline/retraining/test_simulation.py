"""The replay: fits made once, batches met before they are learned, and paths that later batches cannot change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.config import ResponseConfig
from pointsman.pipeline.retraining.policies import ALWAYS, Policy, list_policies
from pointsman.pipeline.retraining.simulation import Evaluation, Ledger, replay

POLICIES = list_policies(ResponseConfig())


@dataclass
class FragileLedger(Ledger):
    """Fails after ``stop_after`` steps, as a killed process would."""

    stop_after: int | None = None

    def add(self, trained: int, seconds: float, meetings: Sequence[Evaluation]) -> None:
        if self.stop_after is not None and len(self.seconds) >= self.stop_after:
            raise KeyboardInterrupt
        assert trained not in self.seconds, "a fit is done once"
        super().add(trained, seconds, meetings)


class MadeStream:
    """Batches with a level each; a model loses more the farther the level went since its training."""

    def __init__(self, levels: Sequence[float]) -> None:
        self.levels = levels
        self.fits: list[int] = []
        self.meetings: list[tuple[int, int]] = []

    def fit(self, trained: int) -> "MadeModel":
        self.fits.append(trained)
        return MadeModel(self, trained)


@dataclass
class MadeModel:
    stream: MadeStream
    trained: int
    seconds: float = 1.0

    def meet(self, batch: int) -> Evaluation:
        assert batch > self.trained, "no batch is met by a model that learned it"
        self.stream.meetings.append((self.trained, batch))
        away = abs(self.stream.levels[batch - 1] - self.stream.levels[self.trained - 1])
        return Evaluation(self.trained, batch, 40, (0.5 + away,) * 8, drifted=away > 0.5, estimated=0.5 + away / 2)


few = settings(max_examples=25)
levels = st.lists(st.floats(0, 2), min_size=5, max_size=14)


def play(stream: MadeStream, starts=(3,), ledger=None):
    return replay(POLICIES, starts, len(stream.levels), stream.fit, ledger or FragileLedger())


@few
@given(levels)
def test_fits_are_shared_and_only_what_serves_is_predicted(levels):
    stream = MadeStream(levels)
    policy_runs = play(stream)
    assert sorted(stream.fits) == list(range(3, len(levels)))
    needed = {(trained, batch) for policy_run in policy_runs for batch, trained in policy_run.served.items()}
    assert sorted(stream.meetings) == sorted(needed)


@few
@given(levels)
def test_policies_keep_what_they_promise(levels):
    every = play(MadeStream(levels))
    policy_runs = {policy_run.policy: policy_run for policy_run in every if not policy_run.waited}
    last = len(levels)
    for waited in range(3):
        [one] = [one for one in every if (one.policy, one.waited) == (Policy("every", every=3), waited)]
        assert one.trainings == tuple(range(6 - waited, last, 3))
    assert policy_runs[ALWAYS].trainings == tuple(range(4, last))
    assert policy_runs[Policy("never")].trainings == ()
    for policy_run in every:
        assert list(policy_run.served) == list(range(4, last + 1))
        assert all(trained < batch for batch, trained in policy_run.served.items())
    drift = policy_runs[Policy("drift")]
    for batch, trained in drift.served.items():
        away = abs(levels[batch - 1] - levels[trained - 1])
        assert (batch in drift.trainings) == (away > 0.5 and batch != last)


@few
@given(levels, st.data())
def test_a_later_batch_changes_nothing_before_it(levels, data):
    changed_at = data.draw(st.integers(4, len(levels)))
    other = [*levels[: changed_at - 1], levels[changed_at - 1] + 5, *levels[changed_at:]]
    for one, two in zip(play(MadeStream(levels)), play(MadeStream(other)), strict=True):
        assert one.until(changed_at - 1) == two.until(changed_at - 1)
        assert one.served[changed_at] == two.served[changed_at]


@few
@given(levels, st.data())
def test_a_part_of_a_journey_is_the_journey_of_a_shorter_stream(levels, data):
    last = data.draw(st.integers(4, len(levels)))
    for whole, short in zip(play(MadeStream(levels)), play(MadeStream(levels[:last])), strict=True):
        assert whole.until(last) == short


@few
@given(st.integers(0, 6), st.integers(0, 9))
def test_a_killed_replay_goes_on_and_repeats_no_finished_fit(stop_after, seed):
    levels = np.random.default_rng(seed).uniform(0, 2, 10).tolist()
    whole = play(MadeStream(levels), starts=(3, 6))
    ledger = FragileLedger(stop_after=stop_after)
    with pytest.raises(KeyboardInterrupt):
        play(MadeStream(levels), (3, 6), ledger)
    ledger.stop_after = None
    done = set(ledger.seconds)
    resumed = MadeStream(levels)
    assert play(resumed, (3, 6), ledger) == whole
    assert not done & set(resumed.fits)
    again = MadeStream(levels)
    assert play(again, (3, 6), ledger) == whole
    assert again.fits == []
