"""A new state from the raw batches of another one: for what a schema revision cannot change, such as the target.

They are taken as they were cut, in their order, rejected ones among them. The new state goes on with the cursor of the
old one, so that its next updates take from the source exactly what the old state had not taken.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, NoNewData, StateError
from pointsman.common.records import RawBatch
from pointsman.common.storage.state import State, open_state
from pointsman.pipeline.collection.cursor import Cursor
from pointsman.pipeline.collection.naming import check_columns
from pointsman.pipeline.collection.ordering import decide_time_format, read_times
from pointsman.pipeline.quality.stored_batches import StoredBatch, list_stored
from pointsman.registry.generations import Generation, load_generation
from pointsman.registry.lineage import load_lineage
from pointsman.registry.store import load_cursors

TAKEN = "old_batch"
"""Key of a cursor: the newest batch of the old state that the new one has taken. An update from a source drops it."""


@dataclass(frozen=True)
class OldBatches:
    """The batches of an open state, and the cursor after each; ``time_format`` is how that state read their times."""

    config: Config
    state: State
    stored: tuple[StoredBatch, ...]
    cursors: Mapping[int, Mapping[str, Any]]
    time_format: str | None = None

    def take(self, before: Generation, number: int) -> tuple[RawBatch, bool]:
        """Return the next of them as batch ``number`` of the new state, and whether it was given by hand.

        Raises NoNewData where all were taken, ConfigError where the new state has gone on with another source.
        """
        taken = (before.cursor or {}).get(TAKEN)
        if taken is None and before.number:
            raise ConfigError(
                f"--from-state begins a new state, and this one has batches of its own already; leave it out to go on "
                f"with the source, or name another state_dir than the one that holds batch {before.batch}."
            )
        waiting = [one for one in self.stored if one.retakes is None and one.number > (taken or 0)]
        if not waiting:
            raise NoNewData(
                f"There is no new data in '{self.state.folder}': all its batches were taken; leave out --from-state."
            )
        return self._read(waiting[0], before, number), waiting[0].by_hand

    def _read(self, one: StoredBatch, before: Generation, number: int) -> RawBatch:
        """Return a batch in the order of the current time column."""
        schema = self.config.schema_
        frame = self.state.files.load_table(one.file)
        origin = f"batch {one.number} of '{self.state.folder}'"
        check_columns(frame, origin, {"schema.time": schema.time, "schema.target": schema.target})
        usual = before.schema.time_format if before.schema else None
        time_format = (
            schema.time_format or one.time_format or decide_time_format(frame[schema.time], origin, schema, usual)
        )
        times = read_times(frame[schema.time], origin, schema, time_format)
        # Rows whose time cannot be read stay beside those they came with.
        filled = times.ffill().bfill()
        order = filled.argsort(kind="stable").to_numpy()
        newest = Cursor.from_json(before.cursor).newest
        # A batch given by hand leaves the cursor where it is, here as when it was first taken.
        latest = newest if one.by_hand else max(pd.Timestamp(filled.max()), newest or pd.Timestamp.min)
        cursor = replace(Cursor.from_json(self.cursors[one.number]), newest=latest).to_json()
        return RawBatch(
            number=number,
            origin=origin,
            frame=frame.iloc[order].reset_index(drop=True),
            times=times.iloc[order].reset_index(drop=True),
            cursor=cursor | {TAKEN: one.number},
            late_rows=0 if newest is None else int((filled < newest).sum()),
            time_format=time_format,
        )


@contextmanager
def open_batches(config: Config, state: State, folder: Path) -> Iterator[OldBatches]:
    """Open the batches of the state in ``folder``, to begin ``state`` with; StateError where there are none."""
    if folder.resolve() == state.folder.resolve():
        raise ConfigError(f"--from-state names the state itself, '{folder}'; name a new one with state_dir=....")
    if not (folder / "catalogue.db").is_file():
        raise StateError(f"There is no state in '{folder}' (no catalogue.db); correct --from-state.")
    with open_state(config.model_copy(update={"state_dir": folder, "database_url": None})) as old:
        stored, live = list_stored(old), load_generation(old)
        if not stored:
            raise StateError(f"There is no batch in '{folder}' to begin with; correct --from-state.")
        cursors = load_cursors(old, load_lineage(old, live.number))
        schema = live.schema if live.schema and live.schema.time == config.schema_.time else None
        yield OldBatches(config, old, tuple(stored), cursors, schema.time_format if schema else None)
