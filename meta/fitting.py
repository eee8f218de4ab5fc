"""Selection: the selector, fitted on everything that is known about the active models, and what serves by it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.meta.ensembles import DAMAGED, TYPICAL
from pointsman.meta.grades import Grade
from pointsman.meta.plan import Weights
from pointsman.meta.profile import Profile
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.selector import Pair, Selector
from pointsman.meta.selector_fitting import fit_selector
from pointsman.meta.selector_store import load_stored_selector
from pointsman.meta.tables import record_rows_table
from pointsman.registry.budget import exclude_lines, find_excess
from pointsman.registry.generations import Alias, Event, Generation
from pointsman.registry.versions import Version
from pointsman.registry.words import name_versions

log = logging.getLogger(__name__)


def learn_selector(
    config: Config,
    generation: Generation,
    records: Sequence[OutOfSamplePredictions],
    grades: Sequence[Grade],
    stored: Sequence[Version],
) -> Selector:
    """Fit the selector on everything that is known about the active models.

    ``stored`` are the versions so far. By their stored costs, models and ensembles beyond the budget are left out: no
    clock of this update decides what serves.
    """
    settings, budget = config.selection, config.promotion.budget
    active = [version.line for version in generation.versions]
    excluded = exclude_lines(budget, active, stored)
    lines = [line for line in active if line not in excluded]
    # An ensemble has no cost of its own: answering by it takes the time of its members.
    costs = {version.line: version.predict_us for version in stored}
    within = [
        one
        for one in generation.ensembles
        if not find_excess(budget, replace(one, predict_us=add_costs(generation.list_members(one), costs)))
    ]
    ensembles = {one.line: generation.list_members(one) for one in within}
    by_variant = {one.variant: one.line for one in within}
    defaults = Pair(by_variant[TYPICAL], by_variant[DAMAGED]) if {TYPICAL, DAMAGED} <= set(by_variant) else None
    selector = fit_selector(
        records, lines, ensembles, defaults, settings, config.seed, grades, find_champions(generation, lines)
    )
    # The newest batch as it came stands for a typical request.
    return replace(selector, typical=selector.plan(records[-1].rows.profiles[0], settings.mode).model)


def add_costs(members: Sequence[Weights], costs: Mapping[str, float]) -> float:
    """Return the microseconds per row of the slowest kind: the sum over its members of those of each line.

    >>> add_costs([{"a": 0.5, "b": 0.5}, {"a": 1.0}, {"c": 1.0}], {"a": 2.0, "b": 3.0})
    5.0
    """
    return max(sum(costs.get(line, 0.0) for line in weights) for weights in members)


def find_champions(generation: Generation, lines: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the champions of a generation for clean and for damaged input, where it has them and they may serve."""
    clean, damaged = (
        one.line if one is not None and one.line in lines else None
        for one in (generation.champion, generation.robust_champion)
    )
    return clean, damaged


def log_untuned(config: Config, generation: Generation, selector: Selector) -> None:
    """Warn where the threshold of what serves typical requests, or of the champion, was not tuned."""
    alone = {one.line: one for one in (*generation.versions, *generation.ensembles)}
    assert generation.champion is not None
    # What serves typical requests may be the champion itself; it comes first, since one reason is told for both.
    named = dict.fromkeys([generation.pinned or selector.typical or "", generation.champion.line])
    serving = [(alone[line].id, alone[line].threshold, alone[line].untuned) for line in named if line in alone]
    untuned = [one for one in serving if one[2]]
    if not untuned:
        return
    decision, (_, threshold, why) = config.training.decision, untuned[0]
    by_cost = (
        "it follows from training.costs alone"
        if decision == "cost"
        else ("it can be stated by what wrong answers cost: training.decision=cost with training.costs")
    )
    log.warning(
        "training.decision=%s has not tuned the threshold of %s, whose answers are positive from a probability of %.4g "
        "on: %s; %s",
        decision,
        " and ".join(name for name, *_ in untuned),
        threshold,
        why,
        by_cost,
    )


def name_aliases(generation: Generation, selector: Selector, profile: Profile, mode: str) -> dict[Alias, str]:
    """Return the version that each alias stands for.

    Production serves requests like those of ``profile``, a single model or an ensemble, unless a person chose what
    serves.
    """
    ids = {version.line: version.id for version in (*generation.versions, *generation.ensembles)}
    assert generation.champion is not None
    others = [line for line in selector.ranking if line in ids and line != generation.champion.line]
    serving = generation.pinned or selector.plan(profile, mode).model
    named = {Alias.CHAMPION: generation.champion.id, Alias.PRODUCTION: ids[serving]}
    return named | ({Alias.CHALLENGER: ids[others[0]]} if others else {})


def name_served(state: State, generation: Generation, mode: str, known: Selector | None = None) -> Generation:
    """Return the generation with the production that its selector names in the mode in force.

    Aliases are stored by the mode that the update ran in. The generation stays as it is where a person chose what
    serves, and where it has no selector that can be loaded; ``known`` is its selector where that is loaded already.
    """
    if generation.pinned or generation.selector is None or generation.champion is None:
        return generation
    newest = sa.select(record_rows_table.c.profiles).order_by(record_rows_table.c.batch.desc()).limit(1)
    rows = read_rows(state.engine, newest)
    try:
        selector = known or load_stored_selector(state, generation).selector
    except StateError as error:
        log.warning("what serves in selection.mode=%s cannot be told: %s", mode, error)
        return generation
    if not rows:
        return generation
    named = name_aliases(generation, selector, Profile.from_json(rows[0]["profiles"][0]), mode)
    return replace(generation, aliases={**generation.aliases, Alias.PRODUCTION: named[Alias.PRODUCTION]})


def explain_production(generation: Generation, selector: Selector, profile: Profile, mode: str) -> str:
    """Return why production serves requests like those of ``profile``, in a sentence without a full stop."""
    if generation.pinned:
        return "it was promoted by hand, and its line serves every request"
    ids = {version.line: version.id for version in (*generation.versions, *generation.ensembles)}
    return f"it serves requests like the newest batch; {name_versions(selector.plan(profile, mode).why, ids)}"


def list_changes(before: Generation, after: Generation, reason: str) -> list[Event]:
    """Return an event for every alias that names another model now, except the champion, which promotion reports.

    reason: why the present production model was chosen
    """
    lines = {version.id: version.line for one in (before, after) for version in (*one.versions, *one.ensembles)}
    until = before.aliases.get(Alias.PRODUCTION)
    reasons = {
        Alias.CHALLENGER: "the next best record on clean batches, of another line than the champion's",
        Alias.PRODUCTION: f"{reason}; until then {until} served" if until else reason,
    }
    return [
        Event(after.aliases[alias], alias.value, reason)
        for alias, reason in reasons.items()
        if alias in after.aliases and lines.get(before.aliases.get(alias, "")) != lines[after.aliases[alias]]
    ]
