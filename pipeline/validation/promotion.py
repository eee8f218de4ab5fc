"""Who stays active in the next generation, who its champions are, and why."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pointsman.common.errors import DataError
from pointsman.meta.decayed import compute_decayed_records, compute_part_losses
from pointsman.meta.past import PredictionHistory, stack_records
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.training.portfolio import TRIED, name_limit
from pointsman.pipeline.validation.champions import Judge, Judged, compare_newest
from pointsman.registry.budget import exclude_lines
from pointsman.registry.contender import FALLBACK_FAMILY, Contender, Origin
from pointsman.registry.ensembles import average_weights, find_idle
from pointsman.registry.generations import Event, Generation
from pointsman.registry.update_run import UpdateRun

log = logging.getLogger(__name__)

LEAST_ACTIVE = 10
"""Models that stay although they have no weight: after a change of regime others are needed than before it."""

ALIKE = 0.003
"""Mean difference of answers below which two models count as one: doubles leave nothing to choose from."""


@dataclass(frozen=True)
class Promotion:
    """Which contenders stay, the champions, the comparisons behind that, who retires and who may not serve."""

    champion: Contender
    robust_champion: Contender
    active: tuple[Contender, ...]
    judged: tuple[Judged, ...]
    retired: tuple[Event, ...]
    reason: str
    excluded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PromotionRules:
    """What decides beside the records. Models are named by line, candidates by key.

    champion_line, robust_champion_line: the champions so far, for clean and for damaged input
    half_life:  batches after which a record counts half; ``confidence`` is the one-sided confidence of a difference
    max_active: models that stay; ``limit`` says where that number comes from
    pinned:     the model that serves by a person's decision
    excluded:   by model, why it may not be champion
    portfolio:  candidates that stay until their record holds ``tried`` batches
    baselines:  candidates that always stay
    idle:       models that no ensemble gave weight for long; ``weights`` are the newest ones
    """

    half_life: float
    confidence: float
    max_active: int
    champion_line: str | None = None
    robust_champion_line: str | None = None
    pinned: str | None = None
    excluded: Mapping[str, str] = field(default_factory=dict)
    portfolio: Collection[str] = ()
    baselines: Collection[str] = ()
    idle: Collection[str] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    tried: float = np.inf
    limit: str = "promotion.max_active"


@dataclass(frozen=True)
class Places:
    """Who may stay, and in which order, as positions among the contenders.

    always:  those with a place whatever their records say
    ranked:  those that get what is left, in this order; ``best`` of them always gets a place
    cooling: those on cooldown, which stay only where few others do
    """

    always: list[int]
    ranked: list[int]
    best: int
    cooling: set[int]


def promote(contenders: Sequence[Contender], past: PredictionHistory, rules: PromotionRules) -> Promotion:
    """Return who stays active and who is champion, by the records of all contenders, in the order of ``past.lines``.

    The champions have the lowest decayed loss on clean batches and on damaged copies of them; the present ones stay
    unless a contender is better by more than noise. Champions, baselines, the fallback, the pinned model and portfolio
    candidates on trial stay, even beyond ``max_active``. The other places go to those with most weight in the newest
    ensembles, then to the best records on clean or on damaged input. One that answers as a model that stays does gets
    no place, and, unless it is of the portfolio, neither does one that is no better than the fallback. The best record
    on clean input always has a place. Idle models are put on cooldown where LEAST_ACTIVE others stay.
    """
    parts = compute_part_losses(past)
    clean, damaged = (compute_decayed_records(parts, of_clean, rules.half_life) for of_clean in (True, False))
    judge = Judge(contenders, past, rules.excluded, rules.half_life, rules.confidence)
    champion, reason = judge.choose(clean, past.clean, rules.champion_line)
    robust_champion, _ = judge.choose(damaged, ~past.clean, rules.robust_champion_line)
    order = rank(clean, damaged if not past.clean.all() else clean)
    places = find_places(contenders, past, rules, (champion, robust_champion), order, clean)
    kept, doubles = give_places(contenders, past, rules, places, clean)
    active = tuple(one for position, one in enumerate(contenders) if position in kept)
    retired = tuple(
        Event(one.parent.id, "retired", say_why(position, contenders, rules, places, doubles))
        for position, one in enumerate(contenders)
        if one.parent and position not in kept
    )
    incumbent = next((one for one in contenders if one.line == rules.champion_line), champion)
    judged = compare_newest(contenders, past, incumbent, rules.confidence)
    return Promotion(champion, robust_champion, active, judged, retired, reason, rules.excluded)


def find_places(
    contenders: Sequence[Contender],
    past: PredictionHistory,
    rules: PromotionRules,
    champions: Collection[Contender],
    order: Sequence[int],
    clean: np.ndarray,
) -> Places:
    """Return who surely has a place and who may have one; ``order`` ranks by records, ``clean`` are decayed losses."""
    needed = {
        position
        for position, one in enumerate(contenders)
        if one in champions
        or one.candidate.key in rules.baselines
        or one.line == rules.pinned
        or (one.candidate.family == FALLBACK_FAMILY and one.candidate.window is None)
    }
    idle = {position for position, one in enumerate(contenders) if one.line in rules.idle}
    # The best record is never put on cooldown, whatever ensembles make of it.
    cooling = idle - needed - {order[0]}
    batches = [len(np.unique(past.batch[past.known[:, position]])) for position in range(len(contenders))]
    # A recalled model does not learn: it is not the portfolio's candidate, though its key may be that of one.
    on_trial = {
        position
        for position, one in enumerate(contenders)
        if one.candidate.key in rules.portfolio and not one.is_recalled and batches[position] < rules.tried
    }
    always = needed | (on_trial - cooling)
    fallbacks = [clean[position] for position, one in enumerate(contenders) if one.candidate.family == FALLBACK_FAMILY]
    bar = min(fallbacks, default=np.inf)
    # Both sorts are stable: among equal weights the record decides, and who rests comes last.
    by_weight = sorted(order, key=lambda position: -rules.weights.get(contenders[position].line, 0.0))
    ranked = sorted((one for one in by_weight if one not in always), key=lambda position: position in cooling)
    may = [one for one in ranked if clean[one] < bar or contenders[one].candidate.key in rules.portfolio]
    return Places(sorted(always), may, order[0], cooling)


def give_places(
    contenders: Sequence[Contender], past: PredictionHistory, rules: PromotionRules, places: Places, clean: np.ndarray
) -> tuple[set[int], dict[int, str]]:
    """Return who stays and, by contender left out as a double, the one that answers alike and stays."""
    kept, doubles = list(places.always), {}
    for place, position in enumerate(places.ranked):
        twin = find_twin(past, position, kept)
        cooling = position in places.cooling
        most = min(LEAST_ACTIVE, rules.max_active) if cooling else rules.max_active
        if twin is not None:
            is_better = clean[twin] <= clean[position]
            whose = "whose record is better" if is_better else "which stays by its weight in ensembles or its role"
            doubles[position] = f"it answers as {contenders[twin].name} does, {whose}"
        elif len(kept) + (places.best in places.ranked[place + 1 :]) < most:  # the best record is sure of a place
            kept.append(position)
    return set(kept), doubles


def say_why(
    position: int, contenders: Sequence[Contender], rules: PromotionRules, places: Places, doubles: Mapping[int, str]
) -> str:
    """Return why a contender retires."""
    if position in places.cooling:
        return "no ensemble gave it weight for long, so it rests"
    if position in doubles:
        return doubles[position]
    if position not in places.ranked:
        return "its record was worse than the fallback's"
    told = f"all {rules.max_active} places of active models were taken ({rules.limit})"
    if weight := rules.weights.get(contenders[position].line):
        return f"{told}: those that stay had more weight in ensembles than its {weight:.2g}"
    return (
        f"{told}: no ensemble gave it weight of late, and of such lines only those with better records, on trial, "
        "champions or baselines stay"
    )


def rank(clean: np.ndarray, damaged: np.ndarray) -> list[int]:
    """Return the positions of models by their better rank among losses (n_lines,) on clean and on damaged input.

    What is best where cells are missing is seldom best where none is, and would get no place by the mean of both.

    >>> rank(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.9, 0.8, 0.7, 0.1]))
    [0, 3, 1, 2]
    """
    places = np.minimum(*[np.argsort(np.argsort(losses, kind="stable")) for losses in (clean, damaged)])
    return np.lexsort((clean, places)).tolist()


def find_twin(past: PredictionHistory, line: int, others: Sequence[int]) -> int | None:
    """Return the first of ``others`` (positions) that answers the newest clean rows as ``line`` does.

    Two models are alike where their answers differ by less than ALIKE on average: in probability, or in standard
    deviations of the target.
    """
    rows = (past.part == 0) & (past.age == 0)
    outputs = past.outputs[rows] / np.sqrt(past.scale)
    for other in others:
        if len(outputs) and np.abs(outputs[:, line] - outputs[:, other]).mean() < ALIKE:
            return other
    return None


IDLE = 5
"""Generations without weight in any ensemble after which a model is put on cooldown: ten to twelve are as good as
twenty, and every one beyond is fitted, evaluated and stored at each update for nothing."""


def list_incumbents(before: Generation, record: OutOfSamplePredictions) -> list[Contender]:
    """Return the active models that have a record of the newest batch."""
    batch = record.rows.batch
    return [
        Contender(version.id, Origin.KEPT, version.candidate, version, {batch: record.predicted[version.line]})
        for version in before.versions
        if version.line in record.predicted
    ]


def decide_promotion(
    run: UpdateRun,
    contenders: Sequence[Contender],
    records: Sequence[OutOfSamplePredictions],
    portfolio: Sequence[Candidate],
    room: int,
    baselines: Collection[str] = (),
    history: Sequence[Mapping[str, float]] = (),
) -> Promotion:
    """Return who stays active, ``room`` models at most, and who the champions are, by records and weights.

    ``history`` holds each model's weights in ensembles, the newest generation first: by them models are preferred or
    put on cooldown; ``baselines`` (keys of candidates) never are.
    """
    if not contenders:
        raise DataError("No model could be fitted on this batch; the log names every failure, so fix the data first.")
    config, before, lines = run.config, run.before, [contender.line for contender in contenders]
    rules = PromotionRules(
        half_life=config.selection.half_life,
        confidence=config.promotion.confidence,
        max_active=room,
        champion_line=before.champion.line if before.champion else None,
        robust_champion_line=before.robust_champion.line if before.robust_champion else None,
        pinned=before.pinned,
        excluded=exclude_lines(config.promotion.budget, lines, before.versions),
        portfolio={candidate.key for candidate in portfolio},
        baselines=baselines,
        idle=find_idle(history, IDLE),
        weights=average_weights(history),
        tried=TRIED,
        limit=name_limit(config.promotion.max_active, room),
    )
    promotion = promote(contenders, stack_records(records, lines), rules)
    log.info("champion %s: %s", promotion.champion.name, promotion.reason)
    return promotion
