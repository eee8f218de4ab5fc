"""Replay: a stored generation is computed again from its raw batch and configuration, and has to come out the same."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (a replay copies and compares the rows of every table)
from pointsman.common.cells.date_notations import ISO
from pointsman.common.config import Config
from pointsman.common.environment import describe_changes, describe_environment
from pointsman.common.errors import BatchRejected, ConfigError, StateError
from pointsman.common.extras import check_extras
from pointsman.common.performance import Stopwatch
from pointsman.common.records import RawBatch
from pointsman.common.storage.state import State, open_state
from pointsman.common.text import read_number, shorten
from pointsman.common.time_limit import TimeLimit, load_cut_steps
from pointsman.meta.label_tables import labels_table, settled_labels_table, settled_requests_table, settlements_table
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.collection.ordering import read_times
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.labels.queries import list_labelled_requests, list_reconciled_labels
from pointsman.pipeline.lifecycle.revision import plan_revision
from pointsman.pipeline.quality.tables import retaken_table
from pointsman.pipeline.serving.queries import list_serving_generations
from pointsman.pipeline.update import process_batch
from pointsman.registry.commit import load_config_of
from pointsman.registry.generations import Cause, Generation, load_generation
from pointsman.registry.lineage import load_lineage, load_past, read_state_rows, turn
from pointsman.registry.snapshot import (
    copy_costs,
    copy_generation,
    copy_named,
    copy_other_versions,
    copy_registry,
    open_copy,
    read_written,
)

log = logging.getLogger(__name__)

MOST_TOLD = 5
"""Differences that are told in full."""


@dataclass(frozen=True)
class ReplayDifference:
    """A row, or a cell of one, that came out differently."""

    generation: int
    table: str
    what: str


def replay(config: Config, words: Sequence[str]) -> str:
    """Return a sentence on a generation, by default the live one, that was recomputed and came out the same.

    The word 'all' recomputes all that led to it, from the first raw batch on; a number names another generation. The
    state itself stays as it is. Raises StateError where something came out otherwise, with what it was.
    """
    number, everything = read_words(words)
    with open_state(config, must_exist=True) as state:
        live = load_generation(state, number)
        if live.number == 0:
            if number is None:
                raise StateError(f"There is no generation in '{state.folder}' yet; run 'python run.py update' first.")
            raise StateError(f"There is no generation {number} in '{state.folder}'; see python run.py models history.")
        lineage = load_lineage(state, live.number)[::-1]
        recomputed = list_recomputed(state, lineage, everything)
        differences = list(recompute(config, state, lineage, set(recomputed)))
        if differences:
            raise StateError(describe_differences(state, differences))
        return describe_sameness(state, recomputed)


def read_words(words: Sequence[str]) -> tuple[int | None, bool]:
    """Return the generation, None for the live one, and whether all before it are recomputed, too.

    >>> read_words(["7"]), read_words(["all"]), read_words([])
    ((7, False), (None, True), (None, False))
    """
    everything, numbers = "all" in words, [word for word in words if word != "all"]
    if len(numbers) > 1 or not all(read_number(word) for word in numbers):
        raise ConfigError(
            f"'replay {shorten(' '.join(words))}' is no command; write replay, replay 7, or replay 7 all."
        )
    return (int(numbers[0]) if numbers else None), everything


def list_recomputed(state: State, lineage: Sequence[int], everything: bool) -> list[int]:
    """Return which of a lineage, oldest first, are recomputed: those that took a batch, or the newest of them."""
    taken = [number for number in lineage if load_generation(state, number).cause.takes_batch]
    return taken if everything else taken[-1:]


def recompute(config: Config, state: State, lineage: Sequence[int], wanted: set[int]) -> Iterator[ReplayDifference]:
    """Yield what comes out differently when the ``wanted`` generations are recomputed, each on what was before it.

    What people decided in between is taken over as it is. The first generation that differs is the last one: those
    after it rest on it.
    """
    with open_copy(state) as copy:
        for number in lineage:
            if number in wanted:
                log.info("recomputing generation %d", number)
                copy_other_versions(state, number, copy)
                copy_reconciled(state, copy, number, lineage)
                take_again(config, state, copy, number)
                differing = list(compare(number, read_written(state, number), read_written(copy, number)))
                yield from differing
                if differing:
                    return
                copy_costs(state, number, copy)
            else:
                begin_past(state, copy, number)
                copy_generation(state, number, copy)


def begin_past(state: State, copy: State, number: int) -> None:
    """Set aside what the copy holds where a generation is a revision, which begins another past."""
    generation = load_generation(state, number)
    if generation.cause is Cause.REVISION and generation.parent:
        with copy.engine.begin() as connection:
            turn(connection, load_past(copy, generation.parent), ())


def copy_reconciled(state: State, copy: State, number: int, lineage: Sequence[int]) -> None:
    """Copy the labels and served requests that a generation reconciled, and no others: more may have come since.

    Labels that were reconciled earlier are there, too: a batch that brings their rows takes them out of the evidence. A
    request may have been served by a generation that a rollback left.
    """
    with state.engine.connect() as connection:
        labels = [row["label"] for row in read_state_rows(connection, settled_labels_table, [number])]
        requests = {row["request"] for row in read_state_rows(connection, settled_requests_table, [number])}
        requests |= {row["clock"] for row in read_state_rows(connection, settlements_table, [number]) if row["clock"]}
    labels += list_reconciled_labels(copy)
    copy_named(state, labels_table, labels_table.c.number, sorted(labels), copy)
    requests |= list_labelled_requests(copy)
    copy_named(state, decisions_table, decisions_table.c.id, sorted(requests), copy)
    for other in sorted(list_serving_generations(copy) - set(lineage)):
        copy_registry(state, other, copy)


def take_again(config: Config, state: State, copy: State, number: int) -> None:
    """Let the copy take the batch of a generation as the original did, with its own configuration."""
    stored = load_generation(state, number)
    then = load_config_of(state, number, config)
    check_extras(then)
    raw, by_hand = load_raw(then, state, stored)
    before = replace(load_generation(copy), stream=stored.stream)
    is_revised = stored.cause is Cause.REVISION or (stored.cause is Cause.REJECTED and stored.why)
    revision = plan_revision(then, copy, before, raw) if is_revised else None
    try:
        limit = TimeLimit(followed=load_cut_steps(state.engine, number))
        process_batch(then, copy, before, raw, Stopwatch(limit=limit), by_hand, revision)
    except BatchRejected:
        log.info("batch %d was rejected, as it may have been", raw.number)


def load_raw(config: Config, state: State, stored: Generation) -> tuple[RawBatch, bool]:
    """Return the batch that a generation took, from its raw file, and whether it was given by hand."""
    with state.engine.connect() as connection:
        (taken,), retaken = (
            [row for row in read_state_rows(connection, table, [stored.number]) if row[name] == stored.batch]
            for table, name in ((batches, "number"), (retaken_table, "batch"))
        )
    frame = state.files.load_table(taken["file"])
    usual = stored.schema.time_format if stored.schema else None
    time_format = taken.get("time_format") or config.schema_.time_format or usual or ISO
    times = read_times(frame[config.schema_.time], taken["origin"], config.schema_, time_format)
    raw = RawBatch(
        number=taken["number"],
        origin=taken["origin"],
        frame=frame,
        times=times,
        cursor=stored.cursor or {},
        late_rows=taken["late_rows"],
        retakes=retaken[0]["rejected"] if retaken else None,
        time_format=taken.get("time_format"),
    )
    return raw, taken["by_hand"]


def compare(
    number: int, stored: Mapping[str, list[dict[str, Any]]], again: Mapping[str, list[dict[str, Any]]]
) -> Iterator[ReplayDifference]:
    """Yield the rows that differ, by table; artefacts are among them by the digests of their content."""
    for table, rows in stored.items():
        if len(rows) != len(again[table]):
            yield ReplayDifference(number, table, f"{len(rows)} rows then, {len(again[table])} now")
            continue
        for then, now in zip(rows, again[table], strict=False):
            for name in then:
                if repr(then[name]) != repr(now[name]):
                    yield ReplayDifference(
                        number, table, f"{name} was {_shorten(then[name])} and is {_shorten(now[name])}"
                    )


def describe_differences(state: State, differences: Sequence[ReplayDifference]) -> str:
    """Return the sentence on what came out differently."""
    told = "; ".join(f"{one.table} of generation {one.generation}: {one.what}" for one in differences[:MOST_TOLD])
    more = f"; and {len(differences) - MOST_TOLD} more" if len(differences) > MOST_TOLD else ""
    return f"The replay differs ({told}{more}); it was made with {_describe_makers(state, differences[0].generation)}."


def describe_sameness(state: State, numbers: Sequence[int]) -> str:
    """Return the sentence on generations that came out the same."""
    if not numbers:
        return "Nothing to recompute: no generation up to there took a batch."
    live = load_generation(state, numbers[-1])
    new = [member.version for member in live.members if member.version.generation == live.number]
    which = f"Generation {numbers[0]}" if len(numbers) == 1 else f"Generations {numbers[0]} to {numbers[-1]}"
    return (
        f"{which} came out the same, every decision and the bytes of every artefact (batch {live.batch}, new versions: "
        f"{len(new)}, champion {live.champion.id if live.champion else 'none'})."
    )


def _describe_makers(state: State, number: int) -> str:
    generation = load_generation(state, number)
    made = next(
        (member.version.environment for member in generation.members if member.version.generation == number), {}
    )
    return describe_changes(made, describe_environment())


def _shorten(cell: object) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:57]}..."
