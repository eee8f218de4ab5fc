"""What was serving when, and why: the versions of a generation and the history of all of them, as text."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.common.text import count, lay_out
from pointsman.registry.commit import load_config_of
from pointsman.registry.generations import Alias, Generation, Member, Role, load_generation
from pointsman.registry.lineage import load_lineage
from pointsman.registry.reasons import load_reasons
from pointsman.registry.tables import aliases_table, events_table, generations_table, versions_table
from pointsman.registry.words import show_word

NEWEST = 20
"""Generations that the history shows unless all are asked for."""


def describe_versions(config: Config, state: State) -> str:
    """Return the versions of the live generation as a table, production named by the mode in force."""
    committed, mode = load_generation(state), config.selection.mode
    if not committed.members:
        raise StateError(f"There is no version in '{state.folder}' yet; run 'python run.py update' first.")
    generation = committed
    if load_config_of(state, committed.number, config).selection.mode != mode:
        from pointsman.meta.fitting import name_served

        generation = name_served(state, committed, mode)
    header = ("version", "family", "variant", "stage", "role", "aliases", "batches", "rows", "updates", "kB")
    lines = [_describe_member(generation, member) for member in _by_stage(generation)]
    return f"{lay_out([header, *lines])}\n{describe_generation(generation)}{_tell_mode(committed, generation, mode)}"


def _tell_mode(committed: Generation, served: Generation, mode: str) -> str:
    """Return a sentence on the mode where production is another model than when the generation was committed."""
    before = committed.production
    if before is None or before == served.production:
        return ""
    return f" That is in selection.mode={mode}; by the mode that the generation was made in it is {before.id}."


def find_stage(generation: Generation, member: Member) -> str:
    """Return the stage of a member: production serves typical requests, staging may serve others, a candidate none."""
    if generation.aliases.get(Alias.PRODUCTION) == member.version.id:
        return "production"
    return "candidate" if member.role is Role.CHALLENGER else "staging"


def describe_generation(generation: Generation) -> str:
    """Return a sentence on the live generation and what serves in it."""
    production = generation.production
    what = "every request, since it was promoted by hand" if generation.pinned else "typical requests"
    serves = f"; {production.id} serves {what}" if production else ""
    return f"Generation {generation.number} ({generation.cause}), newest batch {generation.batch}{serves}."


def describe_history(state: State, everything: bool = False) -> str:
    """Return the newest generations, or all, oldest first: what each one was, who made it and why."""
    live = load_generation(state)
    if live.number == 0:
        raise StateError(f"There is no generation in '{state.folder}' yet; run 'python run.py update' first.")
    # Newest first, so that the limit cuts the oldest; shown the other way round.
    newest = sa.select(generations_table).order_by(generations_table.c.number.desc())
    stored = read_rows(state.engine, newest if everything else newest.limit(NEWEST))[::-1]
    led_here, oldest = set(load_lineage(state, live.number)), stored[0]["number"]
    aliases, told = _load_aliases(state, oldest), load_reasons(state, oldest)
    header = ("", "generation", "from", "when (UTC)", "cause", "batch", "champion", "production", "who", "why")
    lines = [
        (
            "*" if row["number"] == live.number else "" if row["number"] in led_here else "x",
            str(row["number"]),
            str(row["parent"] or ""),
            f"{row['created_at']:%Y-%m-%d %H:%M}",
            row["cause"],
            str(row["batch"] or ""),
            aliases.get((row["number"], Alias.CHAMPION), ""),
            aliases.get((row["number"], Alias.PRODUCTION), ""),
            row["who"],
            told[row["number"]],
        )
        for row in stored
    ]
    left_out = f"; {oldest - 1} older ones are left out (models history all)" if oldest > 1 else ""
    return f"{lay_out([header, *lines])}\n* live, x set aside by a rollback{left_out}."


def describe_moment(state: State, text: str) -> str:
    """Return what was serving on a date, by the clock and by the stream's own time, and why."""
    moment = read_moment(text)
    table = generations_table.c
    by_clock = sa.select(table.number).where(table.created_at <= moment).order_by(table.number.desc()).limit(1)
    served = [row["number"] for row in read_rows(state.engine, by_clock)]
    learned = _find_learned(state, moment)
    if not served and learned is None:
        raise StateError(f"Nothing was serving on {text}: the first generation is younger; see models history.")
    told = [f"By the clock, {_explain(state, served[0])}" if served else f"By the clock, nothing served on {text} yet."]
    if learned is not None:
        told.append(f"By the stream's time, with all batches that ended by then: {_explain(state, learned)}")
    return "\n".join(told)


def read_moment(text: str) -> datetime:
    """Return the moment that a text names, a date standing for its end; ConfigError for anything else.

    >>> read_moment("2017-03-01")
    datetime.datetime(2017, 3, 1, 23, 59, 59, 999999)
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"'{text}' is no date; write it as 2017-03-01 or 2017-03-01T12:30.") from None
    return datetime.combine(moment, time.max) if len(text) == len("2017-03-01") else moment.replace(tzinfo=None)


def _find_learned(state: State, moment: datetime) -> int | None:
    """Return the newest generation of the live lineage whose batches all ended by a moment of the stream."""
    from pointsman.pipeline.collection.tables import batches

    ends = {row["number"]: row["end"] for row in read_rows(state.engine, sa.select(batches.c.number, batches.c.end))}
    table = generations_table.c
    query = sa.select(table.number, table.batch).where(
        table.number.in_(load_lineage(state, load_generation(state).number))
    )
    found = None
    for row in read_rows(state.engine, query.order_by(table.number)):
        end = ends.get(row["batch"])
        if end is not None and end <= moment:
            found = row["number"]
    return found


def _explain(state: State, number: int) -> str:
    generation = load_generation(state, number)
    champion = generation.aliases.get(Alias.CHAMPION, "none")
    production = generation.aliases.get(Alias.PRODUCTION, champion)
    event = _find_promotion(state, generation, production if generation.pinned else champion)
    lines = [
        f"generation {number} ({generation.cause}, batch {generation.batch}): {production} served "
        f"{'every request' if generation.pinned else 'typical requests'}, {champion} was the champion of "
        f"{count(len(generation.versions), 'single model')}."
    ]
    if event:
        why = (
            f"{event['version']} was {event['event']} in generation {event['generation']} by {event['who']} at "
            f"{event['created_at']:%Y-%m-%d %H:%M} UTC: {event['reason']}."
        )
        lines.append(why)
    return "\n  ".join(lines)


def _find_promotion(state: State, generation: Generation, version: str) -> Mapping[str, Any] | None:
    """Return the newest event, up to a generation, that made the line of a version what it is."""
    member = generation.find(version)
    if member is None:
        return None
    table = events_table.c
    query = (
        sa.select(events_table, generations_table.c.who, generations_table.c.created_at)
        .join(versions_table, versions_table.c.id == table.version)
        .join(generations_table, generations_table.c.number == table.generation)
        .where(versions_table.c.line == member.version.line, table.event.in_(("promoted", "promoted by hand")))
        .order_by(table.generation.desc(), table.position.desc())
    )
    led_here = set(load_lineage(state, generation.number))
    return next((row for row in read_rows(state.engine, query) if row["generation"] in led_here), None)


def _load_aliases(state: State, oldest: int) -> dict[tuple[int, str], str]:
    query = sa.select(aliases_table).where(aliases_table.c.generation >= oldest)
    return {(row["generation"], row["alias"]): row["version"] for row in read_rows(state.engine, query)}


def _by_stage(generation: Generation) -> Iterable[Member]:
    order = ("production", "staging", "candidate")
    return sorted(generation.members, key=lambda member: order.index(find_stage(generation, member)))


def _describe_member(generation: Generation, member: Member) -> tuple[str, ...]:
    version = member.version
    named = ", ".join(alias for alias, one in generation.aliases.items() if one == version.id)
    return (
        version.id,
        show_word(version.family),
        "/".join([version.variant, *version.candidate.treatment]),
        find_stage(generation, member),
        member.role.shown,
        named,
        f"{version.first_batch} to {version.last_batch}",
        str(version.rows),
        str(version.updates),
        f"{version.bytes / 1e3:.0f}",
    )
