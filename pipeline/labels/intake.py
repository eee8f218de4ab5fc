"""Late labels: taken whenever they arrive, by the ids of the rows that were served, and kept for the next update."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import pandas as pd

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.reading import encode_target, read_labels
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.meta.label_tables import early_labels_table, labels_table
from pointsman.pipeline.labels.early import MOST_EARLY, admit_early, count_early, remove_early
from pointsman.pipeline.labels.known_rows import KnownRows, load_known
from pointsman.pipeline.labels.outcomes import REFUSALS
from pointsman.pipeline.labels.queries import Row, load_stream_time
from pointsman.registry.generations import load_generation

log = logging.getLogger(__name__)

MOST_NAMED = 5
MOST_ID = 100
"""Characters of a row's id: those that were given have fewer."""
STORED = frozenset({"new", "early"})
"""Labels that are kept: of rows that are known, and of those that may be logged yet."""
NOBODY: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Received:
    """What became of labels: the ids of their rows, by outcome. Those of ``REFUSALS`` are not stored.

    new:       stored; ``corrected`` are those of them that replace another label
    known:     the row already has this label
    early:     stored for a day, though no row of that id is known yet: it counts as soon as the row is logged
    crowded:   as early, but too many such labels wait already
    contradicting: the same call gives the row another label further on, which counts
    overcorrected: the row had too many different labels
    unlogged:  the row was served, or may have been, without being kept (``labels.log_share``,
               ``selection.matched_rows``)
    unknown:   no such row was ever served
    unreadable: the schema knows no such label
    """

    new: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    contradicting: tuple[str, ...] = ()
    crowded: tuple[str, ...] = ()
    overcorrected: tuple[str, ...] = ()
    unlogged: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def refused(self) -> dict[str, int]:
        """How many labels were not stored, by cause."""
        return {name: len(ids) for name in REFUSALS if (ids := getattr(self, name, ()))}

    def describe(self) -> str:
        """Return the number of labels by outcome in words, naming the first ids of those that cannot be used."""
        parts = [f"{len(self.new)} new labels"]
        parts += [f"{len(ids)} {name}" for name in ("corrected", "known") if (ids := getattr(self, name))]
        waits = {"early": "no such row is logged yet, so the label is kept for a day until one is"}
        for name, why in (waits | dict(REFUSALS)).items():
            if ids := getattr(self, name, ()):
                more = ", ..." if len(ids) > MOST_NAMED else ""
                parts.append(f"{len(ids)} {name} ({why}: {', '.join(map(repr, ids[:MOST_NAMED]))}{more})")
        return ", ".join(parts)


OUTCOMES = tuple(one.name for one in fields(Received))
"""Everything that may become of a label."""


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
    named = request and request.isprintable() and not request.endswith("-") and len(row_id) <= MOST_ID
    return (request, int(position)) if named and sound else None


def load_schema(state: State) -> Schema:
    """Return the schema of the live generation; StateError before the first update."""
    schema = load_generation(state).schema
    if schema is None:
        raise StateError(
            f"There is no model in '{state.folder}' yet, so no row was served; run 'python run.py update'."
        )
    return schema


def add_labels(
    config: Config, state: State, pairs: Sequence[tuple[str, Any]], origin: str, answering: Mapping[str, int] = NOBODY
) -> Received:
    """Store labels of served rows, by row id; once this returns they are durable and wait for the next update.

    The newest label of a row counts. ``answering`` are requests that this process has answered and is about to log,
    with their rows. Raises StateError where there is no model yet.
    """
    schema = load_schema(state)
    admit_early(state)
    labels = read_cells([label for _, label in pairs], schema)
    places = [split_row_id(row_id) for row_id, _ in pairs]
    known = load_known(config, state, sorted({place[0] for place in places if place}), answering)
    words, stored = sort_labels(known, places, labels, MOST_EARLY - count_early(state))
    # Delays are counted in the stream's own time, so how far that had come is kept with every label.
    told = {"origin": origin, "stream_time": load_stream_time(state)}
    draft = Draft()
    for table, word in ((labels_table, "new"), (early_labels_table, "early")):
        own = [(*row, label) for row, (found, label) in stored.items() if found == word]
        draft.add(table, [dict(zip(("request", "position", "label"), one, strict=True), **told) for one in own])
    again = [row for row, (word, _) in stored.items() if word == "early" and row in known.early]
    draft.commit(state.engine, lambda connection: remove_early(connection, again))
    sorted_out: dict[str, list[str]] = {}
    for (row_id, _), fields_of in zip(pairs, words, strict=True):
        for word in fields_of:
            sorted_out.setdefault(word, []).append(row_id)
    return Received(**{name: tuple(ids) for name, ids in sorted_out.items()})


def sort_labels(
    known: KnownRows, places: Sequence[Row | None], labels: Sequence[str | None], room: int
) -> tuple[list[tuple[str, ...]], dict[Row, tuple[str, str]]]:
    """Return for each label the fields of ``Received`` that it belongs to, and what is to be stored of each row.

    places: the rows, None where an id names none; labels: None where one cannot be read
    room:   how many more labels may wait for requests that this process does not know

    >>> known = KnownRows(1.0, {"a": {"rows": 1, "rows_file": "f", "first_row": 0, "kept_rows": 1}})
    >>> rows = [("a", 0), ("a", 0), None, ("b", 0), ("c", 0)]
    >>> words, stored = sort_labels(known, rows, ["0", "1", "1", "1", "1"], room=1)
    >>> [word for (word,) in words]
    ['contradicting', 'new', 'unknown', 'early', 'crowded']
    >>> stored
    {('a', 0): ('new', '1'), ('b', 0): ('early', '1')}
    """
    given = zip(places, labels, strict=True)
    last = {place: position for position, (place, label) in enumerate(given) if place and label is not None}
    found: list[tuple[str, ...]] = []
    stored: dict[Row, tuple[str, str]] = {}
    for position, (place, label) in enumerate(zip(places, labels, strict=True)):
        words: tuple[str, ...] = known.sort(place, label) if place else ("unknown",)
        if place and label is not None and words[-1] in STORED | {"known"}:
            if last[place] != position:
                words = ("known",) if label == labels[last[place]] else ("contradicting",)
            elif words == ("early",) and place[0] not in known.answering:
                words = ("early",) if room > 0 else ("crowded",)
                room -= 1
            if words[-1] in STORED:
                stored[place] = (words[-1], label)
        found.append(words)
    return found, stored


def read_cells(cells: Sequence[Any], schema: Schema) -> list[str | None]:
    """Return labels as they are stored: a class, or a number in digits; None for what the schema does not accept."""
    labels = read_labels(pd.Series(list(cells), dtype="object"), schema)
    readable = ~pd.isna(encode_target(labels, schema))
    return [
        (str(label) if schema.task.is_classification else repr(float(label))) if sound else None
        for label, sound in zip(labels, readable, strict=True)
    ]
