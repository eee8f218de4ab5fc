"""What a person decides about versions: which line serves, and which retires. Each decision is a generation."""

from collections.abc import Sequence
from dataclasses import replace

from common.config import Config
from common.database import Draft
from common.errors import StateError
from common.state import State
from meta.records import Record
from meta.selector import Selector
from meta.store import load_grades, load_records, load_stored_selector, save_selector
from pipeline.commit import commit_generation
from pipeline.enrolment import RESTING
from pipeline.estimates import learn_estimators
from pipeline.selection import learn_selector, list_changes, name_aliases
from registry.contender import FALLBACK_FAMILY
from registry.generations import Alias, Cause, Event, Generation, Member, Role, load_generation
from registry.versions import Version


def promote(config: Config, state: State, version_id: str, why: str) -> str:
    """Let the line of an active version serve every request from now on, and return a sentence on it.

    It serves with its newest version, through all updates, until the choice is given back with ``promote auto``.
    """
    before = load_generation(state)
    member = find_active(before, version_id)
    if before.pinned == member.version.line:
        raise StateError(f"{version_id} was promoted by hand before and serves already.")
    aliases = {**before.aliases, Alias.PRODUCTION: version_id}
    after = before.succeed(Cause.PROMOTION, pinned=member.version.line, aliases=aliases, why=why)
    commit_generation(config, state, Draft(after.number), after, events=[Event(version_id, "promoted by hand", why)])
    return (
        f"{version_id} serves every request now (generation {after.number}), and later versions of its line will; "
        f'python run.py models promote auto --why "..." gives the choice back.'
    )


def give_back(config: Config, state: State, why: str) -> str:
    """Let records choose again what serves, and return a sentence on it."""
    before = load_generation(state)
    if before.pinned is None:
        raise StateError("No version was promoted by hand, so records choose already what serves.")
    after = before.succeed(Cause.PROMOTION, pinned=None, why=why)
    selector, records = load_stored_selector(state, before).selector, load_known(state, before)
    aliases = name_aliases(after, selector, records[-1].rows.profiles[0], config.selection.mode)
    after = replace(after, aliases=aliases)
    events = [Event(one.version.id, "handed back", why) for one in before.members if one.version.line == before.pinned]
    commit_generation(config, state, Draft(after.number), after, events=[*events, *list_changes(before, after)])
    return f"Records choose what serves again (generation {after.number}); {aliases[Alias.PRODUCTION]} leads."


def retire(config: Config, state: State, version_id: str, why: str) -> str:
    """Take an active version out of what may serve, and return a sentence on it.

    The selector is fitted again without its line; blends that hold it go, too.
    """
    before = load_generation(state)
    member = find_active(before, version_id)
    check_retirement(before, member)
    gone = [one for one in before.members if version_id in one.version.params.get("weights", {})]
    stays = [one for one in before.members if one.version.line != member.version.line and one not in gone]
    after = before.succeed(Cause.RETIREMENT, members=tuple(stays), why=why)
    records = load_known(state, before)
    selector = learn_selector(config, after, records, load_grades(state), before.versions)
    after = replace(after, members=crown_again(stays, selector))
    estimators = learn_estimators(config, after, selector, records, None)
    reference = load_stored_selector(state, before).reference
    after = replace(
        after,
        selector=save_selector(state, selector, reference, estimators),
        aliases=name_aliases(after, selector, records[-1].rows.profiles[0], config.selection.mode),
    )
    commit_generation(config, state, Draft(after.number), after, events=list_events(before, after, member.version, why))
    assert after.champion is not None
    return (
        f"{version_id} is retired (generation {after.number}), and no candidate like it enters for {RESTING} updates; "
        f"the champion is {after.champion.id}."
    )


def find_active(generation: Generation, version_id: str) -> Member:
    """Return the member that answers requests under that id; StateError, with who does, for any other."""
    member = generation.find(version_id)
    if member is not None and not member.version.is_ensemble and member.role is not Role.RIVAL:
        return member
    known = ", ".join(version.id for version in generation.versions) or "none yet"
    what = "is a blend" if member and member.version.is_ensemble else "is no active version"
    raise StateError(f"'{version_id}' {what}; active are {known}.")


def check_retirement(generation: Generation, member: Member) -> None:
    """Raise StateError where requests could be left without an answer, or a person's promotion without its line."""
    if member.version.family == FALLBACK_FAMILY:
        raise StateError(f"'{member.version.id}' answers when nothing else can, so it cannot be retired.")
    if member.version.line == generation.pinned:
        raise StateError(
            f"'{member.version.id}' was promoted by hand; give the choice back first: models promote auto."
        )


def crown_again(members: Sequence[Member], selector: Selector) -> tuple[Member, ...]:
    """Return the members with the champions that records name where theirs are gone."""
    roles = {member.role for member in members}
    champions = {}
    if Role.CHAMPION not in roles:
        champions = {selector.champions.damaged: Role.DAMAGED_CHAMPION, selector.champions.clean: Role.CHAMPION}
    elif Role.DAMAGED_CHAMPION not in roles:
        champions = {selector.champions.damaged: Role.DAMAGED_CHAMPION}
    return tuple(
        replace(member, role=champions[member.version.line])
        if member.role in (Role.ACTIVE, Role.DAMAGED_CHAMPION) and member.version.line in champions
        else member
        for member in members
    )


def list_events(before: Generation, after: Generation, retired: Version, why: str) -> list[Event]:
    """Return what a retirement did to versions."""
    assert after.champion is not None
    events = [Event(retired.id, "retired", why)]
    if before.champion is None or after.champion.line != before.champion.line:
        events.append(Event(after.champion.id, "promoted", f"the best record without {retired.id}"))
    return [*events, *list_changes(before, after)]


def load_known(state: State, generation: Generation) -> list[Record]:
    """Return the records that the selector of a generation rests on."""
    assert generation.schema is not None
    return load_records(state, generation.schema)
