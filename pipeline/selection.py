"""Selection: the selector, fitted on everything that is known about the active lines."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from common.config import Config
from meta.grades import CLEAN_GROUP, DAMAGED_GROUP, Grade
from meta.grading import answer_record
from meta.hard_choice import Margins, tune_margin
from meta.profile import Profile
from meta.records import Record
from meta.selector import Selector, fit_selector
from meta.store import PLAN_LINE
from meta.trust import judge_grades
from pipeline.enrolment import (
    TUNING_BATCHES,
    tune,
)
from registry.budget import bar_lines
from registry.contender import FALLBACK_FAMILY
from registry.generations import Alias, Event, Generation
from registry.versions import Version

log = logging.getLogger(__name__)


def learn_selector(
    config: Config,
    generation: Generation,
    records: Sequence[Record],
    grades: Sequence[Grade],
    plan_outputs: np.ndarray | None,
    stored: Sequence[Version],
) -> Selector:
    """Fit the selector on everything that is known about the active lines and tune its threshold.

    ``stored`` are the versions of before, by which lines beyond the budget are left out.
    """
    assert generation.schema is not None
    settings, task = config.selection, generation.schema.task
    active = [version.line for version in generation.versions]
    barred = bar_lines(config.promotion.budget, active, stored)
    lines = [line for line in active if line not in barred]
    shares = {version.id: version.line for version in generation.versions}
    blends = {
        blend.line: np.array([dict(_by_line(blend, shares)).get(line, 0.0) for line in lines])
        for blend in generation.blends
    }
    if barred:
        blends = {line: weights / weights.sum() for line, weights in blends.items() if weights.sum() > 0}
    trust = judge_grades(grades, settings.half_life, settings.confidence, root=not task.is_classification)
    margins = Margins(*[tune_group(grades, group, settings.half_life) for group in (CLEAN_GROUP, DAMAGED_GROUP)])
    guarded = [one.line for one in generation.versions
               if one.line in lines and (one.guarded or one.family == FALLBACK_FAMILY)]  # fmt: skip
    selector = fit_selector(records, lines, blends, settings, config.seed, trust, margins, guarded)
    answered = [record for record in records[-TUNING_BATCHES:] if PLAN_LINE in record.predicted]
    outputs = [record.predicted[PLAN_LINE] for record in answered]
    if plan_outputs is not None:
        answered, outputs = [*answered, records[-1]], [*outputs, plan_outputs]
    if not answered:
        answered, outputs = [records[-1]], [answer_record(selector, records[-1])]
    target = np.concatenate([record.rows.target[record.rows.clean] for record in answered])
    clean = [known[record.rows.clean] for record, known in zip(answered, outputs, strict=True)]
    threshold = tune(config, task, target, np.concatenate(clean))
    return replace(selector, threshold=threshold.least, untuned=threshold.untuned)


def tell_untuned(config: Config, generation: Generation, selector: Selector) -> None:
    """Warn where the threshold of what serves (the plan, or the champion or a pinned line alone) was not tuned."""
    alone = [one for one in generation.versions if one is generation.champion or one.line == generation.pinned]
    serving = [("the plan", selector.threshold, selector.untuned)]
    serving += [(one.id, one.threshold, one.untuned) for one in alone]
    untuned = [one for one in serving if one[2]]
    if not untuned:
        return
    decision, (_, threshold, why) = config.training.decision, untuned[0]
    by_cost = "it follows from training.costs alone" if decision == "cost" else (
        "it can be stated by what wrong answers cost: training.decision=cost with training.costs"
    )  # fmt: skip
    log.warning(
        "training.decision=%s has not tuned the threshold of %s, whose answers are positive from a probability of %.4g "
        "on: %s; %s", decision, " and ".join(name for name, *_ in untuned), threshold, why, by_cost,
    )  # fmt: skip


def name_aliases(generation: Generation, selector: Selector, profile: Profile, mode: str) -> dict[Alias, str]:
    """Return the version that each alias stands for.

    Production leads the answers to requests like those of ``profile``, unless a person chose what serves.
    """
    ids = {version.line: version.id for version in generation.versions}
    assert generation.champion is not None
    others = [line for line in selector.ranking if line in ids and line != generation.champion.line]
    leading = generation.pinned or selector.plan(profile, mode).leading
    named = {Alias.CHAMPION: generation.champion.id, Alias.PRODUCTION: ids[leading]}
    return named | ({Alias.CHALLENGER: ids[others[0]]} if others else {})


def list_changes(before: Generation, after: Generation) -> list[Event]:
    """Return an event for every alias whose line is another now; promotion tells of the champion itself."""
    lines = {version.id: version.line for one in (before, after) for version in one.versions}
    reasons = {
        Alias.CHALLENGER: "the next best record on clean batches, of another line than the champion's",
        Alias.PRODUCTION: "it leads the answers to requests like the newest batch",
    }
    return [
        Event(after.aliases[alias], alias.value, reason)
        for alias, reason in reasons.items()
        if alias in after.aliases and lines.get(before.aliases.get(alias, "")) != lines[after.aliases[alias]]
    ]


def tune_group(grades: Sequence[Grade], group: str, half_life: float) -> float:
    """Return the margin of the hard chooser that paid off on a group of input."""
    graded = [grade for grade in grades if grade.group == group]
    newest = max((grade.batch for grade in graded), default=0)
    return tune_margin([one.margins for one in graded], np.array([newest - one.batch for one in graded]), half_life)


def _by_line(blend: Version, lines: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for version, share in blend.params["weights"].items():
        yield lines[version], share
