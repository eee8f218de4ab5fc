"""Late labels: taken whenever they arrive, by the ids of the rows that were served, and kept for the next update."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.reading import encode_target, read_labels
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.meta.label_tables import labels_table
from pointsman.pipeline.labels.queries import load_newest_labels, load_served, load_stream_time
from pointsman.pipeline.labels.served_rows import is_logged
from pointsman.registry.generations import load_generation

log = logging.getLogger(__name__)

MOST_NAMED = 5
STORED = frozenset({"new", "early"})
"""Labels that are kept: of rows that are known, and of those that may be logged yet."""


@dataclass(frozen=True)
class Received:
    """What became of labels: the ids of their rows, by outcome.

    new:        stored; ``corrected`` are those of them that replace another label
    known:      the row already has this label
    early:      stored, though no row of that id is known yet: it counts as soon as the row is logged
    unlogged:   the row was served, or may have been, without being kept (``labels.log_share``,
                ``selection.matched_rows``)
    unknown:    no such row was ever served
    unreadable: the schema knows no such label
    """

    new: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    unlogged: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the number of labels by outcome in words, naming the first ids of those that cannot be used."""
        parts = [f"{len(self.new)} new labels"]
        parts += [f"{len(ids)} {name}" for name in ("corrected", "known") if (ids := getattr(self, name))]
        for name, why in (
            ("early", "no such row is logged yet, so the label is kept until one is"),
            ("unlogged", "the row was not kept"),
            ("unknown", "no such row was served"),
            ("unreadable", "by the schema it is no label"),
        ):
            if ids := getattr(self, name):
                more = ", ..." if len(ids) > MOST_NAMED else ""
                parts.append(f"{len(ids)} {name} ({why}: {', '.join(map(repr, ids[:MOST_NAMED]))}{more})")
        return ", ".join(parts)


def name_row(request: str, position: int) -> str:
    """Return the id of a served row."""
    return f"{request}-{position}"


def split_row_id(row_id: str) -> tuple[str, int] | None:
    """Return request and position of a row's id, None where the id is not of that form.

    >>> split_row_id("3f2a-11"), split_row_id("a-b-0"), split_row_id("3f2a"), split_row_id("3f2a--1")
    (('3f2a', 11), ('a-b', 0), None, None)
    >>> split_row_id("a\\0-1") is None  # not every database has room for such a text
    True
    """
    request, _, position = row_id.rpartition("-")
    sound = position.isascii() and position.isdecimal() and len(position) <= 9 and str(int(position)) == position
    named = request and request.isprintable() and not request.endswith("-")
    return (request, int(position)) if named and sound else None


def load_schema(state: State) -> Schema:
    """Return the schema of the live generation; StateError before the first update."""
    schema = load_generation(state).schema
    if schema is None:
        raise StateError(
            f"There is no model in '{state.folder}' yet, so no row was served; run 'python run.py update'."
        )
    return schema


def add_labels(config: Config, state: State, pairs: Sequence[tuple[str, Any]], origin: str) -> Received:
    """Store labels of served rows, by row id; once this returns they are durable and wait for the next update.

    The newest label of a row counts. Raises StateError where there is no model yet.
    """
    schema = load_schema(state)
    read = read_cells([label for _, label in pairs], schema)
    places = [split_row_id(row_id) for row_id, _ in pairs]
    asked = sorted({place[0] for place in places if place})
    served, before = load_served(state, asked), load_newest_labels(state, asked)
    # Delays are counted in the stream's own time, so how far that had come is kept with every label.
    told = {"origin": origin, "stream_time": load_stream_time(state)}
    sorted_out: dict[str, list[str]] = {}
    rows: list[dict[str, Any]] = []
    for (row_id, _), place, label in zip(pairs, places, read, strict=True):
        if place is None:
            sorted_out.setdefault("unknown", []).append(row_id)
            continue
        words = sort_label(judge_row(config, place, served.get(place[0])), label, before.get(place))
        for word in words:
            sorted_out.setdefault(word, []).append(row_id)
        if STORED.intersection(words) and label is not None:
            before[place] = label  # the same call may hold another label of the row
            rows.append({"request": place[0], "position": place[1], "label": label, **told})
    draft = Draft()
    draft.add(labels_table, rows)
    draft.commit(state.engine)
    return Received(**{name: tuple(ids) for name, ids in sorted_out.items()})


def sort_label(row: str, label: str | None, before: str | None) -> tuple[str, ...]:
    """Return the fields of ``Received`` that a label belongs to, by the state of its row and the row's earlier label.

    >>> sort_label("new", "1", None), sort_label("new", "1", "0"), sort_label("new", "1", "1")
    (('new',), ('corrected', 'new'), ('known',))
    """
    if row not in STORED:
        return (row,)
    if label is None:
        return ("unreadable",)
    if before == label:
        return ("known",)
    return (row,) if before is None else ("corrected", row)


def judge_row(config: Config, place: tuple[str, int], known: dict[str, Any] | None) -> str:
    """Return 'new' for a row that can be joined with a label, else why it cannot: early, unlogged or unknown."""
    if known is None:
        return "early" if is_logged(place[0], config.labels.log_share) else "unlogged"
    if place[1] >= known["rows"]:
        return "unknown"
    return "new" if known["rows_file"] else "unlogged"


def read_cells(cells: Sequence[Any], schema: Schema) -> list[str | None]:
    """Return labels as they are stored: a class, or a number in digits; None for what the schema does not accept."""
    labels = read_labels(pd.Series(list(cells), dtype="object"), schema)
    readable = ~pd.isna(encode_target(labels, schema))
    return [
        (str(label) if schema.task.is_classification else repr(float(label))) if sound else None
        for label, sound in zip(labels, readable, strict=True)
    ]
