"""The catalogue's batches, and raw tables that Parquet holds."""

import datetime

import pandas as pd
import sqlalchemy as sa

from pointsman.common.storage.catalogue import Draft, connect, read_rows
from pointsman.pipeline.collection.cells import storable
from pointsman.pipeline.collection.tables import batches

BATCH = {
    "number": 1,
    "origin": "rows.csv",
    "file": "abc.parquet",
    "rows": 5,
    "columns": 3,
    "start": datetime.datetime(2020, 1, 1),
    "end": None,
    "status": "accepted",
    "metaparameters": {"rows": 5.0, "span_days": None},
}


def test_a_batch_is_written_and_read_back(tmp_path):
    engine = connect(f"sqlite:///{tmp_path / 'catalogue.db'}")
    draft = Draft(1)
    draft.add(batches, [BATCH])
    draft.commit(engine)
    row = read_rows(engine, sa.select(batches).where(batches.c.columns == 3))[0]
    assert {name: row[name] for name in BATCH} == BATCH
    defaults = {name: row[name] for name in ("by_hand", "reason", "late_rows", "quarantined", "clean_file")}
    assert defaults == {"by_hand": False, "reason": "", "late_rows": 0, "quarantined": 0, "clean_file": None}
    engine.dispose()


def test_only_the_clock_is_volatile():
    assert [column.name for column in batches.columns if column.info.get("volatile")] == ["created_at"]


def test_mixed_cells_are_stored_without_losing_content(tmp_path):
    table = pd.DataFrame(
        {
            "mixed": pd.Series([1, 2.5, "8R", None, True, 10**30], dtype=object),
            "day": pd.Series([datetime.date(2020, 1, 1), "soon", None, datetime.datetime(2020, 1, 1, 10), 3, 4]),
            "nested": pd.Series([[1], {"a": 2}, None, (3,), "x", b"y"]),
            "number": [1.5, None, 2, 3, 4, 5],
        }
    )
    stored = storable(table)
    stored.to_parquet(tmp_path / "a.parquet")
    read = pd.read_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read, stored)
    assert read["mixed"].dropna().tolist() == ["1", "2.5", "8R", "True", str(10**30)]
    assert read["day"].tolist()[:2] == ["2020-01-01 00:00:00", "soon"]
    assert read["nested"].dropna().tolist() == ["[1]", "{'a': 2}", "(3,)", "x", "y"]
    assert read["number"].dtype == "float64"
    assert read.isna().equals(table.isna())


def test_storing_what_is_storable_changes_nothing():
    table = pd.DataFrame({"a": ["x", None], "b": [1, 2], "c": [True, False], "d": pd.to_datetime(["2020-01-01", None])})
    pd.testing.assert_frame_equal(storable(table), table)
    mixed = pd.DataFrame({"a": pd.Series([1, "x"], dtype=object)})
    pd.testing.assert_frame_equal(storable(storable(mixed)), storable(mixed))
    assert mixed["a"].tolist() == [1, "x"]
