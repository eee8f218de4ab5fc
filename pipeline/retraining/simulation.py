"""Replaying a stream under policies of retraining: every fit is made once, every batch predicted before it is learned.

A model fitted on the batches up to ``t`` is the same for every policy that trains there, and so is what it does on a
later batch ``b``: an evaluation (t, b). What a policy would have done follows from these alone. Fits are made in
order of time, and each is evaluated on later batches only for as long as some policy still serves with it.

Batches are counted here from 1 in the order in which they were accepted, without gaps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from pointsman.pipeline.retraining.policies import Policy, trains

BLOCKS = 8
"""Row losses of a batch are kept as means of this many blocks of time, enough for a paired interval."""


@dataclass(frozen=True)
class Evaluation:
    """A model fitted on the batches up to ``trained`` and a later batch that it predicts.

    losses:    mean row losses of blocks of the batch, oldest first
    drifted:   whether there is an alarm of drift since its training
    estimated: what it was estimated to lose there without labels, for numbers the root of it; None where not known
    outputs:   what it predicted for some rows, as estimates of later batches need it: of the first batch after its
               training alone
    """

    trained: int
    batch: int
    rows: int
    losses: tuple[float, ...]
    drifted: bool
    estimated: float | None
    outputs: bytes | None = None

    @property
    def loss(self) -> float:
        """The mean row loss."""
        return float(np.average(self.losses, weights=self.weights))

    @property
    def weights(self) -> np.ndarray:
        """Rows of each block."""
        return np.array([len(part) for part in np.array_split(np.arange(self.rows), len(self.losses))], dtype=float)


@dataclass(frozen=True)
class PolicyRun:
    """A policy on the batches after ``start``, where all policies were trained: what it served with, and its trainings.

    waited:    how many batches its first training counts as if they had gone by before the start
    served:    by batch, the newest batch that its model had learned
    trainings: the batches after which it trained, the start left out
    """

    policy: Policy
    start: int
    waited: int
    served: Mapping[int, int]
    trainings: tuple[int, ...]

    def until(self, last: int) -> "PolicyRun":
        """Return the part up to and with a batch; what came later had no influence on it."""
        served = {batch: trained for batch, trained in self.served.items() if batch <= last}
        return replace(self, served=served, trainings=tuple(batch for batch in self.trainings if batch < last))


class Fitted(Protocol):
    """A model that was fitted and can meet a later batch."""

    @property
    def seconds(self) -> float:
        """What fitting took."""
        ...

    def meet(self, batch: int) -> Evaluation:
        """Predict a later batch and lay it beside its labels."""
        ...


Met = Mapping[tuple[int, int], Evaluation]


def find_next_training(policy: Policy, later: range, meet: Callable[[int], Evaluation], waited: int = 0) -> int | None:
    """Return after which of the ``later`` batches a policy trains again; None where it serves to the end.

    It has ``waited`` so many batches before. No training follows the last batch, which nothing comes after.
    """
    after_training = None
    for place, batch in enumerate(later):
        evaluation = meet(batch)
        if not place:
            after_training = evaluation.estimated
        since = waited + place + 1
        if trains(policy, since, evaluation.drifted, evaluation.estimated, after_training) and batch != later[-1]:
            return batch
    return None


@dataclass
class Ledger:
    """Finished steps: the seconds of each fit, and its evaluations. This one keeps them in memory."""

    seconds: dict[int, float] = field(default_factory=dict)
    met: dict[tuple[int, int], Evaluation] = field(default_factory=dict)

    def add(self, trained: int, seconds: float, meetings: Sequence[Evaluation]) -> None:
        """Keep a finished step."""
        self.seconds[trained] = seconds
        self.met |= {(evaluation.trained, evaluation.batch): evaluation for evaluation in meetings}


def replay(
    policies: Sequence[Policy],
    starts: Sequence[int],
    batches: int,
    fit: Callable[[int], Fitted],
    ledger: Ledger,
    after_step: Callable[[], object] = lambda: None,
) -> list[PolicyRun]:
    """Return the runs of every policy from every start to the last of ``batches`` batches.

    When counting begins is an accident, so a policy that counts batches has one run for each batch it could have begun
    with. Only steps that the ledger lacks are fitted and predicted.
    """
    trainings: dict[tuple[Policy, int, int], list[int]] = {
        (policy, start, waited): [start] for start in starts for policy in policies for waited in range(policy.every)
    }
    for trained in range(min(starts), batches):
        step = Step(trained, fit, ledger)
        for (policy, start, waited), so_far in trainings.items():
            if so_far[-1] == trained:
                later, first = range(trained + 1, batches + 1), trained == start
                again = find_next_training(policy, later, step.meet, waited if first else 0)
                if again is not None:
                    so_far.append(again)
        step.finish()
        after_step()
    return [_make_run(*key, so_far, batches) for key, so_far in trainings.items()]


class Step:
    """One fit and its evaluations on later batches, made only where the ledger does not know them."""

    def __init__(self, trained: int, fit: Callable[[int], Fitted], ledger: Ledger) -> None:
        self.trained, self.fit, self.ledger = trained, fit, ledger
        self.met: dict[tuple[int, int], Evaluation] = dict(ledger.met)
        self._fitted: Fitted | None = None
        self._new: list[Evaluation] = []

    def meet(self, batch: int) -> Evaluation:
        """Return the evaluation on a later batch."""
        key = (self.trained, batch)
        if key not in self.met:
            self._fitted = self._fitted or self.fit(self.trained)
            self.met[key] = self._fitted.meet(batch)
            self._new.append(self.met[key])
        return self.met[key]

    def finish(self) -> None:
        """Keep what was new."""
        if self._fitted:
            self.ledger.add(self.trained, self._fitted.seconds, self._new)


def _make_run(policy: Policy, start: int, waited: int, trainings: Sequence[int], batches: int) -> PolicyRun:
    served = {
        batch: max(trained for trained in trainings if trained < batch) for batch in range(start + 1, batches + 1)
    }
    return PolicyRun(policy, start, waited, served, tuple(trainings[1:]))
