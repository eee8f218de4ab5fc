"""The one commit that makes a generation visible: all that an update or a person decided, or nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from pointsman.common.config import Config, renew
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State, renew_copy
from pointsman.common.users import find_user
from pointsman.registry.generations import Event, Generation, draft_generation
from pointsman.registry.store import load_config_name
from pointsman.registry.versions import Version

UNDECIDING = {"name", "state_dir", "data_dir", "database_url", "source", "workers", "storage", "mlflow", "report"}
"""Sections that no decision depends on; some hold passwords. They are not kept with a generation."""


def commit_generation(
    config: Config,
    state: State,
    draft: Draft,
    generation: Generation,
    new: Sequence[Version] = (),
    events: Sequence[Event] = (),
    first: Callable[[sa.Connection], None] | None = None,
) -> None:
    """Add a generation to a draft and commit it, with the configuration that it was made with.

    ``first`` runs in the same transaction, before the rows are written.
    """
    generation = replace(generation, who=generation.who or find_user())
    draft_generation(draft, generation, config.seed, new, events, save_config(config, state))
    draft.commit(state.engine, first)
    renew_copy(state)


def save_config(config: Config, state: State) -> str:
    """Store the part of a configuration that decisions depend on, and return the name of the file."""
    described = config.model_dump(mode="json", by_alias=True, exclude=UNDECIDING)
    return state.files.save(json.dumps(described, sort_keys=True).encode(), ".json")


def load_config_of(state: State, number: int, config: Config) -> Config:
    """Return the configuration that a generation was made with; folders and addresses are those of ``config``."""
    name = load_config_name(state, number)
    if name is None:
        raise StateError(f"Generation {number} was stored without its configuration, by a release that kept none.")
    stored = json.loads(state.files.load(name))
    places = config.model_dump(mode="json", by_alias=True, include=UNDECIDING)
    return Config.model_validate(renew(stored) | places)
