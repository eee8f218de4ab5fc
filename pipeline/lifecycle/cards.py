"""Model cards as files: what the catalogue knows of a version, gathered and written."""

import re
from pathlib import Path

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.environment import describe_environment
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.files import save_atomically
from pointsman.common.storage.state import State, open_state
from pointsman.meta.fitting import name_served
from pointsman.meta.tables import records_table
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.card import CardFacts, render_card
from pointsman.registry.contender import FALLBACK_FAMILY
from pointsman.registry.generations import Generation, Role, load_generation
from pointsman.registry.store import find_dropped
from pointsman.registry.tables import events_table, versions_table
from pointsman.registry.versions import ModelShelf, Version, find_version

NAME = re.compile(r"[a-z_]+-[0-9]{4,}")


def write_card(config: Config, name: str) -> Path:
    """Write the card of a version under the state folder and return its path; StateError for one that is not known."""
    with open_state(config, must_exist=True) as state:
        version = find_version(state, name)
        if not NAME.fullmatch(version.id):
            raise StateError(f"The catalogue holds a version named {name!r}, which Pointsman never gives; restore it.")
        path = state.folder / "cards" / f"{version.id}.md"
        save_atomically(path, render_card(version, gather_facts(config, state, version)).encode())
    return path


def gather_facts(config: Config, state: State, version: Version) -> CardFacts:
    """Return what the catalogue knows of a version."""
    newest, made = load_generation(state), load_generation(state, version.generation)
    schema = made.schema or newest.schema
    if schema is None:
        raise StateError(f"The version '{version.id}' names generation {version.generation}, which is not known.")
    ancestors = list_ancestors(state, version)
    # Every update makes an ensemble anew, so what is known of its line is what is known of it.
    before = [one.id for one in ancestors]
    known = [version.id, *before] if version.is_ensemble else [version.id]
    fallback = sa.select(versions_table.c.id).where(versions_table.c.family == FALLBACK_FAMILY)
    by_batch = sa.select(scores_table).order_by(scores_table.c.batch, scores_table.c.kind, scores_table.c.metric)
    return CardFacts(
        schema=schema,
        # The stored alias is that of the mode the update ran in; a card names production by the mode in force.
        role=describe_role(name_served(state, newest, config.selection.mode), version),
        ancestors=ancestors,
        scores=read_rows(state.engine, by_batch.where(scores_table.c.version.in_(known))),
        line_scores=read_rows(state.engine, by_batch.where(scores_table.c.version.in_(before))),
        fallback_scores=read_rows(state.engine, by_batch.where(scores_table.c.version.in_(fallback)))
        if version.family != FALLBACK_FAMILY
        else (),
        records=read_rows(
            state.engine,
            sa.select(records_table).where(records_table.c.version.in_(known)).order_by(records_table.c.batch),
        ),
        events=read_rows(
            state.engine,
            sa.select(events_table)
            .where(events_table.c.version == version.id)
            .order_by(events_table.c.generation, events_table.c.position),
        ),
        golden=check_golden(state, version),
        now=describe_environment(),
    )


def describe_role(generation: Generation, version: Version) -> str:
    """Return the role of a version in a generation in words, '' where it has none."""
    member = generation.find(version.id)
    if member is None:
        return ""
    named = {Role.ENSEMBLE: "active", Role.ACTIVE: "active", Role.CHALLENGER: "a challenger"}
    role = named.get(member.role, f"the {member.role.shown}")
    if generation.production is None or generation.production.id != version.id:
        return role
    others = "" if role == "active" else f"{role} and "
    return f"{others}production, what serves {'every request' if generation.pinned else 'typical requests'},"


def list_ancestors(state: State, version: Version) -> list[Version]:
    """Return the versions that one comes from, its parent first."""
    found: list[Version] = []
    while version.parent and all(version.parent != one.id for one in found):
        version = find_version(state, version.parent)
        found.append(version)
    return found


def check_golden(state: State, version: Version) -> str:
    """Return a sentence on whether the version's files are sound."""
    if gone := find_dropped(state, [version.id, *(version.member_ids if version.is_ensemble else ())]):
        return (
            f"Models were dropped to keep the store within storage.max_mb ({', '.join(gone)}); python run.py models "
            f"rebuild {' '.join(gone)} makes them again from raw batches."
        )
    try:
        if version.is_ensemble:
            state.files.load(version.manifest)
            for name in version.member_ids:
                ModelShelf(state.files).load(find_version(state, name))
            return "It answers by the weights below, and each member answers its golden rows as when it was stored."
        ModelShelf(state.files).load(version)
    except StateError as error:
        return str(error)
    return "It answers its golden rows as it did when it was stored."
