"""The one commit that makes a generation visible: whatever an update or a person decided, all of it or nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from common.config import Config
from common.database import Draft
from common.state import State
from common.users import find_user
from registry.generations import Event, Generation, draft_generation
from registry.versions import Version

UNDECIDING = {"state_dir", "data_dir", "database_url", "source", "workers", "storage", "report"}
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

    What is to be done ``first`` belongs to the same transaction.
    """
    generation = replace(generation, who=generation.who or find_user())
    draft_generation(draft, generation, config.seed, new, events, save_config(config, state))
    draft.commit(state.engine, first)


def save_config(config: Config, state: State) -> str:
    """Store what of a configuration decisions depend on, and return the name of the file."""
    described = config.model_dump(mode="json", by_alias=True, exclude=UNDECIDING)
    return state.files.save(json.dumps(described, sort_keys=True).encode(), ".json")


def load_config_of(state: State, name: str, config: Config) -> Config:
    """Return the stored configuration of a generation, with the places that ``config`` names."""
    stored = json.loads(state.files.load(name))
    places = config.model_dump(mode="json", by_alias=True, include=UNDECIDING)
    return Config.model_validate(stored | places)
