"""Which policy of retraining to take: loss against cost, and what such advice was worth when it was given before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from pointsman.pipeline.retraining.policies import ALWAYS, Policy
from pointsman.pipeline.retraining.simulation import Met, PolicyRun

TOLERANCE = 0.01
"""Share of the best policy's loss that may be given up for the whole cost of its trainings; for half of it, half."""


@dataclass(frozen=True)
class PolicyOutcome:
    """A policy on some batches; one that counts batches is the mean of its runs.

    loss:        mean row loss, for numbers its root
    worse:       its loss less that of training always as a share of that, with an interval from lower to upper
    worst_third: the same on that third of the batches where it is largest
    seconds:     what its trainings took; the first one, which all policies share, is left out, as in ``trainings``
    """

    policy: Policy
    loss: float
    worse: float
    lower: float
    upper: float
    worst_third: float
    seconds: float
    trainings: float


@dataclass(frozen=True)
class Advice:
    """What was recommended at a batch, and what came of it on the batches after.

    lost: the recommended policy's loss less that of the best in hindsight as a share of that
    """

    given_at: int
    recommended: Policy
    best: Policy
    lost: float
    trainings: float
    trainings_always: float


@dataclass(frozen=True)
class Backtest:
    """What came out: ``replayed`` says of what, in words; ``advice`` what the middle of the stream's was worth."""

    replayed: dict[str, Any]
    outcomes: tuple[PolicyOutcome, ...]
    recommended: Policy
    advice: Advice | None


@dataclass(frozen=True)
class PolicyEvidence:
    """What outcomes are computed from.

    seconds:    what each fit took; ``met``: what each lost on the batches it met
    confidence: one-sided, of intervals
    root:       whether the root of the mean loss is what counts, as for numbers
    """

    seconds: Mapping[int, float]
    met: Met
    confidence: float
    root: bool

    def share(self, more: float, loss: float) -> float:
        """Return what ``more`` loss is as a share of a loss."""
        share = more / max(loss, 1e-12)
        return float(np.sqrt(max(0.0, 1 + share)) - 1 if self.root else share)


def compute_outcomes(policy_runs: Sequence[PolicyRun], evidence: PolicyEvidence) -> list[PolicyOutcome]:
    """Return the outcome of each policy on the batches that all runs share, compared with training always."""
    grouped: dict[Policy, list[PolicyRun]] = {}
    for policy_run in policy_runs:
        grouped.setdefault(policy_run.policy, []).append(policy_run)
    # All runs cover the same batches in the same blocks, so the first one tells weights and batches of all.
    first = [evidence.met[trained, batch] for batch, trained in policy_runs[0].served.items()]
    weights = np.concatenate([evaluation.weights for evaluation in first])
    weights = weights / weights.sum()
    batches = np.repeat([evaluation.batch for evaluation in first], [len(evaluation.losses) for evaluation in first])
    losses = {policy: _average_losses(own, evidence.met) for policy, own in grouped.items()}
    always = losses[ALWAYS]
    scale = float(weights @ always)
    thirds = [np.isin(batches, part) for part in np.array_split(np.unique(batches), 3) if len(part)]
    outcomes = []
    for policy, own in grouped.items():
        more = losses[policy] - always
        mean, half = float(weights @ more), compute_half_width(more, weights, batches, evidence.confidence)
        # The same rows are compared under both policies, so the interval is that of the difference.
        loss = scale + mean
        outcomes.append(
            PolicyOutcome(
                policy=policy,
                loss=float(np.sqrt(loss)) if evidence.root else loss,
                worse=evidence.share(mean, scale),
                lower=evidence.share(mean - half, scale),
                upper=evidence.share(mean + half, scale),
                worst_third=max(
                    evidence.share(float(weights[part] @ more[part]), float(weights[part] @ always[part]))
                    for part in thirds
                ),
                seconds=float(np.mean([sum(evidence.seconds[one] for one in run.trainings) for run in own])),
                trainings=float(np.mean([len(run.trainings) for run in own])),
            )
        )
    return outcomes


def _average_losses(policy_runs: Sequence[PolicyRun], met: Met) -> np.ndarray:
    """Return the block losses (n_blocks,) of one policy, the mean over its runs."""
    return np.mean(
        [
            np.concatenate([met[trained, batch].losses for batch, trained in policy_run.served.items()])
            for policy_run in policy_runs
        ],
        axis=0,
    )


def compute_half_width(differences: np.ndarray, weights: np.ndarray, batches: np.ndarray, confidence: float) -> float:
    """Return half the paired interval of the weighted mean of block differences (n_blocks,).

    Its error is the larger of what blocks and what batches let expect: batches may differ by more than their rows do.
    With a single batch it is infinite.
    """
    numbers = np.unique(batches)
    if len(numbers) < 2:
        return float("inf")
    of_batches = np.array([weights[batches == number].sum() for number in numbers])
    means = np.array(
        [np.average(differences[batches == number], weights=weights[batches == number]) for number in numbers]
    )
    error = max(_compute_error(differences, weights), _compute_error(means, of_batches))
    return float(t.ppf(confidence, len(numbers) - 1)) * error


def recommend(outcomes: Sequence[PolicyOutcome]) -> Policy:
    """Return the policy with the fewest trainings that is surely not much worse than training always.

    What may be given up grows with what is saved: TOLERANCE of the loss for all trainings, a third of it for a third of
    them. The whole interval has to stay within that, and so has the mean of every third of the batches, for a stream
    goes through times that are unlike each other. A model that never learns again cannot notice a change, so 'never' is
    recommended only where it is surely better.
    """
    always = next(one for one in outcomes if one.policy == ALWAYS)

    def is_good_enough(one: PolicyOutcome) -> bool:
        if one.policy.retrain == "never":
            return one.upper < 0
        saved = 1 - one.trainings / always.trainings if always.trainings else 0.0
        return saved > 0 and max(one.upper, one.worst_third) <= TOLERANCE * saved

    enough = [one for one in outcomes if one is always or is_good_enough(one)]
    return min(enough, key=lambda one: (one.trainings, one.worse)).policy


def follow_advice(policy_runs: Sequence[PolicyRun], evidence: PolicyEvidence) -> Advice | None:
    """Return what would have been recommended at the later of two starts, and what came of it; None with one start.

    What is known by then are the runs of the earlier start; after it those of the later start count.
    """
    starts = sorted({policy_run.start for policy_run in policy_runs})
    if len(starts) < 2:
        return None
    given_at = starts[-1]
    early = [policy_run.until(given_at) for policy_run in policy_runs if policy_run.start == starts[0]]
    recommended = recommend(compute_outcomes(early, evidence))
    outcomes = compute_outcomes([policy_run for policy_run in policy_runs if policy_run.start == given_at], evidence)
    best = min(outcomes, key=lambda one: (one.loss, one.trainings))
    taken = next(one for one in outcomes if one.policy == recommended)
    always = next(one for one in outcomes if one.policy == ALWAYS)
    return Advice(given_at, recommended, best.policy, taken.loss / best.loss - 1, taken.trainings, always.trainings)


def _compute_error(differences: np.ndarray, weights: np.ndarray) -> float:
    """Return the standard error of a weighted mean; ``weights`` sum to one."""
    centre = weights @ differences
    count = len(differences)
    return float(np.sqrt(np.square(weights * (differences - centre)).sum() * count / (count - 1)))
