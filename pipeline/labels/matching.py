"""Which served rows an update has labels of: those that its batch brings again, and those labelled by their ids.

A batch brings a row again where the columns that name it (``labels.key_columns``) agree, or else all inputs that its
request had; what occurs twice on either side tells nothing and is left out. Where a batch has the row, the batch
counts: a label by the row's id does not count a second time, since models learn the row from the batch.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from pointsman.common.reading import encode_target
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.state import State
from pointsman.pipeline.labels.batch_keys import RowKeys, load_earlier_keys
from pointsman.pipeline.labels.outcomes import Outcome
from pointsman.pipeline.labels.queries import Row, load_brought_rows, load_counted, load_reconciled_rows
from pointsman.pipeline.labels.served_rows import DIGEST, KEY, POSITION, compute_keys, load_row_keys
from pointsman.pipeline.labels.waiting import load_unreconciled, load_waiting

log = logging.getLogger(__name__)

COLUMNS_HELD = 32
"""Sets of columns for which the batch's digests are kept: most of the many files of requests have the same columns."""

FOUND = (
    "request",
    "generation",
    "champion",
    "rows_file",
    "place",
    "position",
    "target",
    "late",
    "served_at",
    "arrived_at",
    "stream_time",
    "number",
    "former",
    "taken_with",
)
DESCRIBED = FOUND[:-2]


@dataclass(frozen=True, eq=False)
class MatchedRows:
    """Served rows with labels, one for each row of ``table`` (columns FOUND).

    labels:   what became of the labels that came by row id, by their number: None where one counts for everything
    repeated: rows that the batch brings although an earlier update took their labels by id

    ``number`` is that of a row's label, 0 where the batch brings it. ``former`` is the target by another label, which
    an earlier update took with the batch ``taken_with``; NaN and 0 without one.
    """

    table: pd.DataFrame
    labels: Mapping[int, str | None]
    repeated: tuple[Row, ...] = ()


def find_labelled(
    state: State, schema: Schema, batch: LabelledBatch, row_keys: RowKeys, arrived_at: pd.Timestamp
) -> MatchedRows:
    """Return every served row whose label came with the batch, or by row id since the last update."""
    brought, repeated = find_brought(state, batch, row_keys, arrived_at)
    waiting, outcomes = find_waiting(state, schema)
    if len(waiting):
        everywhere = [row_keys, *load_earlier_keys(state)]
        in_batch = np.any([one.has(waiting[DIGEST].to_numpy(), waiting[KEY].to_numpy()) for one in everywhere], axis=0)
        # digests of requests that had some of the inputs alone are not among the marks
        told = load_brought_rows(state, list_requests(waiting)) | set(list_rows(brought))
        known = in_batch | is_among(waiting, told)
        outcomes |= dict.fromkeys(waiting["number"][known].tolist(), Outcome.IN_BATCH)
        waiting = waiting[~known]
    parts = [part[list(DESCRIBED)] for part in (brought, waiting) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(FOUND))
    table = add_former(state, schema, table)
    # What a batch says again is known; where it contradicts a label by id, it corrects that.
    table = table[table["late"].astype(bool) | (table["target"] != table["former"])].reset_index(drop=True)
    return MatchedRows(table, outcomes, tuple(repeated))


def find_brought(
    state: State, batch: LabelledBatch, row_keys: RowKeys, arrived_at: pd.Timestamp
) -> tuple[pd.DataFrame, list[Row]]:
    """Return the served rows that a batch brings, and which of them had their label taken by id before.

    Rows that an earlier batch brought are in neither.
    """
    served = load_unreconciled(state)

    @lru_cache(COLUMNS_HELD)
    def digest_batch(columns: tuple[str, ...]) -> np.ndarray:
        return compute_keys(batch.inputs, columns) if columns else row_keys.digests

    parts: list[pd.DataFrame] = []
    for file, of_file in served.groupby("rows_file", sort=True):
        if (stored := load_row_keys(state.files, str(file))) is not None:
            # A digest is of the columns that its request had, so requests are compared by their columns.
            for columns in dict.fromkeys(of_file["columns"]):
                own = of_file[[one == columns for one in of_file["columns"]]]
                parts += match_requests(own, stored, row_keys, digest_batch(columns), batch.target)
    if not parts:
        return pd.DataFrame(columns=list(FOUND)), []
    found = pd.concat(parts, ignore_index=True)
    requests = list_requests(found)
    found = found[~is_among(found, load_brought_rows(state, requests))]
    # Their labels were taken by id before: as evidence that must count no longer, since models now learn the rows.
    by_id = is_among(found, load_reconciled_rows(state, requests))
    brought = found.assign(late=False, arrived_at=arrived_at, stream_time=None, number=0)
    return brought, list_rows(found[by_id])


def match_requests(
    served: pd.DataFrame, stored: pd.DataFrame, row_keys: RowKeys, digests: np.ndarray, target: np.ndarray
) -> list[pd.DataFrame]:
    """Return the rows of some requests that a batch brings, each with its target: by their keys, then by inputs.

    served:  the requests, which had the same columns, and whose rows are in one file
    stored:  position, digest and key of every row of that file
    digests: (n_rows,) of the batch's rows in these columns; ``target`` (n_rows,) are its labels
    """
    owner, places = spread_out(served)
    kept = stored.iloc[places]
    own_keys, own_digests = kept[KEY].to_numpy(), kept[DIGEST].to_numpy()
    # Where a row has a key, that decides alone: two rows may have the same inputs and be different ones.
    named = row_keys.names(own_keys)
    parts = []
    for asked, theirs, ours in ((named, row_keys.keys, own_keys), (~named, digests, own_digests)):
        rows = np.flatnonzero(asked)
        in_batch, matched = match_rows(theirs, ours[rows], owner[rows])
        rows = rows[matched]
        table = _describe(served, owner[rows], places[rows], kept[POSITION].to_numpy()[rows])
        parts.append(table.assign(target=target[in_batch]))
    return parts


def find_waiting(state: State, schema: Schema) -> tuple[pd.DataFrame, dict[int, str | None]]:
    """Return kept rows with labels by id that no update took yet, each with its newest, and all labels' outcomes."""
    waiting = load_waiting(state)
    nothing = pd.DataFrame(columns=[*FOUND, DIGEST, KEY])
    # Every label is taken, the outdated ones too, or they would be found waiting for ever.
    outcomes: dict[int, str | None] = dict.fromkeys(waiting["number"].tolist(), Outcome.REPLACED)
    newest = waiting.drop_duplicates(["request", "position"], keep="last")
    parts = []
    for file, own in newest.groupby("rows_file", sort=True):
        stored = load_row_keys(state.files, str(file))
        outcomes |= dict.fromkeys(own["number"].tolist(), Outcome.GONE if stored is None else Outcome.NOT_KEPT)
        if stored is not None:
            parts.append(join_labels(own, stored))
    if not parts:
        return nothing, outcomes
    found = pd.concat(parts, ignore_index=True)
    outcomes |= dict.fromkeys(found["number"].tolist(), None)
    found = found.assign(late=True, target=read_targets(found["label"], schema))
    # A label that the present schema does not know is taken and tells nothing.
    unknown = found["target"].isna()
    outcomes |= dict.fromkeys(found["number"][unknown].tolist(), Outcome.UNREADABLE)
    return found[~unknown], outcomes


def add_former(state: State, schema: Schema, table: pd.DataFrame) -> pd.DataFrame:
    """Return labelled rows with what the ledger has of them by another label."""
    counted = load_counted(state, list_requests(table))
    known = [counted.get(row, (None, 0)) for row in list_rows(table)]
    former = read_targets(pd.Series([label for label, _ in known], index=table.index, dtype="object"), schema)
    return table.assign(former=former, taken_with=[0 if batch is None else batch for _, batch in known])


def read_targets(labels: pd.Series, schema: Schema) -> np.ndarray:
    """Return stored labels as targets (n_rows,); NaN for none, and for one that the present schema does not know."""
    return encode_target(labels, schema) if schema.task.is_classification else labels.astype("float64").to_numpy()


def join_labels(labels: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the labelled rows of one file, from labels of its requests and the keys of all its rows."""
    requests = labels.drop_duplicates("request").rename(columns={"request": "id"})
    owner, places = spread_out(requests)
    kept = stored.iloc[places].reset_index(drop=True)
    described = _describe(requests, owner, places, kept[POSITION].to_numpy()).assign(
        **{DIGEST: kept[DIGEST], KEY: kept[KEY]}
    )
    told = labels[["request", "position", "label", "arrived_at", "stream_time", "number"]]
    return described.merge(told, on=["request", "position"])


def match_rows(batch: np.ndarray, keys: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions in the batch and among ``keys`` of keys that occur once in the batch and once in their owner.

    >>> match_rows(np.array([5, 7, 7, 9]), np.array([9, 7, 5, 9, 9, 5]), np.array([0, 0, 0, 1, 1, 1]))
    (array([3, 0, 0]), array([0, 2, 5]))
    """
    known, first, counts = np.unique(batch, return_index=True, return_counts=True)
    known, first = known[counts == 1], first[counts == 1]
    if not len(known) or not len(keys):
        return np.empty(0, dtype=int), np.empty(0, dtype=int)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    twice = pd.DataFrame({"owner": owners, "key": keys}).duplicated(keep=False).to_numpy()
    matched = np.flatnonzero((known[places] == keys) & ~twice)
    return first[places[matched]], matched


def spread_out(served: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return for every kept row of requests that share a file: the position of its request, and its place in the file.

    >>> spread_out(pd.DataFrame({"first_row": [4, 0], "kept_rows": [2, 3]}))
    (array([0, 0, 1, 1, 1]), array([4, 5, 0, 1, 2]))
    """
    first, counts = served["first_row"].to_numpy(dtype=int), served["kept_rows"].to_numpy(dtype=int)
    owner = np.repeat(np.arange(len(served)), counts)
    return owner, np.arange(counts.sum()) - (np.cumsum(counts) - counts - first)[owner]


def list_rows(table: pd.DataFrame) -> list[Row]:
    """Return request and position of each row of a table."""
    return list(zip(table["request"].tolist(), table["position"].tolist(), strict=True))


def list_requests(table: pd.DataFrame) -> list[str]:
    """Return the requests that have rows in a table, in order."""
    return sorted(set(table["request"].tolist()))


def is_among(table: pd.DataFrame, rows: set[Row]) -> np.ndarray:
    """Return which rows of a table (n_rows,) bool are among the given ones."""
    return np.array([row in rows for row in list_rows(table)], dtype=bool)


def _describe(served: pd.DataFrame, owner: np.ndarray, places: np.ndarray, positions: np.ndarray) -> pd.DataFrame:
    named: Mapping[str, np.ndarray] = {
        "request": served["id"].to_numpy()[owner],
        "generation": served["generation"].to_numpy()[owner],
        "champion": served["champion"].to_numpy()[owner],
        "rows_file": served["rows_file"].to_numpy()[owner],
        "served_at": served["created_at"].to_numpy()[owner],
        "place": places,
        "position": positions,
    }
    return pd.DataFrame(named)
