"""Rows whose labels came, generation by generation, with the inputs and answers that were kept of them."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from pointsman.common.schema import Schema
from pointsman.common.storage.state import State
from pointsman.model_zoo.model import align_classes
from pointsman.pipeline.labels.evidence_rows import find_later, find_learned_until
from pointsman.pipeline.labels.intake import name_row
from pointsman.pipeline.labels.matching import MatchedRows
from pointsman.pipeline.labels.served_rows import AnsweredRows, join_answered, load_answered
from pointsman.registry.generations import Generation, load_generation

log = logging.getLogger(__name__)

LATE_ARRAYS = (
    "requests",
    "champions",
    "target",
    "late",
    "later",
    "times",
    "stream_times",
    "numbers",
    "former",
    "taken_with",
)


@dataclass(frozen=True, eq=False)
class LateRows:
    """Labelled rows that one generation served, in order of time.

    requests:  (n_rows,) ids; champions: the versions that were champion for them
    answered:  outputs in the order of the schema's classes
    target:    (n_rows,) class codes or numbers
    late:      (n_rows,) bool, whether the label came by the row's id, and no batch has the row
    later:     (n_rows,) bool, whether the row is later than all that the generation's models had learned
    times:     (n_rows,) the stream's own time of each row, or when it was served
    stream_times: (n_rows,) the stream's time when the label came by id, where both are known
    numbers:   (n_rows,) of the labels that came by id, 0 for others
    former:    (n_rows,) the target by the label that the ledger has of the row, NaN for none; ``taken_with`` its batch
    learned_until: the newest time that the generation's models had learned
    """

    generation: Generation
    requests: np.ndarray
    champions: np.ndarray
    answered: AnsweredRows
    target: np.ndarray
    late: np.ndarray
    later: np.ndarray
    times: np.ndarray
    stream_times: np.ndarray
    numbers: np.ndarray
    former: np.ndarray
    taken_with: np.ndarray
    learned_until: datetime | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: np.ndarray) -> "LateRows":
        """Return some of the rows, by position."""
        arrays = {name: getattr(self, name)[rows] for name in LATE_ARRAYS}
        return replace(self, answered=self.answered.take(rows), **arrays)

    @property
    def is_correction(self) -> np.ndarray:
        """Which rows (n_rows,) bool the ledger has already, by another label."""
        return ~np.isnan(self.former)

    @property
    def is_evidence(self) -> np.ndarray:
        """Which rows (n_rows,) bool tell what the generation's models are worth: in no batch, and not learned."""
        return self.late & self.later

    @property
    def names(self) -> np.ndarray:
        """A digest (n_rows,) uint64 of each row's id."""
        return digest_names(self.requests.tolist(), self.answered.positions.tolist())


def gather_late_rows(state: State, schema: Schema, found: MatchedRows) -> Iterator[LateRows]:
    """Yield the labelled rows of each generation that served some, with their inputs and outputs."""
    for number in sorted(set(found.table["generation"].tolist())):
        own, generation = found.table[found.table["generation"] == number], load_generation(state, number)
        if generation.schema is None:
            continue
        parts, rows = [], []
        for file, of_file in own.groupby("rows_file", sort=True):
            stored = load_answered(state.files, str(file), schema)
            if stored is not None:
                parts.append(stored.take(of_file["place"].to_numpy(dtype=int)))
                rows.append(of_file)
        if not parts:
            continue
        # A row without a time of its own is placed where it was served; a delay is known only of rows with one.
        table, answered = pd.concat(rows, ignore_index=True), join_answered(parts)
        times = pd.Series(table["served_at"]).astype("datetime64[us]")
        own = answered.inputs[schema.time] if schema.time in answered.inputs else pd.Series(pd.NaT, times.index)
        stream_times = pd.to_datetime(pd.Series(table["stream_time"])).astype("datetime64[us]").where(own.notna())
        until = find_learned_until(state, generation)
        later, times = find_later(own, until), own.fillna(times)
        # Requests that were served in the same moment come in a fixed order, so that a replay reads the same rows.
        order = pd.DataFrame({"time": times, "request": table["request"], "place": table["position"]})
        rows_in_time = order.sort_values(["time", "request", "place"], kind="stable").index.to_numpy()
        yield LateRows(
            generation=generation,
            requests=table["request"].to_numpy(dtype=object)[rows_in_time],
            champions=table["champion"].to_numpy(dtype=object)[rows_in_time],
            answered=align_answered(answered, generation.schema, schema).take(rows_in_time),
            target=table["target"].to_numpy(dtype=float)[rows_in_time],
            late=table["late"].to_numpy(dtype=bool)[rows_in_time],
            later=later[rows_in_time],
            times=times.to_numpy()[rows_in_time],
            stream_times=stream_times.to_numpy()[rows_in_time],
            numbers=table["number"].to_numpy(dtype=int)[rows_in_time],
            former=table["former"].to_numpy(dtype=float)[rows_in_time],
            taken_with=table["taken_with"].to_numpy(dtype=int)[rows_in_time],
            learned_until=until,
        )


def align_answered(answered: AnsweredRows, then: Schema, now: Schema) -> AnsweredRows:
    """Return answered rows whose outputs are in the order of the present classes."""
    if not now.task.is_classification or then.classes == now.classes:
        return answered
    by_version = {
        version: align_classes(outputs, then.classes, now.classes) for version, outputs in answered.by_version.items()
    }
    return AnsweredRows(
        answered.inputs,
        answered.positions,
        answered.digests,
        answered.keys,
        align_classes(answered.outputs, then.classes, now.classes),
        by_version,
    )


def digest_names(requests: Sequence[str], positions: Sequence[int]) -> np.ndarray:
    """Return a digest (n_rows,) uint64 of the ids of rows.

    >>> len(set(digest_names(["a", "a", "a-1"], [1, 11, 1]).tolist()))
    3
    """
    ids = [name_row(request, position) for request, position in zip(requests, positions, strict=True)]
    return pd.util.hash_array(np.array(ids, dtype=object))
