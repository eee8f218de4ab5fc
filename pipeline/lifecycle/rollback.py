"""Rollback: an older generation becomes the live state again, all of it, in one commit that can itself be undone."""

import logging
from collections.abc import Mapping

import sqlalchemy as sa

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (a rollback moves the rows of every table)
from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.state import State
from pointsman.common.text import count
from pointsman.pipeline.collection.tables import batches
from pointsman.registry.commit import commit_generation
from pointsman.registry.files import find_missing
from pointsman.registry.generations import Alias, Cause, Event, Generation, load_generation
from pointsman.registry.lineage import load_past, turn
from pointsman.registry.settings import load_settings
from pointsman.registry.store import find_dropped

log = logging.getLogger(__name__)


def roll_back(config: Config, state: State, number: int, why: str) -> str:
    """Make generation ``number`` the live state again and return a sentence on what that changed.

    The commit adds a generation; rows that the generations in between wrote are set aside, raw batches stay, and going
    back to the generation before the rollback brings everything in again. Raises StateError for a generation that does
    not exist, is the live one already, or has lost files.
    """
    live, target = load_generation(state, verified=False), load_generation(state, number)
    check(state, live, target, number)
    after = target.succeed(Cause.ROLLBACK, number=live.number + 1, why=why)
    led_here, wanted = load_past(state, live.number), load_past(state, target.number)
    before = list_batches(state)
    settings = load_settings(config, state, target)  # they come back, too
    commit_generation(
        settings,
        state,
        Draft(after.number),
        after,
        events=list_events(live, after, why),
        first=lambda connection: turn(connection, led_here, wanted),
    )
    return describe(live, after, before, list_batches(state))


def check(state: State, live: Generation, target: Generation, number: int) -> None:
    """Raise StateError where there is nothing to go back to."""
    if target.number == 0:
        raise StateError(f"There is no generation {number}; python run.py models history lists them.")
    if target.number == live.number:
        raise StateError(f"Generation {number} is the live one already; name an older one.")
    if gone := find_dropped(state, [member.version.id for member in target.members]):
        raise StateError(
            f"Generation {number} cannot serve again, since what was dropped to keep the store within storage.max_mb "
            f"holds models of it ({', '.join(gone)}); python run.py models rebuild {' '.join(gone)} makes them again "
            "from raw batches."
        )
    if missing := find_missing(state, target):
        raise StateError(
            f"Generation {number} cannot serve again, since its file '{missing}' is gone; name another, or restore "
            "it from a backup of the state."
        )


def list_events(live: Generation, after: Generation, why: str) -> list[Event]:
    """Return an event for every alias that stands for another version now."""
    reason = f"rollback to generation {after.parent}{f': {why}' if why else ''}"
    return [
        Event(version, "promoted" if alias is Alias.CHAMPION else alias.value, reason)
        for alias, version in after.aliases.items()
        if live.aliases.get(alias) != version
    ]


def list_batches(state: State) -> dict[int, bool]:
    """Return the numbers of all batches of the live state, and whether they were given by hand."""
    rows = read_rows(state.engine, sa.select(batches.c.number, batches.c.by_hand))
    return {row["number"]: row["by_hand"] for row in rows}


def describe(live: Generation, after: Generation, before: Mapping[int, bool], now: Mapping[int, bool]) -> str:
    """Return the sentence on a rollback that was done."""
    champion = after.champion.id if after.champion else "none"
    batches_now = count(len(now), "batch", "batches")
    told = f"Generation {after.number} is as generation {after.parent} was: champion {champion}, {batches_now}."
    gone, back = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    if gone:
        told += f" {_name(gone)} set aside, and the next updates take the source's rows again."
    if by_hand := [number for number in gone if before[number]]:
        told += f" Given by hand, so that the source does not bring them: {', '.join(map(str, by_hand))}."
    if back:
        told += f" {_name(back)} back."
    return f"{told} To undo it: python run.py models rollback --to {live.number}"


def _name(numbers: list[int]) -> str:
    return f"Batch {numbers[0]} is" if len(numbers) == 1 else f"Batches {numbers[0]} to {numbers[-1]} are"
