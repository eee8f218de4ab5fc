"""The next batch of a stream: its parts in time order, cut by rows or by period."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.cells.date_notations import TWINS
from pointsman.common.config import BatchConfig, Config
from pointsman.common.errors import DataError, NoNewData
from pointsman.common.exact import concat_tables
from pointsman.common.records import RawBatch
from pointsman.common.tabular.reader import read_table
from pointsman.common.wanted import Wanted
from pointsman.pipeline.collection.arrival import follow, number_parts
from pointsman.pipeline.collection.cells import storable
from pointsman.pipeline.collection.cursor import Cursor, PartState, match_parts
from pointsman.pipeline.collection.cuts import count_rows
from pointsman.pipeline.collection.naming import list_names
from pointsman.pipeline.collection.ordering import OrderedPart, PartReader, decide_time_format, read_part, read_times
from pointsman.pipeline.collection.part import Part
from pointsman.pipeline.collection.pending import Pending, find_pending
from pointsman.pipeline.collection.sources import open_source

_log = logging.getLogger(__name__)


def take_batch(
    config: Config,
    cursor: Mapping[str, Any] | None,
    number: int,
    stored_rows: Callable[[], Iterable[pd.DataFrame]],
    reader: PartReader | None = None,
) -> RawBatch:
    """Return the next batch of the configured source; it counts as taken once its ``cursor`` is stored.

    ``cursor`` is that of the batch before, None for the first. ``stored_rows`` yields the raw tables of all batches up
    to that cursor, rejected ones included and files taken with ``take_file`` left out; it is called only where a part
    was rewritten. A ``reader`` shared between calls spares parsing an unchanged part for every batch.

    Raises NoNewData where nothing is left or too little waits, DataError for a source that cannot be read.
    """
    reader = reader or PartReader(config.schema_)
    source = open_source(config)
    parts, known = match_parts(source.parts(), Cursor.from_json(cursor))
    if config.schema_.is_timeless:
        parts = number_parts(parts, known.parts)
    states = {part.key: known.parts.get(part.key, PartState()) for part in parts}
    finished = [part for part in parts if states[part.key].has_all_of(part)]
    for part in finished:
        reader.forget(part)
    read = [(reader.read(part), states[part.key]) for part in parts if not states[part.key].has_all_of(part)]
    gone = {key: state for key, state in known.parts.items() if key not in states}
    pending = find_pending(read, gone, known.newest, lambda: map(reader.read, finished), stored_rows)
    shares = _share_out(pending, known.newest, config.batch, source.label)
    return _assemble(config, number, known, shares)


def take_file(
    config: Config, path: str | Path, cursor: Mapping[str, Any] | None, number: int, usual: str | None = None
) -> RawBatch:
    """Return the whole labelled file at ``path``, in time order, as the next batch; the cursor stays where it is.

    ``usual`` is the notation of the stream's times, where it is known.

    Raises DataError where the file cannot be read, lacks the time or target column or has no rows.
    """
    path = Path(path)
    wanted = Wanted.of_stream(config)
    part = Part(str(path), str(path), lambda: read_table(path, wanted), digest=None)
    if config.schema_.is_timeless:
        part = follow(part, Cursor.from_json(cursor).newest)
    ordered = read_part(part, config.schema_, usual)
    if not len(ordered):
        raise DataError(f"The file '{path}' has a header and no rows; add labelled rows to it.")
    everything = np.arange(len(ordered))
    return RawBatch(
        number=number,
        origin=str(path),
        frame=storable(ordered.take(everything).reset_index(drop=True)),
        times=pd.Series(ordered.times, name=config.schema_.time),
        cursor=dict(cursor or {}),
        late_rows=_count_late(ordered.order, Cursor.from_json(cursor).newest),
        time_format=ordered.time_format,
    )


def take_again(
    config: Config,
    frame: pd.DataFrame,
    time_format: str | None,
    cursor: Mapping[str, Any] | None,
    number: int,
    rejected: int,
) -> RawBatch:
    """Return the stored rows of a rejected batch, which was released, as the next one; the cursor stays where it is.

    ``time_format`` is the notation of the stream's times, where it is known.
    """
    origin = f"batch {rejected}, released from quarantine"
    cells = frame[config.schema_.time]
    time_format = config.schema_.time_format or decide_time_format(cells, origin, config.schema_, time_format)
    times = read_times(cells, origin, config.schema_, time_format)
    return RawBatch(
        number=number,
        origin=origin,
        frame=frame,
        times=times,
        cursor=dict(cursor or {}),
        late_rows=_count_late(times.ffill().bfill().to_numpy(), Cursor.from_json(cursor).newest),
        retakes=rejected,
        time_format=time_format,
    )


@dataclass(frozen=True, eq=False)
class _Share:
    """What one part gives to a batch: the rows at ``positions`` (n_taken,), ascending."""

    pending: Pending
    positions: np.ndarray

    @property
    def ordered(self) -> OrderedPart:
        return self.pending.ordered


def _share_out(pending: list[Pending], newest: pd.Timestamp | None, batch: BatchConfig, label: str) -> list[_Share]:
    """Return each part's share of the next batch; NoNewData where there is none."""
    order = _join([part.order for part in pending])
    ranking = np.argsort(order, kind="stable")
    count = count_rows(order[ranking], newest, batch)
    if not count:
        raise NoNewData(_explain_wait(len(order), batch.min_rows, label))
    chosen = np.zeros(len(order), dtype=bool)
    chosen[ranking[:count]] = True
    bounds = np.cumsum([len(part.positions) for part in pending])[:-1]
    return [_Share(part, part.positions[mine]) for part, mine in zip(pending, np.split(chosen, bounds), strict=True)]


def _assemble(config: Config, number: int, known: Cursor, shares: list[_Share]) -> RawBatch:
    """Put all shares together in time order, with every column that any part has."""
    columns = list(dict.fromkeys(name for share in shares for name in share.ordered.table.columns))
    givers = [share for share in shares if len(share.positions)]
    order = _join([share.ordered.order[share.positions] for share in givers])
    ranking = np.argsort(order, kind="stable")
    frame = concat_tables([share.ordered.take(share.positions) for share in givers])
    times = _join([share.ordered.times[share.positions] for share in givers])
    renamed = {share.pending.former for share in shares}
    before = {key: state for key, state in known.parts.items() if key not in renamed}
    after = {share.ordered.part.key: share.pending.advance(share.positions) for share in shares}
    newest = pd.Timestamp(order.max())
    return RawBatch(
        number=number,
        origin=list_names([share.ordered.part.label for share in givers], shown=3),
        frame=storable(frame.reindex(columns=columns).iloc[ranking].reset_index(drop=True)),
        times=pd.Series(times[ranking], name=config.schema_.time),
        cursor=Cursor(before | after, max(newest, known.newest or newest)).to_json(),
        late_rows=_count_late(order, known.newest),
        time_format=_join_time_formats([share.ordered for share in givers], config.schema_.time),
    )


def _join_time_formats(parts: Sequence[OrderedPart], column: str) -> str:
    """Return the notation that reads the times of all parts; DataError where two of them disagree."""
    by_format = {part.time_format: part for part in reversed(parts)}
    mistakable = [one for one in by_format if one in TWINS]
    for one in mistakable:
        if TWINS[one] in by_format:
            raise DataError(
                f"The times '{column}' of one batch are {one} in '{by_format[one].part.label}' and {TWINS[one]} in "
                f"'{by_format[TWINS[one]].part.label}'; write those of one file as YYYY-MM-DD, or give each file by "
                "itself: update -file."
            )
    return next(iter(mistakable or by_format))


def _join(times: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype="datetime64[us]"), *times])


def _explain_wait(waiting: int, min_rows: int, label: str) -> str:
    if not waiting:
        return f"There is nothing new in '{label}': it has no row that was not taken; run update again when it has."
    rows = "1 row waits" if waiting == 1 else f"{waiting} rows wait"
    return (
        f"There is nothing new to take from '{label}' yet: {rows}, fewer than batch.min_rows ({min_rows}); run update "
        "again when there are more or lower batch.min_rows."
    )


def _count_late(order: np.ndarray, newest: pd.Timestamp | None) -> int:
    late = 0 if newest is None else int((order < newest.to_datetime64()).sum())
    if late:
        _log.info("%d of %d rows are older than what was taken before.", late, len(order))
    return late
