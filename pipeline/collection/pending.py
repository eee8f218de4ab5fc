"""Which rows of a part are still to be taken, even when the part was rewritten since it was last read."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pointsman.pipeline.collection.cursor import PartState
from pointsman.pipeline.collection.fingerprints import StoredRows, add_digests, compute_rows_digest, hash_rows
from pointsman.pipeline.collection.ordering import OrderedPart

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Pending:
    """The rows of a part that no batch holds: ``positions`` (n_pending,), ascending, and the state without them.

    ``former`` is the key under which the part was taken before, where it was renamed.
    """

    ordered: OrderedPart
    state: PartState
    positions: np.ndarray
    former: str | None = None

    @property
    def order(self) -> np.ndarray:
        """The times that put the pending rows in order, (n_pending,)."""
        return self.ordered.order[self.positions]

    def advance(self, chosen: np.ndarray) -> PartState:
        """Return the part's state once the rows at the positions ``chosen`` are taken."""
        added = compute_rows_digest(hash_rows(self.ordered.take(chosen)))
        state = replace(
            self.state,
            rows=len(self.ordered),
            taken=self.state.taken + len(chosen),
            digest=add_digests(self.state.digest, added),
        )
        return state.remember(self.ordered.part)


def find_pending(
    read: Sequence[tuple[OrderedPart, PartState]],
    gone: Mapping[str, PartState],
    newest: pd.Timestamp | None,
    read_finished: Callable[[], Iterable[OrderedPart]],
    stored_rows: Callable[[], Iterable[pd.DataFrame]],
) -> list[Pending]:
    """Return what is pending of each part that was read.

    A part that still begins with the rows taken from it continues after them. Otherwise those of its rows that are
    among the stored ones were taken. Each stored row stands for one row only, and those that other parts account for
    (``read_finished`` loads the parts that were not read) are left out first. A new part that is not newer than
    everything taken (``newest``) may be one of the parts that are ``gone``, renamed and changed: it is, if its stored
    rows are exactly those taken from that part. ``read_finished`` and ``stored_rows`` are called in these rare cases
    alone.
    """
    pending = [
        None if gone and not state.taken and _has_older(ordered, newest) else _continue(ordered, state)
        for ordered, state in read
    ]
    if None not in pending:
        return [found for found in pending if found is not None]
    stored = StoredRows(stored_rows())
    for ordered in read_finished():
        stored.strike_off(hash_rows(ordered.table))
    for found in pending:
        if found is not None:
            stored.strike_off(hash_rows(found.ordered.take(np.arange(found.state.taken))))
    for index in sorted(range(len(read)), key=lambda index: not read[index][1].taken):
        ordered, state = read[index]
        if pending[index] is None:
            pending[index] = _look_up(ordered, state, stored) if state.taken else _find_heir(ordered, gone, stored)
    return [found for found in pending if found is not None]


def _has_older(ordered: OrderedPart, newest: pd.Timestamp | None) -> bool:
    return newest is not None and len(ordered) > 0 and bool(ordered.order[0] <= newest.to_datetime64())


def _continue(ordered: OrderedPart, state: PartState) -> Pending | None:
    if state.taken > len(ordered):
        return None
    taken = hash_rows(ordered.take(np.arange(state.taken)))
    if compute_rows_digest(taken) != state.digest:
        return None
    return Pending(ordered, state, np.arange(state.taken, len(ordered)))


def _find_heir(ordered: OrderedPart, gone: Mapping[str, PartState], stored: StoredRows) -> Pending:
    hashes = hash_rows(ordered.take(np.arange(len(ordered))))
    found = stored.find(hashes)
    taken = int(found.sum()), compute_rows_digest(hashes[found])
    for key, state in gone.items():
        if state.taken and (state.taken, state.digest) == taken:
            _log.info("'%s' is taken for '%s', renamed and changed.", ordered.part.label, key)
            stored.strike_off(hashes)
            return Pending(ordered, state, np.flatnonzero(~found), former=key)
    return Pending(ordered, PartState(), np.arange(len(ordered)))


def _look_up(ordered: OrderedPart, state: PartState, stored: StoredRows) -> Pending:
    hashes = hash_rows(ordered.take(np.arange(len(ordered))))
    taken = stored.strike_off(hashes)
    _log.info(
        "'%s' was rewritten or got older rows: %d of its %d rows were taken before.",
        ordered.part.label,
        taken.sum(),
        len(ordered),
    )
    if taken.sum() < state.taken:
        _log.warning(
            "%d of the %d rows taken from '%s' are no longer in it; what replaced them counts as new.",
            state.taken - taken.sum(),
            state.taken,
            ordered.part.label,
        )
    found = replace(state, taken=int(taken.sum()), digest=compute_rows_digest(hashes[taken]))
    return Pending(ordered, found, np.flatnonzero(~taken))
