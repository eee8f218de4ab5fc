"""Labels that come before their request is logged: few wait, each for a while, and what is let go is counted.

A request is logged a moment after it was answered. Until then nothing but the service that answered it can tell its id
from a made-up one, so there is room for few labels of requests that this process does not know. It is nobody's to fill:
what finds no room is refused, and so may be sent again, rather than push out what waits.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import Draft, in_parts, read_rows, utc_now
from pointsman.common.storage.state import State
from pointsman.meta.label_tables import early_labels_table, labels_table, refused_labels_table
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.labels.known_rows import KnownRows, find_kept
from pointsman.pipeline.labels.outcomes import describe_refusals, refusal_rows
from pointsman.pipeline.labels.queries import Row, load_labels_of, load_served

log = logging.getLogger(__name__)

MOST_EARLY = 2_000
"""Labels of requests unknown to this process that may wait at a time: a few hundred kilobytes."""
LONGEST = timedelta(days=1)
"""How long a label waits: a log that is held up writes again within minutes, or never."""
ORIGIN = "early"


def count_early(state: State) -> int:
    """Return how many labels wait for their request to be logged."""
    counted = sa.select(sa.func.count().label("labels")).select_from(early_labels_table)
    return int(read_rows(state.engine, counted)[0]["labels"])


def remove_early(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Take labels of some rows out of those that wait."""
    if rows:
        table = early_labels_table.c
        gone = sa.delete(early_labels_table).where(
            table.request == sa.bindparam("of_request"), table.position == sa.bindparam("at_position")
        )
        connection.execute(gone, [{"of_request": request, "at_position": position} for request, position in rows])


def admit_early(state: State) -> None:
    """Make labels of the early ones whose request is logged by now, and let go of those that waited too long."""
    table = early_labels_table.c
    logged = read_rows(
        state.engine, sa.select(early_labels_table).join(decisions_table, decisions_table.c.id == table.request)
    )
    logged.sort(key=lambda row: (row["arrived_at"], row["request"], row["position"]))
    late = read_rows(
        state.engine,
        sa.select(table.request, table.position)
        .where(table.arrived_at < utc_now() - LONGEST)
        .where(table.request.not_in(sa.select(decisions_table.c.id))),
    )
    if not logged and not late:
        return
    served = load_served(state, sorted({row["request"] for row in logged}))
    known = KnownRows(1.0, served, find_kept(state, served), labels=load_labels_of(state, sorted(served)))
    words = [known.sort((row["request"], row["position"]), row["label"])[-1] for row in logged]
    refused = Counter(word for word in words if word not in ("new", "known"))
    refused["expired"] += len(late)
    draft = Draft()
    draft.add(labels_table, [row for row, word in zip(logged, words, strict=True) if word == "new"])
    draft.add(refused_labels_table, refusal_rows(refused, ORIGIN))
    gone = [(row["request"], row["position"]) for row in (*logged, *late)]
    draft.commit(state.engine, lambda connection: remove_early(connection, gone))
    if told := describe_refusals(refused):
        log.warning("labels that waited for their rows are let go: %s", told)


def release_former(state: State) -> None:
    """Turn labels of before that have no request into early ones, as far as they are young and there is room.

    An earlier release kept them among all others for ever, where they took the place of those that count.
    """
    table = labels_table.c
    query = sa.select(labels_table).where(table.request.not_in(sa.select(decisions_table.c.id)))
    former = read_rows(state.engine, query.order_by(table.number))
    if not former:
        return
    since, room = utc_now() - LONGEST, MOST_EARLY - count_early(state)
    newest = {(row["request"], row["position"]): row for row in former if row["arrived_at"] >= since}
    stay = dict(list(newest.items())[-room:]) if room > 0 else {}
    draft = Draft()
    draft.add(early_labels_table, [without_number(row) for row in stay.values()])
    draft.add(refused_labels_table, refusal_rows({"expired": len(former) - len(stay)}, ORIGIN))
    numbers = [row["number"] for row in former]

    def remove(connection: sa.Connection) -> None:
        remove_early(connection, list(stay))
        for part in in_parts(numbers):
            connection.execute(sa.delete(labels_table).where(table.number.in_(part)))

    draft.commit(state.engine, remove)
    log.warning(
        "%d labels of an earlier release have no request: %d wait for it to be logged, the others are let go",
        len(former),
        len(stay),
    )


def without_number(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the labels table as one of the early ones."""
    return {name: cell for name, cell in row.items() if name != "number"}
