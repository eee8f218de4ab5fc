"""What a person decides about models: which one serves, and which retires. Each decision is a generation.

Single models and ensembles can be promoted. Only single models retire, since ensembles are made anew of those there
are.
"""

from collections.abc import Sequence
from dataclasses import replace

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.meta.fitting import explain_production, learn_selector, list_changes, name_aliases
from pointsman.meta.performance_estimates import learn_estimators
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.selector import Selector
from pointsman.meta.selector_store import load_stored_selector, save_selector
from pointsman.meta.store import load_grades, load_records
from pointsman.pipeline.training.newcomers import COOLDOWN
from pointsman.registry.commit import commit_generation
from pointsman.registry.contender import FALLBACK_FAMILY
from pointsman.registry.generations import Alias, Cause, Event, Generation, Member, Role, load_generation
from pointsman.registry.versions import Version


def promote(config: Config, state: State, version_id: str, why: str) -> str:
    """Pin an active single model or ensemble and return a sentence on it: it serves every request from now on.

    Its newest version serves, through all updates, until ``promote auto`` gives the choice back.
    """
    before = load_generation(state)
    member = find_active(before, version_id)
    if before.pinned == member.version.line:
        raise StateError(f"{version_id} was promoted by hand before and serves already.")
    aliases = {**before.aliases, Alias.PRODUCTION: version_id}
    after = before.succeed(Cause.PROMOTION, pinned=member.version.line, aliases=aliases, why=why)
    if before.selector is not None:
        stored = load_stored_selector(state, before)
        estimators = learn_estimators(config, after, stored.selector, load_known(state, before), None)
        named = save_selector(state, stored.selector, stored.reference, estimators)
        after = replace(after, selector=named)  # answers of what a person chose are estimated from its own past
    commit_generation(config, state, Draft(after.number), after, events=[Event(version_id, "promoted by hand", why)])
    return (
        f"{version_id} serves every request now (generation {after.number}), and later versions of its line will; "
        f'python run.py models promote auto --why "..." gives the choice back.'
    )


def give_back(config: Config, state: State, why: str) -> str:
    """Unpin: let records choose again what serves, and return a sentence on it."""
    before = load_generation(state)
    if before.pinned is None:
        raise StateError("No version was promoted by hand, so records choose already what serves.")
    after = before.succeed(Cause.PROMOTION, pinned=None, why=why)
    selector, records = load_stored_selector(state, before).selector, load_known(state, before)
    asked = selector, records[-1].rows.profiles[0], config.selection.mode
    aliases = name_aliases(after, *asked)
    after = replace(after, aliases=aliases)
    changes = list_changes(before, after, explain_production(after, *asked))
    events = [Event(one.version.id, "handed back", why) for one in before.members if one.version.line == before.pinned]
    commit_generation(config, state, Draft(after.number), after, events=[*events, *changes])
    return (
        f"Records choose what serves again (generation {after.number}); {aliases[Alias.PRODUCTION]} serves typical "
        "requests."
    )


def retire(config: Config, state: State, version_id: str, why: str) -> str:
    """Retire an active single model, and return a sentence on it.

    The selector is fitted again without it. Ensembles with it as a member go as well; the next update makes new ones.
    """
    before = load_generation(state)
    member = find_active(before, version_id)
    gone = [one.line for one in before.ensembles if version_id in one.member_ids]
    check_retirement(before, member.version, gone)
    stays = [one for one in before.members if one.version.line not in (member.version.line, *gone)]
    after = before.succeed(Cause.RETIREMENT, members=tuple(stays), why=why)
    records = load_known(state, before)
    # The selector comes first: its champions take the roles that the retired model leaves open.
    selector = learn_selector(config, after, records, load_grades(state), before.versions)
    after = replace(after, members=assign_champions(stays, selector))
    estimators = learn_estimators(config, after, selector, records, None)
    reference = load_stored_selector(state, before).reference
    # Production is what serves requests like the newest batch as it came, undamaged.
    asked = selector, records[-1].rows.profiles[0], config.selection.mode
    after = replace(
        after, selector=save_selector(state, selector, reference, estimators), aliases=name_aliases(after, *asked)
    )
    events = list_events(before, after, member.version, why, explain_production(after, *asked))
    commit_generation(config, state, Draft(after.number), after, events=events)
    assert after.champion is not None
    held = f"; the ensembles that held it come back without it at the next update ({len(gone)})" if gone else ""
    return (
        f"{version_id} is retired (generation {after.number}), and no candidate like it enters for {COOLDOWN} "
        f"updates{held}. {after.aliases[Alias.PRODUCTION]} serves typical requests now; the champion is "
        f"{after.champion.id}."
    )


def find_active(generation: Generation, version_id: str) -> Member:
    """Return the member with that id; StateError, naming those that may answer, for any other."""
    member = generation.find(version_id)
    if member is not None and member.role is not Role.CHALLENGER:
        return member
    known = ", ".join(version.id for version in (*generation.versions, *generation.ensembles)) or "none yet"
    raise StateError(f"'{version_id}' is no active version; active are {known}.")


def check_retirement(generation: Generation, version: Version, ensembles: Sequence[str]) -> None:
    """Raise StateError for what cannot retire: an ensemble, the fallback, and a pinned model or member of a pinned one.

    ``ensembles`` are those with the version as a member.
    """
    if version.is_ensemble:
        raise StateError(
            f"'{version.id}' is an ensemble, which every update fits anew; retire one of its members instead: "
            f"{', '.join(version.member_ids)}."
        )
    if version.family == FALLBACK_FAMILY:
        raise StateError(f"'{version.id}' answers when nothing else can, so it cannot be retired.")
    if version.line == generation.pinned:
        raise StateError(f"'{version.id}' was promoted by hand; give the choice back first: models promote auto.")
    if generation.pinned in ensembles:
        raise StateError(
            f"'{version.id}' is a member of {generation.aliases[Alias.PRODUCTION]}, which was promoted by hand; give "
            "the choice back first: models promote auto."
        )


def assign_champions(members: Sequence[Member], selector: Selector) -> tuple[Member, ...]:
    """Return the members with champions, by records, in place of those that are gone."""
    roles = {member.role for member in members}
    champions = {}
    if Role.CHAMPION not in roles:
        champions = {selector.champions.damaged: Role.ROBUST_CHAMPION, selector.champions.clean: Role.CHAMPION}
    elif Role.ROBUST_CHAMPION not in roles:
        champions = {selector.champions.damaged: Role.ROBUST_CHAMPION}
    return tuple(
        replace(member, role=champions[member.version.line])
        if member.role in (Role.ACTIVE, Role.ROBUST_CHAMPION) and member.version.line in champions
        else member
        for member in members
    )


def list_events(before: Generation, after: Generation, retired: Version, why: str, reason: str) -> list[Event]:
    """Return what a retirement did to versions; ``reason`` is why what is production now is it."""
    assert after.champion is not None
    events = [Event(retired.id, "retired", why)]
    if before.champion is None or after.champion.line != before.champion.line:
        events.append(Event(after.champion.id, "promoted", f"the best record without {retired.id}"))
    return [*events, *list_changes(before, after, reason)]


def load_known(state: State, generation: Generation) -> list[OutOfSamplePredictions]:
    """Return the records that the selector of a generation was fitted on."""
    assert generation.schema is not None
    return load_records(state, generation.schema)
