"""Who is active in the next generation, who its champions are, and why.

A champion changes only for one that is surely better: two lines whose losses differ by less than noise would otherwise
take the title from each other for ever, and every change costs whoever serves, reads reports or explains answers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from common.comparison import Comparison, compare_losses
from common.text import count
from meta.decayed import compute_decayed_records, compute_part_losses
from meta.past import Past
from registry.contender import FALLBACK_FAMILY, Contender
from registry.generations import Event

LEAST_ACTIVE = 10
"""Lines that stay although they have no weight: after a change of regime others are needed than before it."""
MIN_SPREAD = 3
"""Batches on which two lines met before what differs between them says how far chance reaches."""

ALIKE = 0.003
"""Mean difference of answers below which two lines are one: a registry of doubles leaves nothing to choose from."""


@dataclass(frozen=True)
class Judged:
    """A comparison and whom it is between."""

    contender: str
    incumbent: str
    comparison: Comparison


@dataclass(frozen=True)
class Promotion:
    """The outcome: who goes on, who the champions are, what was compared, who retires and who may not serve."""

    champion: Contender
    damaged_champion: Contender
    active: tuple[Contender, ...]
    judged: tuple[Judged, ...]
    retired: tuple[Event, ...]
    reason: str
    barred: Mapping[str, str] = field(default_factory=dict)


def promote(
    contenders: Sequence[Contender],
    past: Past,
    standing: Collection[str],
    champion_line: str | None,
    half_life: float,
    confidence: float,
    max_active: int,
    pinned: str | None = None,
    barred: Mapping[str, str] | None = None,
    damaged_line: str | None = None,
    baselines: Collection[str] = (),
    idle: Collection[str] = (),
    weights: Mapping[str, float] | None = None,
    tried: float = np.inf,
    limit: str = "promotion.max_active",
) -> Promotion:
    """Decide the next generation from the records of all contenders, whose lines are those of ``past`` in order.

    The champions have the lowest decayed loss on clean batches and on damaged copies of them; those of before,
    ``champion_line`` and ``damaged_line``, stay unless that is lower by more than noise. The
    ``baselines`` (by key) stay, and so do the fallback, the ``pinned`` line, which serves by a person's decision, and a
    ``standing`` one (by key) until its record holds ``tried`` batches, even beyond ``max_active``. Of the others those
    stay, as far as ``max_active`` allows, that had most weight in ensembles of late (``weights`` by line), then those
    with the best records, on clean or on damaged input, as long as they do not answer as one that stays does and,
    unless they are standing ones, are better than the fallback; the best record on clean input always has a place.
    Lines that are ``idle`` rest where LEAST_ACTIVE others stay. A line that is ``barred``, with a reason, is no
    champion. ``limit`` says where ``max_active`` comes from.
    """
    parts = compute_part_losses(past)
    clean, damaged = (compute_decayed_records(parts, of_clean, half_life) for of_clean in (True, False))
    barred = barred or {}
    judge = Judge(contenders, past, barred, half_life, confidence)
    champion, reason = judge.choose(clean, past.clean, champion_line)
    damaged_champion, _ = judge.choose(damaged, ~past.clean, damaged_line)
    needed = {
        one.line for one in contenders
        if one in (champion, damaged_champion) or one.candidate.key in baselines or one.line == pinned
        or (one.candidate.family == FALLBACK_FAMILY and one.candidate.window is None)
    }  # fmt: skip
    order = rank(clean, damaged if not past.clean.all() else clean)
    best = order[0]
    resting = set(idle) - needed - {contenders[best].line}
    batches = {one.line: len(np.unique(past.batch[past.known[:, place]])) for place, one in enumerate(contenders)}
    always = needed | {
        one.line for one in contenders
        if one.candidate.key in standing and not one.is_recalled and batches[one.line] < tried
    } - resting  # fmt: skip
    bar = min((loss for one, loss in zip(contenders, clean, strict=True) if one.candidate.family == FALLBACK_FAMILY),
              default=np.inf)  # fmt: skip
    served = weights or {}
    order.sort(key=lambda position: -served.get(contenders[position].line, 0.0))  # stable: the rank decides ties
    ranked = sorted((position for position in order if contenders[position].line not in always),
                    key=lambda position: contenders[position].line in resting)  # fmt: skip
    better = [
        position for position in ranked if clean[position] < bar or contenders[position].candidate.key in standing
    ]
    kept = [position for position, one in enumerate(contenders) if one.line in always]
    doubles: dict[str, str] = {}
    for place, position in enumerate(better):
        twin = find_twin(past, position, kept)
        most = min(LEAST_ACTIVE, max_active) if contenders[position].line in resting else max_active
        if twin is not None:
            is_better = clean[twin] <= clean[position]
            whose = "whose record is better" if is_better else "which stays by its weight in ensembles or its role"
            doubles[contenders[position].line] = f"it answers as {contenders[twin].name} does, {whose}"
        elif len(kept) + (best in better[place + 1 :]) < most:  # the best record is sure of a place
            kept.append(position)
    stays = {contenders[position].line for position in kept}
    active = tuple(one for one in contenders if one.line in stays)
    others = {contenders[position].line for position in better}
    told = f"of {max_active} lines ({limit})"
    retired = tuple(
        Event(one.parent.id, "retired", _say_why(one.line, doubles, others, resting, served, told))
        for one in contenders if one.parent and one.line not in stays
    )  # fmt: skip
    incumbent = next((one for one in contenders if one.line == champion_line), champion)
    judged = compare_newest(contenders, past, incumbent, confidence)
    return Promotion(champion, damaged_champion, active, judged, retired, reason, barred)


@dataclass(frozen=True)
class Judge:
    """Says who is champion, by the records of contenders whose lines are those of ``past`` in order.

    barred: why a line may not serve, by line; half_life: batches; confidence: one-sided, of what lies beyond noise
    """

    contenders: Sequence[Contender]
    past: Past
    barred: Mapping[str, str]
    half_life: float
    confidence: float

    def choose(self, losses: np.ndarray, rows: np.ndarray, line: str | None) -> tuple[Contender, str]:
        """Return the champion by decayed losses (n_lines,) on some rows of the past (n_rows,) bool, and why it is.

        The champion of before is that of ``line``, where it still is a contender.
        """
        away = np.array([np.inf if one.line in self.barred else 0.0 for one in self.contenders])
        best = int(np.argmin(losses + away))
        counted = rows if rows.any() else np.ones(len(self.past), dtype=bool)
        batches = len(np.unique(self.past.batch[counted & self.past.known[:, best]]))
        labelled = count(batches, "labelled batch", "labelled batches")
        reason = f"lowest decayed loss on {labelled} in its record, {losses[best]:.4g}"
        if losses[best] > losses.min():
            reason += " among those within promotion.budget"
        held = next((position for position, one in enumerate(self.contenders) if one.line == line), best)
        incumbent = self.contenders[held]
        if held == best:
            return incumbent, reason
        if incumbent.line in self.barred:
            return self.contenders[best], f"{reason}; {incumbent.name} may not serve: {self.barred[incumbent.line]}"
        lead = losses[held] - losses[best]
        if not is_surely_better(self.past.take(rows), best, held, self.half_life, self.confidence):
            contender = self.contenders[best].name
            told = f"a tie: the {lead:.4g} less loss of {contender} is within noise, so {incumbent.name} stays"
            return incumbent, told
        return self.contenders[best], f"{reason}, {lead:.4g} below that of {incumbent.name}, which is beyond noise"


def is_surely_better(past: Past, contender: int, incumbent: int, half_life: float, confidence: float) -> bool:
    """Return whether a contender's row losses are lower than the incumbent's by more than noise.

    Both are positions of lines. Their paired differences are averaged by batch, newer batches counting more; noise is
    the larger of what rows within batches and what differences between batches let expect.
    """
    from scipy.stats import norm

    both = past.take(past.known[:, contender] & past.known[:, incumbent])
    batches = np.unique(both.batch)
    if not len(batches):
        return False
    pairs = [both.losses[both.batch == batch] for batch in batches]
    compared = [compare_losses(losses[:, contender], losses[:, incumbent], confidence) for losses in pairs]
    weights = 0.5 ** ((batches.max() - batches) / half_life)
    differences = np.array([one.difference for one in compared])
    difference = float(np.average(differences, weights=weights))
    within = np.array([one.error for one in compared])
    between = np.abs(differences - difference) if len(batches) >= MIN_SPREAD else np.zeros(len(batches))
    # Batches differ by more than their rows do: whichever noise is larger decides what lies beyond it.
    error = max(float(np.sqrt(np.sum((weights * noise) ** 2)) / weights.sum()) for noise in (within, between))
    return difference + float(norm.ppf(confidence)) * error < 0


def rank(clean: np.ndarray, damaged: np.ndarray) -> list[int]:
    """Return the positions of lines by their better rank among losses (n_lines,) on clean and on damaged input.

    What is best where cells are missing is seldom best where none is, and would otherwise have no place.

    >>> rank(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.9, 0.8, 0.7, 0.1]))
    [0, 3, 1, 2]
    """
    places = np.minimum(*[np.argsort(np.argsort(losses, kind="stable")) for losses in (clean, damaged)])
    return np.lexsort((clean, places)).tolist()


def _say_why(
    line: str,
    doubles: Mapping[str, str],
    others: Collection[str],
    resting: Collection[str],
    served: Mapping[str, float],
    limit: str,
) -> str:
    """Return why a line retires: ``doubles`` says it of lines that answer as another does, ``limit`` how many stay."""
    if line in resting:
        return "no ensemble gave it weight for long, so it rests"
    if line in doubles:
        return doubles[line]
    if line not in others:
        return "its record was worse than the fallback's"
    if served.get(line):
        own = f"{served[line]:.2g}"
        return f"there was no place for it {limit}: those that stay had more weight in ensembles than its {own}"
    return (
        f"there was no place for it {limit}: no ensemble gave it weight of late, and of such lines only those with "
        "better records, on trial, champions or baselines stay"
    )


def find_twin(past: Past, line: int, others: Sequence[int]) -> int | None:
    """Return the first of ``others`` (positions of lines) that answers the newest clean rows as ``line`` does.

    Two lines are alike where their answers differ by less than ALIKE on average: in probability, or in standard
    deviations of the target.
    """
    rows = (past.part == 0) & (past.age == 0)
    outputs = past.outputs[rows] / np.sqrt(past.scale)
    for other in others:
        if len(outputs) and np.abs(outputs[:, line] - outputs[:, other]).mean() < ALIKE:
            return other
    return None


def compare_newest(
    contenders: Sequence[Contender], past: Past, incumbent: Contender, confidence: float
) -> tuple[Judged, ...]:
    """Return how every contender compared with the incumbent on the newest rows that both predicted, in time order.

    They are those of the newest batch and served ones whose labels came with it.
    """
    newest = past.take(past.clean & (past.batch == past.batch.max()))
    losses = newest.losses * past.scale
    base = list(contenders).index(incumbent)
    judged = []
    for position, one in enumerate(contenders):
        both = newest.known[:, position] & newest.known[:, base]
        if one is not incumbent and both.any():
            compared = compare_losses(losses[both, position], losses[both, base], confidence)
            judged.append(Judged(one.name, incumbent.name, compared))
    return tuple(judged)
