"""A small cut of the demo stream that learns in seconds, to be given bad files and decisions."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from pointsman.common.config import load_config
from pointsman.common.errors import BatchRejected
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.pipeline.collection.demo.simulator import simulate
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.quality.stored import quality_table
from pointsman.pipeline.update import update_once

ROOT = Path(__file__).resolve().parents[2]
ROWS = 120
QUICK = (
    "source.kind=files",
    "source.paths=[stream.csv]",
    f"batch.rows={ROWS}",
    "search.trials=1",
    "training.folds=1",
    "search.families=[tree]",
    "search.variants=[onehot]",
    "features.date_parts={}",
    "features.durations=[]",
    "promotion.max_active=2",
)

LINEAR = "search.families=[linear,lightgbm]"
"""More to choose from: without it nothing but the plain models and a tree competes, and nothing has a rival."""


def make_rows(batches=8):
    """Rows of a stream in which nothing happens."""
    return simulate(20 * ROWS, 3, schedule=()).head(batches * ROWS)


def configure(folder, *overrides):
    """The configuration of the demo stream, quick."""
    return load_config(
        ROOT / "config.yaml", [*QUICK, f"data_dir={folder}", f"state_dir={folder / 'state'}", *overrides]
    )


def learn(folder, batches_wanted, *overrides):
    """Write the stream and learn its first batches."""
    folder.mkdir(exist_ok=True)
    make_rows().to_csv(folder / "stream.csv", index=False)
    with opened(folder, *overrides) as (config, state):
        reader = PartReader(config.schema_)
        for _ in range(batches_wanted):
            update_once(config, state, reader)
    return folder


def copy(folder, to):
    """A state to break, beside the one that others go on with.

    Another process copies it: one that reads the file of a database and closes it loses the locks that SQLite holds for
    it on that file, and others then take the log away beneath it (sqlite.org/howtocorrupt.html, 2.2).
    """
    to.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-R", "-p", f"{folder}/.", to], check=True)
    return to


@contextmanager
def opened(folder, *overrides):
    """Open the state of a folder with its configuration."""
    config = configure(folder, *overrides)
    with open_state(config) as state:
        yield config, state


def take(folder, frame=None, *overrides):
    """Update with a file made of ``frame``, or with the next batch; return what became of it, and every breach."""
    if frame is not None:
        frame.to_csv(folder / "given.csv", index=False)
    with opened(folder, *overrides) as (config, state):
        try:
            update_once(config, state, PartReader(config.schema_), folder / "given.csv" if frame is not None else None)
            refused = ""
        except BatchRejected as rejection:
            refused = str(rejection)
        newest = sa.select(batches).order_by(batches.c.number.desc()).limit(1)
        (batch,) = read_rows(state.engine, newest)
        found = sa.select(quality_table).where(quality_table.c.batch == batch["number"], ~quality_table.c.passed)
        return batch, pd.DataFrame(read_rows(state.engine, found), columns=list(quality_table.c.keys())), refused
