"""A service whose catalogue is damaged goes on predicting, and restores it itself: labels are taken at once."""

import sqlite3
from contextlib import closing

import pytest
import small_stream
import sqlalchemy as sa
from open_services import open_service

from pointsman.common.storage.catalogue import read_rows
from pointsman.meta.label_tables import early_labels_table, labels_table
from pointsman.meta.tables import decisions_table
from pointsman.registry.generations import load_generation


def delete(folder):
    for ending in ("", "-wal", "-shm"):
        (folder / f"catalogue.db{ending}").unlink(missing_ok=True)


def overwrite(folder):
    delete(folder)
    (folder / "catalogue.db").write_bytes(b"no database" * 999)


def cut_off(folder):
    with (folder / "catalogue.db").open("r+b") as file:
        file.truncate(20_000)


def misname(folder):
    with closing(sqlite3.connect(folder / "catalogue.db")) as connection:
        connection.execute("UPDATE generations SET cause = 'updatf'")
        connection.commit()


@pytest.mark.parametrize("damage", [delete, overwrite, cut_off, misname])
def test_labels_are_taken_though_the_catalogue_was_damaged_and_none_is_lost(
    linear_stream, tmp_path, rows, damage, caplog
):
    folder = small_stream.copy(linear_stream, tmp_path / "copy")
    with open_service(folder) as (service, client):
        label = service.current.served.predictor.schema.classes[0]

        def ask_and_tell():
            answered = client.post("/predict", json={"rows": rows[:2]})
            assert answered.status_code == 200
            told = [{"id": one["id"], "label": label} for one in answered.json()["rows"]]
            return client.post("/feedback", json={"labels": told}).status_code

        assert ask_and_tell() == 200
        damage(folder / "state")
        assert ask_and_tell() == 200
        assert not service.current.refresh()  # the generation that serves is the newest one
        assert client.get("/ready").json() == {"status": "ready", "generation": 3}
    with small_stream.opened(folder, small_stream.LINEAR) as (_, state):
        # A label that came before its request was logged waits for it.
        kept = [read_rows(state.engine, sa.select(table)) for table in (labels_table, early_labels_table)]
        assert sum(map(len, kept)) == 4
        assert len(read_rows(state.engine, sa.select(decisions_table))) == 2
        assert load_generation(state).number == 3
    # A file that was cut off may serve for a while from what SQLite holds in memory, and is noticed later.
    assert "its copy has taken its place" in caplog.text
    assert "nothing that was acknowledged is missing" in caplog.text
