"""Who is active in the next generation, who is its champion, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.validation.comparison import Comparison, Outcome, compare_losses
from registry.contender import FALLBACK_FAMILY, Contender, Origin
from registry.generations import Event


@dataclass(frozen=True)
class Judged:
    """A comparison and whom it is between."""

    contender: str
    incumbent: str
    comparison: Comparison


@dataclass(frozen=True)
class Promotion:
    """The outcome: who goes on, who is champion, what was compared and what happened to whom."""

    champion: Contender
    active: tuple[Contender, ...]
    judged: tuple[Judged, ...]
    retired: tuple[Event, ...]
    reason: str


def promote(
    kept: Sequence[Contender],
    refreshed: Sequence[Contender],
    newcomers: Sequence[Contender],
    champion_line: str | None,
    records: Mapping[str, float],
    confidence: float,
    max_active: int,
) -> Promotion:
    """Decide the next generation from the losses on the same holdout rows.

    A line goes on with its refreshed model unless that is worse than the kept one beyond the interval, since fresher
    is better until shown otherwise. The champion's line stays champion unless another contender is better beyond the
    interval; the best of those replaces it. ``records`` are decayed mean losses of lines relative to the champion's on
    earlier batches; they decide, with the holdout, who leaves when more than ``max_active`` remain.
    """
    judged: list[Judged] = []
    runners = [_choose_runner(old, new, confidence, judged) for old, new in zip(kept, refreshed, strict=True)]
    known = {(runner.model.candidate.key) for runner in runners}
    newcomers = [new for new in newcomers if new.model.candidate.key not in known]
    field = [*runners, *newcomers]
    incumbent = next((runner for runner in runners if runner.line == champion_line), None)
    if incumbent is None:
        champion = min(field, key=lambda contender: contender.loss)
        reason = "lowest loss on the first holdout"
    else:
        champion, reason = _challenge(incumbent, field, confidence, judged)
    active = _prune(field, champion, records, max_active)
    stays = {contender.line for contender in active}
    retired = tuple(
        Event(runner.parent.id, "retired", f"its line ranked below the best {max_active} (promotion.max_active)")
        for runner in runners
        if runner.line not in stays and runner.parent is not None
    )
    return Promotion(champion, tuple(active), tuple(judged), retired, reason)


def _choose_runner(old: Contender, new: Contender, confidence: float, judged: list[Judged]) -> Contender:
    comparison = compare_losses(new.losses, old.losses, confidence)
    judged.append(Judged(new.name, old.name, comparison))
    return old if comparison.outcome is Outcome.WORSE else new


def _challenge(
    incumbent: Contender, field: Sequence[Contender], confidence: float, judged: list[Judged]
) -> tuple[Contender, str]:
    best, reason = incumbent, "no contender was better beyond the interval"
    for contender in field:
        if contender is incumbent:
            continue
        comparison = compare_losses(contender.losses, incumbent.losses, confidence)
        judged.append(Judged(contender.name, incumbent.name, comparison))
        if comparison.outcome is Outcome.BETTER and contender.loss < best.loss:
            best = contender
            reason = (
                f"mean loss lower by {-comparison.difference:.4g} on {comparison.rows} later rows "
                f"(interval {-comparison.upper:.4g} to {-comparison.lower:.4g})"
            )
    return best, reason


def _prune(
    field: Sequence[Contender], champion: Contender, records: Mapping[str, float], max_active: int
) -> list[Contender]:
    """Keep the champion, the fallback and the lines with the best record; newcomers worse than the prior stay out."""
    fallback = next((one for one in field if one.model.candidate.family == FALLBACK_FAMILY), None)
    bar = fallback.loss if fallback else np.inf

    def rank(contender: Contender) -> float:
        today = contender.loss - champion.loss
        return (today + records.get(contender.line, today)) / 2

    always = dict.fromkeys(one for one in (champion, fallback) if one is not None)
    others = [one for one in field if one not in always and (one.origin is not Origin.SEARCH or one.loss < bar)]
    chosen = {*always, *sorted(others, key=rank)[: max_active - len(always)]}
    return [one for one in field if one in chosen]
