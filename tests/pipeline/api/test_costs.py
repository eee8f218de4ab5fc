"""What requests cost is summed up and booked, whatever share of them is logged."""

import small_stream
import sqlalchemy as sa

from pointsman.common.performance import performance_table
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.pipeline.api.costs import CostBook, Laps


def load(state):
    return read_rows(state.engine, sa.select(performance_table).where(performance_table.c.command == "serve"))


def test_requests_are_booked_by_generation_and_stage(linear_stream, tmp_path):
    folder = small_stream.copy(linear_stream, tmp_path / "copy")
    with open_state(small_stream.configure(folder)) as state:
        book = CostBook(state)
        for rows in (1, 200):
            book.add(4, rows, {"reading": (0.5, 0.25), "prediction": (1.0, 0.75)})
        book.add(5, 7, {"prediction": (2.0, 1.0)})
        book.close()
        booked = {(row["subject"], row["stage"]): row for row in load(state)}
    assert set(booked) == {("generation 4", "reading"), ("generation 4", "prediction"), ("generation 5", "prediction")}
    fourth = booked["generation 4", "prediction"]
    assert (fourth["requests"], fourth["rows"], fourth["seconds"], fourth["cpu_seconds"]) == (2, 201, 2.0, 1.5)
    assert fourth["peak_mb"] > 10


def test_nothing_asked_is_nothing_booked(linear_stream, tmp_path):
    folder = small_stream.copy(linear_stream, tmp_path / "copy")
    with open_state(small_stream.configure(folder)) as state:
        CostBook(state).close()
        assert load(state) == []


def test_laps_follow_each_other():
    laps = Laps()
    sum(range(200_000))
    laps.end("first")
    laps.end("second")
    assert list(laps.costs) == ["first", "second"]
    assert laps.costs["first"][0] > laps.costs["second"][0] >= 0
