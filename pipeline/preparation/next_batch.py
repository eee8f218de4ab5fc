"""The next batch of an update: a file that is named, a rejected batch that was released, or a cut of the source."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from pointsman.common.config import ARRIVAL, Config
from pointsman.common.errors import NoNewData
from pointsman.common.records import RawBatch
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.batching import take_again, take_batch, take_file
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.release import find_released_batch
from pointsman.registry.generations import Generation


def collect(config: Config, state: State, before: Generation, reader: PartReader, file: Path | None) -> RawBatch:
    """Take the one file the user names, a rejected batch that was released, or cut the next batch of the source."""
    number = next_number(state)
    if file is not None:
        return take_file(config, file, before.cursor, number, before.schema.time_format if before.schema else None)
    if released := find_released_batch(state):
        rejected, rejected_file = released
        time_format = before.schema.time_format if before.schema else None
        frame = state.files.load_table(rejected_file)
        return take_again(config, frame, time_format, before.cursor, number, rejected)

    def stored_rows() -> Iterator[pd.DataFrame]:
        query = sa.select(batches.c.file).where(sa.not_(batches.c.by_hand)).order_by(batches.c.number)
        for stored in read_rows(state.engine, query):
            yield state.files.load_table(stored["file"])

    return take_batch(config, before.cursor, number, stored_rows, reader)


def next_number(state: State) -> int:
    """Return the number of the batch that is taken next."""
    last = read_rows(state.engine, sa.select(sa.func.max(batches.c.number).label("last")))[0]["last"]
    return (last or 0) + 1


def check_new(state: State, file: Path, frame: pd.DataFrame) -> None:
    """Raise NoNewData where a file given by hand holds a batch that is stored already."""
    query = sa.select(batches.c.number, batches.c.file)
    if ARRIVAL not in frame:
        known = read_rows(state.engine, query.where(batches.c.file == state.files.save_table(frame)))
    else:  # the same rows arrive at another time
        alike = read_rows(state.engine, query.where(batches.c.rows == len(frame)).order_by(batches.c.number))
        cells = frame.drop(columns=ARRIVAL)
        known = [one for one in alike if cells.equals(state.files.load_table(one["file"]).drop(columns=ARRIVAL))]
    if known:
        raise NoNewData(f"There is nothing new in '{file}': its rows are batch {known[0]['number']} already.")


def is_stored(state: State, number: int) -> bool:
    """Whether a batch of that number was taken before."""
    return bool(read_rows(state.engine, sa.select(batches.c.number).where(batches.c.number == number)))


def read_first(config: Config, reader: PartReader, file: Path | None) -> None:
    """Read the first rows before a new state is created, so that unreadable ones leave no empty state behind.

    The parts of a source stay with the ``reader``, which does not read them again.
    """
    if file is not None:
        take_file(config, file, None, 1)
    else:
        take_batch(config, None, 1, lambda: (), reader)
