"""What is kept of served requests: their decisions, and their rows one after another, to be matched with labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.sampling import spread_rows
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.meta.flags import RowKind
from pointsman.meta.plan import name_kind
from pointsman.meta.tables import decisions_table
from pointsman.pipeline.labels.served_rows import (
    AnsweredRows,
    compute_keys,
    compute_named_keys,
    find_newest,
    save_answered,
)
from pointsman.pipeline.preparation.row_reader import TypedRows
from pointsman.pipeline.serving.answer import Answer
from pointsman.pipeline.serving.predictor import Choice, Predictor, ReadRows
from pointsman.pipeline.serving.queries import find_booked
from pointsman.pipeline.serving.shadow import Shadow

LEAST_ESTIMATED = 50
"""Fewest rows for which an estimate of a request's loss is stored."""


@dataclass(frozen=True, eq=False)
class ServedRequest:
    """A request and what it was answered. A row's id is '<id>-<position from 0>'.

    at:      when, in UTC without a zone
    origin:  who asked, as decisions show it
    keys:    the raw rows, as far as they hold ``labels.key_columns``; None where they hold none
    columns: the inputs that the request had; None for all of them
    """

    id: str
    at: datetime
    origin: str
    predictor: Predictor
    keys: pd.DataFrame | None
    rows: ReadRows
    choice: Choice
    answer: Answer
    columns: Sequence[str] | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """Requests to one generation, ready to be written: their decisions, and their rows one after another."""

    decisions: Sequence[dict[str, Any]]
    rows: AnsweredRows


def prepare_requests(config: Config, taken: Sequence[ServedRequest], shadow: Shadow | None = None) -> list[Prepared]:
    """Return what is to be written, by generation, with what other versions predict for the rows."""
    by_generation: dict[int, list[ServedRequest]] = {}
    for served in taken:
        by_generation.setdefault(served.predictor.generation.number, []).append(served)
    prepared = []
    for requests in by_generation.values():
        chosen = [spread_rows(len(one.rows), config.selection.matched_rows) for one in requests]
        rows = keep_served(config, requests, chosen)
        counts = np.array([len(own) for own in chosen])
        told = find_newest_times(requests, rows, counts)
        if shadow and len(rows):
            rows = shadow.score(requests[0].predictor, rows)
        first_rows = (np.cumsum(counts) - counts).tolist()
        decisions = [
            describe_served(served) | {"first_row": first, "kept_rows": count, "newest_time": newest}
            for served, first, count, newest in zip(requests, first_rows, counts.tolist(), told, strict=True)
        ]
        prepared.append(Prepared(decisions, rows))
    return prepared


def write_requests(state: State, prepared: Sequence[Prepared]) -> None:
    """Store the rows of requests, one file a generation, and book their decisions in one transaction.

    A request that an earlier attempt may have booked already is not booked again.
    """
    asked = [decision["id"] for one in prepared for decision in one.decisions]
    booked = find_booked(state, asked)
    draft = Draft()
    for one in prepared:
        new = {decision["id"]: decision for decision in reversed(one.decisions) if decision["id"] not in booked}
        booked |= set(new)
        if new:
            file = save_answered(state.files, one.rows) if len(one.rows) else None
            draft.add(decisions_table, [decision | {"rows_file": file} for decision in new.values()])
    draft.commit(state.engine)


def keep_served(config: Config, requests: Sequence[ServedRequest], chosen: Sequence[np.ndarray]) -> AnsweredRows:
    """Return the ``chosen`` rows of requests to one generation, one request after another.

    They are put together before anything is computed of them: most requests are of a single row.
    """
    schema = requests[0].predictor.schema
    pairs = list(zip(requests, chosen, strict=True))
    inputs = gather_inputs(pairs)
    counts = [len(rows) for rows in chosen]
    owner = np.repeat(np.arange(len(requests)), counts)
    digests, keys = np.zeros(len(inputs), np.uint64), np.zeros(len(inputs), np.uint64)
    known = {
        place: tuple(one.columns if one.columns is not None else schema.inputs) for place, one in enumerate(requests)
    }
    for own in dict.fromkeys(known.values()):
        rows_of = np.flatnonzero(np.isin(owner, [place for place, names in known.items() if names == own]))
        digests[rows_of] = compute_keys(inputs.iloc[rows_of], own)
    named = [(place, _pick(one.keys, rows)) for place, (one, rows) in enumerate(pairs) if one.keys is not None]
    if named and config.labels.key_columns:
        rows_of = np.flatnonzero(np.isin(owner, [place for place, _ in named]))
        raw = pd.concat([table for _, table in named], ignore_index=True)
        keys[rows_of] = compute_named_keys(raw, config.labels.key_columns, schema)
    positions = np.concatenate(chosen).astype(np.int32)
    outputs = np.concatenate([one.answer.outputs[rows] for one, rows in pairs]).astype(np.float32)
    return AnsweredRows(inputs, positions, digests, keys, outputs)


def gather_inputs(pairs: Iterable[tuple[ServedRequest, np.ndarray]]) -> pd.DataFrame:
    """Return the inputs of the chosen rows of requests, one request after another.

    Requests that were read without a DataFrame get one together: it costs more than the answer to a row.
    """

    tables = []
    for kind, group in groupby(((one.rows.typed, one, rows) for one, rows in pairs), lambda part: type(part[0])):
        own = list(group)
        if kind is TypedRows and all(len(typed) == len(rows) for typed, _, rows in own):
            tables.append(TypedRows.join([typed for typed, _, _ in own if isinstance(typed, TypedRows)]).to_frame())
        else:
            tables += [_pick(one.rows.inputs, rows) for _, one, rows in own]
    return pd.concat(tables, ignore_index=True)


def find_newest_times(
    requests: Sequence[ServedRequest], rows: AnsweredRows, counts: np.ndarray
) -> list[datetime | None]:
    """Return for each request what ``find_newest_time`` says of its rows."""
    schema = requests[0].predictor.schema
    if schema.time not in rows.inputs:
        return [None] * len(requests)
    times = rows.inputs[schema.time].to_numpy(dtype="datetime64[us]")
    parts = np.split(times, np.cumsum(counts)[:-1])
    return [find_newest(part, one.at) for one, part in zip(requests, parts, strict=True)]


def _pick(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    return table if len(rows) == len(table) else table.iloc[rows]


def describe_served(served: ServedRequest) -> dict[str, Any]:
    """Return the row of the decisions table, without what is never read of a service's requests."""
    described, many = served.predictor.describe(served.choice), len(served.rows) >= LEAST_ESTIMATED
    counts = served.choice.profile.counts
    present = {name_kind(kind) for kind in RowKind if counts[kind]}
    return described | {
        "id": served.id,
        "request": served.origin,
        "rows": len(served.rows),
        "profile": shorten_profile(described["profile"]),
        "weights": {kind: weights for kind, weights in described["weights"].items() if kind in present},
        "estimate": served.predictor.estimate(served.choice, served.answer).to_json() if many else None,
        "failures": dict(served.answer.failures),
        "served": served.answer.count_served(),
        "output": "",
        "key_columns": list(served.columns or ()),
        "created_at": served.at,
    }


def shorten_profile(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile in JSON without the numbers that are 0; ``Profile.from_json`` knows that they are.

    >>> shorten_profile({"metafeatures": {"a": 0.0, "b": 1.0}, "counts": (1, 0), "quality": ((0.5,), (0.0,)),
    ...                  "shares": {"x": (0.0, 0.0, 0.0), "y": (1.0, 0.0, 0.0)}})
    {'metafeatures': {'b': 1.0}, 'counts': (1, 0), 'quality': [[0.5], []], 'shares': {'y': (1.0, 0.0, 0.0)}}
    """
    return dict(profile) | {
        "metafeatures": {name: number for name, number in profile["metafeatures"].items() if number},
        "quality": [list(row) if any(row) else [] for row in profile["quality"]],
        "shares": {name: shares for name, shares in profile["shares"].items() if any(shares)},
    }
