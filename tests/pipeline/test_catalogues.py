"""The whole of Pointsman on SQLite and on PostgreSQL: the same commands leave the same catalogue behind."""

import pandas as pd
import postgres
import pytest
from small_stream import ROWS, configure, make_rows

from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman.common.storage.state import open_state
from pointsman.pipeline.eda import explore
from pointsman.pipeline.explain import explain
from pointsman.pipeline.inference import infer
from pointsman.pipeline.models import models
from pointsman.pipeline.quarantine import quarantine
from pointsman.pipeline.replay import replay
from pointsman.pipeline.summary import summarise
from pointsman.pipeline.update import update
from pointsman.registry.generations import load_generation

NEXT = make_rows().iloc[2 * ROWS : 3 * ROWS].reset_index(drop=True)
DAMAGED = NEXT.assign(
    INSR_END=NEXT["INSR_END"].mask(NEXT.index.isin([3, 4, 40]), "01-JAN-99"),
    MAKE=NEXT["MAKE"].mask(NEXT.index % 7 == 0, "\0 quoted ' % level"),
    USAGE=NEXT["USAGE"].mask(NEXT.index % 9 == 0, "größer"),
    PREMIUM=NEXT["PREMIUM"].mask(NEXT.index % 10 == 0, "inf"),
)
"""Cells that a database may refuse or sort in its own way."""


def live(folder, state, catalogue):
    """Every command once on a state of its own; return the digests of its catalogue."""
    config = configure(folder, f"state_dir={folder / state}", f"database_url={catalogue}")
    assert update(config, 2)
    assert update(config, file=folder / "damaged.csv")
    assert "INSR_END before INSR_BEGIN" in quarantine(config, [])
    assert "3 rows of batch 3 released" in quarantine(config, ["release", "3"], "they are right")
    answered = infer(config, folder / "damaged.csv")
    assert infer(config, folder / "damaged.csv") == answered
    assert len(pd.read_csv(answered)) == ROWS
    assert "the same numbers" in explain(config, answered.stem.rpartition("-")[2][:6])
    assert update(config)
    newest = 5  # three batches, a decision and a batch
    assert "Batch 4 is set aside" in models(config, ["rollback"], to=newest - 1)
    assert "Batch 4 is back" in models(config, ["rollback"], to=newest)
    with open_state(config) as opened:
        champion = load_generation(opened).champion.id
    assert "serves every request" in models(config, ["promote", champion], why="signed off")
    assert "signed off" in models(config, ["history"])
    assert "served every request" in models(config, ["at", "2100-01-01"])
    assert "came out the same" in replay(config, [])
    assert "files removed" in models(config, ["gc"])
    assert models(config, ["rebuild", champion]).endswith("byte for byte.")
    for written in (summarise(config), explore(config, ["3"])):
        assert written.is_file()
    with open_state(config) as opened:
        return compute_catalogue_digests(opened.engine)


@pytest.mark.slow
def test_the_same_commands_leave_the_same_catalogue_on_both(postgresql, tmp_path):
    make_rows().to_csv(tmp_path / "stream.csv", index=False)
    DAMAGED.to_csv(tmp_path / "damaged.csv", index=False)
    on_files = live(tmp_path, "files", f"sqlite:///{tmp_path / 'catalogue.db'}")
    on_server = live(tmp_path, "server", postgres.make_database(postgresql, "same_commands"))
    assert [table for table in on_files if on_files[table] != on_server[table]] == []
