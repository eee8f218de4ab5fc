"""Why a generation is as it is, in words: what a person said, or else what became of its models."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.text import count
from pointsman.registry.generations import Alias, Cause
from pointsman.registry.tables import aliases_table, events_table, generations_table, versions_table

CHANGES = {"promoted": "champion", Alias.PRODUCTION.value: "production"}
"""Events that say why a model became something, and what it became."""
JOINED, LEFT = ("registered", "recalled"), ("retired",)


def load_reasons(state: State, oldest: int = 0) -> dict[int, str]:
    """Return by generation, from ``oldest`` on, why it is as it is."""
    table = generations_table.c
    rows = read_rows(state.engine, sa.select(generations_table).where(table.number >= oldest).order_by(table.number))
    events = _load_events(state, oldest)
    names = _load_names(state)
    return {row["number"]: row["why"] or _tell(row, events.get(row["number"], []), names) for row in rows}


def _load_events(state: State, oldest: int) -> dict[int, list[Mapping[str, Any]]]:
    table = events_table.c
    query = sa.select(events_table).where(table.generation >= oldest).order_by(table.generation, table.position)
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in read_rows(state.engine, query):
        found.setdefault(row["generation"], []).append(row)
    return found


def _load_names(state: State) -> dict[tuple[int, str], tuple[str, str]]:
    """Return the version and the model that have an alias, by generation and alias."""
    table = aliases_table.c
    query = sa.select(table.generation, table.alias, table.version, versions_table.c.line).join(
        versions_table, versions_table.c.id == table.version
    )
    return {(row["generation"], row["alias"]): (row["version"], row["line"]) for row in read_rows(state.engine, query)}


def _tell(
    row: Mapping[str, Any], events: list[Mapping[str, Any]], names: Mapping[tuple[int, str], tuple[str, str]]
) -> str:
    """Return what a generation changed: why a model became something else, or that the same ones go on."""
    became: dict[str, list[str]] = {}
    for event in events:
        if event["event"] in CHANGES:
            became.setdefault(event["reason"], []).append(CHANGES[event["event"]])
    told = [f"{' and '.join(who)}: {reason}" for reason, who in became.items()]
    if not told:
        told = _tell_routine(row, names)
    kinds = Counter(event["event"] for event in events)
    moves = [
        f"{count(number, 'model')} {word}"
        for kind, word in ((JOINED, "joined"), (LEFT, "left"))
        if (number := sum(kinds[one] for one in kind))
    ]
    return "; ".join([*told, *([", ".join(moves)] if moves and Cause(row["cause"]).accepts_batch else [])])


def _tell_routine(row: Mapping[str, Any], names: Mapping[tuple[int, str], tuple[str, str]]) -> list[str]:
    cause, batch = Cause(row["cause"]), row["batch"]
    if cause is Cause.REJECTED:
        return [f"batch {batch} was rejected (quarantine says why); the models stay as they were"]
    if cause is Cause.KEPT:
        return [f"batch {batch} was judged and not learned (response.retrain); the models stay as they were"]
    if not cause.accepts_batch:
        return []
    told = [f"batch {batch} was learned"]
    for alias in (Alias.CHAMPION, Alias.PRODUCTION):
        now, before = names.get((row["number"], alias.value)), names.get((row["parent"], alias.value))
        if now is None or before is None:
            continue
        if now[1] == before[1]:
            told.append(f"{alias.value} is the same model" + (f", {before[0]} before" if now != before else ""))
        else:
            told.append(f"{alias.value} was {before[0]} before")
    return told
