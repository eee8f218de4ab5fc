"""Verdicts: which tests of a batch are alarms, so that stable batches raise as few as the configuration allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pointsman.pipeline.drift.chance import share_chance
from pointsman.pipeline.drift.concept import Deviation, learn_expectation
from pointsman.pipeline.drift.novelty import Novelty, Test, learn_usual

UNSETTLED = 1
"""Newest batches that are not a yardstick yet: a change that began in them would hide itself."""


class Drift(StrEnum):
    """What has changed: the inputs, or the target given the inputs."""

    DATA = "data"
    CONCEPT = "concept"


@dataclass(frozen=True)
class DriftTest:
    """One test of a batch.

    column:  the input, '' for all of them together; of a concept test the class, '' for all
    aspect:  what of it was looked at
    part:    so many newest batches together, the number of a reference model, or the row from which a detector saw a
             change
    score:   how new it is, or how far the relation deviates; ``error`` is the standard error of a deviation
    p_value: how probable this is in a stable batch; None where too little is known to judge
    kept:    what later batches are held against: the score, cut where it was an alarm; None where it tells nothing
    """

    drift: Drift
    column: str
    aspect: str
    part: int
    score: float
    error: float
    p_value: float | None
    alarm: bool
    kept: float | None


@dataclass(frozen=True)
class DriftAlarm:
    """What has drifted, in which aspects, how probable that is in a stable batch, and the damage done.

    ``column`` is '' for all inputs together, and for concept drift of all classes.
    """

    drift: Drift
    column: str
    aspects: tuple[str, ...]
    p_value: float
    damage: float | None
    since: dict[str, str]


def judge_novelty(
    scores: Mapping[Test, Novelty], past: Mapping[Test, Sequence[float]], false_alarms: float, learned: bool = True
) -> list[DriftTest]:
    """Return a data drift test for each score; ``past`` holds what earlier batches kept, oldest first.

    Unless the batch before was ``learned``, an alarm is kept out of the past: as long as models do not learn what is
    new, it must not become usual.
    """
    usual = learn_usual({test: kept[:-UNSETTLED] for test, kept in past.items()})
    chance = share_chance(false_alarms, len(scores))
    judged = []
    for test, novelty in scores.items():
        known = usual.get(test)
        p_value = known.compute_p_value(novelty) if known else None
        alarm = p_value is not None and p_value < chance
        kept: float | None = novelty.score
        if alarm and known:
            kept = min(novelty.score, known.find_limit(chance)) if learned else None
        judged.append(
            DriftTest(Drift.DATA, test.column, test.aspect.value, test.span, novelty.score, 0.0, p_value, alarm, kept)
        )
    return judged


def judge_relation(
    deviations: Sequence[tuple[int, Deviation]],
    past: Mapping[tuple[str, str], Sequence[tuple[float, float]]],
    false_alarms: float,
    settled: bool,
) -> list[DriftTest]:
    """Return a concept drift test for each reference model and deviation.

    ``past`` holds by relation and class the deviations and errors of earlier stable batches, oldest first, of all
    reference models. A batch keeps nothing where it raises an alarm, or unless the batches it was compared with were
    stable themselves (``settled``).
    """
    chance = share_chance(false_alarms, len(deviations))
    expected = {key: learn_expectation(known) for key, known in past.items()}
    p_values = [
        known.compute_p_value(one) if (known := expected.get((one.relation.value, one.label))) else None
        for _, one in deviations
    ]
    stable = settled and not any(p_value is not None and p_value < chance for p_value in p_values)
    return [
        DriftTest(
            Drift.CONCEPT,
            one.label,
            one.relation.value,
            reference_model,
            one.estimate,
            one.error,
            p_value,
            p_value is not None and p_value < chance,
            one.estimate if stable else None,
        )
        for (reference_model, one), p_value in zip(deviations, p_values, strict=True)
    ]
