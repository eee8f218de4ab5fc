"""Batches: each row exactly once, in time order, whatever happens to the files between two updates."""

import json
import logging
import shutil
import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import DataError, NoNewData
from pointsman.common.storage.files import FileStore
from pointsman.pipeline.collection import batching
from pointsman.pipeline.collection.batching import take_batch, take_file
from pointsman.pipeline.collection.ordering import PartReader


def make_rows(days, start=0):
    """Return one row a day number, with an identity of its own."""
    moments = pd.Timestamp("2020-01-01") + pd.to_timedelta(list(days), unit="D")
    identities = [str(start + row) for row in range(len(days))]
    return pd.DataFrame({"day": moments.strftime("%Y-%m-%d"), "identity": identities, "y": "1"})


def append(path, rows):
    rows.to_csv(path, index=False, mode="a", header=not path.exists())


class Stream:
    """A stream as ``update`` takes it: every call continues from JSON alone, as after a restart."""

    def __init__(self, folder, kind="folder", paths=("drop",), **batch):
        self.folder = folder / "drop"
        self.folder.mkdir(exist_ok=True)
        self.files = FileStore(folder / "raw")
        self.batches, self.stored, self.cursor, self.lookups = [], [], None, 0
        self.config = Config.model_validate(
            {
                "data_dir": folder,
                "source": {"kind": kind, "paths": list(paths)},
                "schema": {"time": "day", "target": "y"},
                "batch": {"min_rows": 1, **batch},
            }
        )

    def stored_rows(self):
        self.lookups += 1
        return (self.files.load_table(name) for name in self.stored)

    def take(self, reader=None):
        batch = take_batch(self.config, self.cursor, len(self.batches) + 1, self.stored_rows, reader)
        self.stored.append(self.files.save_table(batch.frame))
        self.cursor = json.loads(json.dumps(batch.cursor))
        self.batches.append(batch)
        return batch

    def drain(self):
        while True:
            try:
                self.take()
            except NoNewData as nothing:
                return str(nothing)

    def identities(self):
        return [identity for batch in self.batches for identity in batch.frame["identity"]]


@pytest.fixture
def stream(tmp_path):
    return Stream(tmp_path, rows=3)


def test_batches_are_cut_by_rows_in_time_order_with_the_raw_cells(stream):
    append(stream.folder / "a.csv", make_rows([4, 0, 2]))
    append(stream.folder / "b.csv", make_rows([1, 3, 0], start=10))
    first, second = stream.take(), stream.take()
    assert first.frame["identity"].tolist() == ["1", "12", "10"]
    assert second.frame["identity"].tolist() == ["2", "11", "0"]
    assert first.frame["day"].tolist() == ["2020-01-01", "2020-01-01", "2020-01-02"]
    assert first.times.tolist() == [pd.Timestamp(day) for day in first.frame["day"]]
    assert first.frame.index.tolist() == first.times.index.tolist() == [0, 1, 2]
    assert (first.number, second.number, first.late_rows, second.late_rows) == (1, 2, 0, 0)
    assert "a.csv" in first.origin
    assert "b.csv" in first.origin


def test_a_period_is_a_batch_and_an_empty_one_is_skipped(tmp_path):
    stream = Stream(tmp_path, period="month")
    append(stream.folder / "a.csv", make_rows([0, 70, 5, 69, 30, 31, 200]))
    assert "nothing new" in stream.drain()
    assert [sorted(batch.frame["day"].str[:7].unique()) for batch in stream.batches] == [
        ["2020-01"],
        ["2020-02"],
        ["2020-03"],
        ["2020-07"],
    ]


def test_nothing_left_and_nothing_at_all_are_no_new_data(stream):
    with pytest.raises(NoNewData, match="nothing new in 'drop'"):
        stream.take()
    append(stream.folder / "a.csv", make_rows(range(3)))
    stream.take()
    with pytest.raises(NoNewData, match="nothing new"):
        stream.take()


def test_too_few_rows_wait_for_more(tmp_path):
    stream = Stream(tmp_path, rows=10, min_rows=5)
    append(stream.folder / "a.csv", make_rows(range(4)))
    with pytest.raises(NoNewData, match=r"nothing new.*4 rows wait.*batch\.min_rows \(5\)"):
        stream.take()
    append(stream.folder / "a.csv", make_rows([4], start=4))
    assert len(stream.take()) == 5
    append(stream.folder / "a.csv", make_rows([5], start=5))
    with pytest.raises(NoNewData, match=r"1 row waits"):
        stream.take()


def test_a_file_that_grows_continues_without_a_look_at_stored_rows(stream):
    append(stream.folder / "a.csv", make_rows(range(4)))
    stream.drain()
    append(stream.folder / "a.csv", make_rows([3, 4, 5], start=4))
    assert "nothing new" in stream.drain()
    assert stream.identities() == [str(row) for row in range(7)]
    assert stream.lookups == 0
    assert sum(batch.late_rows for batch in stream.batches) == 0


def test_a_part_that_was_taken_and_is_unchanged_is_not_parsed_again(stream, monkeypatch):
    append(stream.folder / "a.csv", make_rows(range(3)))
    stream.take()
    append(stream.folder / "b.csv", make_rows([7], start=3))
    parsed = []
    original = batching.PartReader.read
    monkeypatch.setattr(batching.PartReader, "read", lambda self, part: parsed.append(part.key) or original(self, part))
    stream.take()
    assert parsed == ["drop/b.csv"]
    with pytest.raises(NoNewData):
        stream.take()
    assert parsed == ["drop/b.csv"]


def test_a_file_that_was_merely_saved_again_gives_nothing(stream):
    append(stream.folder / "a.csv", make_rows([0, 0, 1, 1]))
    stream.drain()
    shuffled = pd.read_csv(stream.folder / "a.csv", dtype="str").iloc[[3, 1, 0, 2]]
    shuffled[["y", "identity", "day"]].to_csv(stream.folder / "a.csv", index=False, sep=";")
    assert "nothing new" in stream.drain()
    assert len(stream.identities()) == 4


def test_older_rows_that_appear_in_a_file_come_next_and_are_counted(stream):
    append(stream.folder / "a.csv", make_rows([10, 11, 12, 13]))
    stream.take()
    append(stream.folder / "a.csv", make_rows([1, 11, 20], start=4))
    late = stream.take()
    assert late.frame["identity"].tolist() == ["4", "5", "3"]
    assert late.late_rows == 2
    assert stream.lookups == 1
    stream.drain()
    assert sorted(stream.identities()) == [str(row) for row in range(7)]


def test_more_late_rows_than_a_batch_holds_come_one_batch_after_the_other(stream):
    append(stream.folder / "a.csv", make_rows([50, 51, 52]))
    stream.take()
    append(stream.folder / "a.csv", make_rows(range(20, 27), start=3))
    append(stream.folder / "a.csv", make_rows([60], start=10))
    stream.drain()
    assert stream.identities() == [str(row) for row in range(11)]
    assert [batch.late_rows for batch in stream.batches] == [0, 3, 3, 1]


def test_a_new_file_with_older_rows_is_late(stream):
    append(stream.folder / "b.csv", make_rows([10, 11, 12]))
    stream.take()
    append(stream.folder / "a.csv", make_rows([2, 15, 3], start=3))
    late = stream.take()
    assert (late.frame["identity"].tolist(), late.late_rows) == (["3", "5", "4"], 2)
    assert stream.lookups == 0


def test_late_rows_join_the_next_period(tmp_path):
    stream = Stream(tmp_path, period="month")
    append(stream.folder / "a.csv", make_rows([0, 40]))
    stream.drain()
    append(stream.folder / "a.csv", make_rows([1, 65, 66, 100], start=2))
    late = stream.take()
    assert (late.frame["identity"].tolist(), late.late_rows) == (["2", "3", "4"], 1)


def test_equal_rows_are_as_many_rows(stream):
    same = make_rows([3])
    append(stream.folder / "a.csv", pd.concat([same] * 5))
    append(stream.folder / "b.csv", pd.concat([same, make_rows([9], start=1)]))
    stream.drain()
    append(stream.folder / "a.csv", pd.concat([make_rows([0], start=2), same]))
    stream.drain()
    assert Counter(stream.identities()) == {"0": 7, "1": 1, "2": 1}


def test_rows_of_other_parts_answer_for_themselves_in_a_lookup(stream):
    """A row that only the other, finished file had must not count as taken from the rewritten one."""
    append(stream.folder / "a.csv", make_rows([5, 6]))
    append(stream.folder / "b.csv", make_rows([7, 8], start=2))
    stream.drain()
    append(stream.folder / "a.csv", pd.concat([make_rows([1], start=9), make_rows([7], start=2)]))
    stream.drain()
    assert Counter(stream.identities()) == {"0": 1, "1": 1, "2": 2, "3": 1, "9": 1}
    assert stream.lookups >= 1


def test_rows_that_vanish_are_warned_of_and_what_replaced_them_is_taken(stream, caplog):
    append(stream.folder / "a.csv", make_rows([0, 1, 2]))
    stream.take()
    (stream.folder / "a.csv").unlink()
    append(stream.folder / "a.csv", make_rows([2, 3], start=2))
    with caplog.at_level(logging.WARNING):
        stream.drain()
    assert stream.identities() == ["0", "1", "2", "3"]
    assert any("2 of the 3 rows" in message for message in caplog.messages)


def test_a_copy_is_not_taken_again_and_a_renamed_file_continues(stream):
    append(stream.folder / "b.csv", make_rows(range(5)))
    stream.take()
    shutil.copy(stream.folder / "b.csv", stream.folder / "a.csv")
    stream.take()
    append(stream.folder / "b.csv", make_rows([8], start=5))
    stream.drain()
    (stream.folder / "b.csv").rename(stream.folder / "c.csv")
    stream.drain()
    append(stream.folder / "c.csv", make_rows([9], start=6))
    stream.drain()
    assert stream.identities() == [str(row) for row in range(7)]


def test_a_file_that_was_renamed_and_changed_continues(stream):
    append(stream.folder / "a.csv", make_rows([4, 5, 6, 7]))
    append(stream.folder / "other.csv", make_rows([4], start=4))
    stream.drain()
    (stream.folder / "a.csv").rename(stream.folder / "b.csv")
    append(stream.folder / "b.csv", make_rows([0, 9], start=5))
    append(stream.folder / "new.csv", make_rows([8], start=7))
    stream.drain()
    assert sorted(stream.identities()) == [str(row) for row in range(8)]
    append(stream.folder / "b.csv", make_rows([1], start=8))
    stream.drain()
    assert sorted(stream.identities()) == [str(row) for row in range(9)]


def test_a_new_file_is_not_taken_for_one_that_is_gone(stream):
    """A month's file is dropped in and the one of the month before is archived; some of their rows are equal."""
    append(stream.folder / "a.csv", make_rows([4, 5, 6]))
    stream.drain()
    (stream.folder / "a.csv").unlink()
    append(stream.folder / "b.csv", make_rows([4, 7]))
    stream.drain()
    assert Counter(stream.identities()) == {"0": 2, "1": 2, "2": 1}
    lookups = stream.lookups
    (stream.folder / "b.csv").unlink()
    append(stream.folder / "c.csv", make_rows([8]))
    stream.drain()
    assert stream.lookups == lookups


def test_parts_with_other_columns_are_one_table_with_all_of_them(stream):
    append(stream.folder / "a.csv", make_rows([0, 2]))
    append(stream.folder / "b.csv", make_rows([1], start=2).assign(extra="x"))
    frame = stream.take().frame
    assert list(frame.columns) == ["day", "identity", "y", "extra"]
    assert frame["extra"].isna().tolist() == [True, False, True]
    assert frame["extra"].iloc[1] == "x"


def test_parts_of_other_types_are_one_table_that_can_be_stored(stream):
    make_rows([0]).to_csv(stream.folder / "a.csv", index=False)
    typed = make_rows([1], start=1).assign(identity=1.0, y=True)
    typed["day"] = pd.to_datetime(typed["day"])
    typed.to_parquet(stream.folder / "b.parquet")
    batch = stream.take()
    assert batch.frame["identity"].tolist() == ["0", "1"]
    assert batch.frame["day"].tolist() == ["2020-01-01", "2020-01-02 00:00:00"]
    pd.testing.assert_frame_equal(stream.files.load_table(stream.stored[0]), batch.frame)


def test_rows_with_unreadable_times_are_taken_once_and_have_no_time(stream):
    rows = make_rows([0, 1, 2, 3])
    rows.loc[[1, 3], "day"] = ["soon", ""]
    append(stream.folder / "a.csv", rows)
    stream.drain()
    assert stream.identities() == ["0", "1", "2", "3"]
    assert stream.batches[0].times.isna().tolist() == [False, True, False]


def test_the_first_error_names_file_and_column(stream):
    append(stream.folder / "a.csv", make_rows([0]).rename(columns={"y": "Y"}))
    with pytest.raises(DataError, match=r"a\.csv' has no column 'y'.*is 'Y'"):
        stream.take()


def test_files_feed_one_stream_in_the_order_of_their_paths(tmp_path):
    stream = Stream(tmp_path, kind="files", paths=["drop/b.csv", "drop/a.csv"], rows=2)
    append(stream.folder / "a.csv", make_rows([0, 1]))
    append(stream.folder / "b.csv", make_rows([1, 0], start=2))
    stream.drain()
    assert stream.identities() == ["3", "0", "2", "1"]


def test_a_query_is_continued_when_rows_are_inserted_anywhere(tmp_path):
    stream = Stream(tmp_path, rows=2)
    url = f"sqlite:///{tmp_path / 'rows.db'}"
    engine = sa.create_engine(url)
    source = stream.config.source.model_copy(update={"kind": "sql", "url": url, "query": "SELECT * FROM rows"})
    stream.config = stream.config.model_copy(update={"source": source})
    make_rows([5, 6, 7]).to_sql("rows", engine, index=False)
    stream.drain()
    make_rows([1, 9], start=3).to_sql("rows", engine, index=False, if_exists="append")
    stream.drain()
    engine.dispose()
    assert stream.identities() == ["0", "1", "2", "3", "4"]
    assert [batch.late_rows for batch in stream.batches] == [0, 0, 1]


def test_the_demo_stream_is_taken_whole():
    from pointsman.pipeline.collection.demo.simulator import simulate

    config = Config.model_validate(
        {
            "source": {"kind": "demo", "demo": {"rows": 500, "seed": 3}},
            "schema": {"time": "INSR_BEGIN", "target": "CLAIM_PAID"},
            "batch": {"rows": 180},
        }
    )
    first = take_batch(config, None, 1, list)
    second = take_batch(config, first.cursor, 2, list)
    third = take_batch(config, second.cursor, 3, list)
    assert [len(first), len(second), len(third)] == [180, 180, 140]
    taken = pd.concat([first.frame, second.frame, third.frame], ignore_index=True)
    pd.testing.assert_frame_equal(taken, simulate(500, 3))


def test_a_shared_reader_changes_nothing(tmp_path):
    plain, shared = Stream(tmp_path, rows=3), Stream(tmp_path, rows=3)
    append(plain.folder / "a.csv", make_rows([5, 1, 3, 2, 4, 0, 6]))
    reader = PartReader(shared.config.schema_)
    for _ in range(3):
        ours, theirs = plain.take(), shared.take(reader)
        pd.testing.assert_frame_equal(ours.frame, theirs.frame)
        assert ours.cursor == theirs.cursor


class History:
    """Files that live: they grow, get older rows, are copied, renamed and saved in another order."""

    def __init__(self, folder, seed):
        self.folder, self.random = folder, np.random.default_rng(seed)
        self.clock = self.written = self.named = 0

    def grow(self):
        self._write(self._choose() or self._name(), range(self.clock, self.clock + 4))
        self.clock += 4

    def get_older_rows(self):
        if path := self._choose():
            self._write(path, self.random.integers(0, self.clock + 5, 3))

    def start_file(self):
        self._write(self._name(), self.random.integers(0, self.clock + 5, 3))

    def rename(self):
        if path := self._choose():
            path.rename(self._name())

    def copy(self):
        if path := self._choose():
            shutil.copy(path, self.folder.parent / "backup.csv")
            self._drop_copies()
            shutil.copy(self.folder.parent / "backup.csv", self.folder / f"copy of {path.name}")

    def save_in_another_order(self):
        if path := self._choose():
            pd.read_csv(path, dtype="str").sample(frac=1, random_state=int(self.clock)).to_csv(path, index=False)

    def live(self):
        event = self.random.choice(
            [self.grow, self.get_older_rows, self.start_file, self.rename, self.copy, self.save_in_another_order]
        )
        event()

    def _write(self, path, days):
        append(path, make_rows(list(days), start=self.written))
        self.written += len(list(days))

    def _name(self):
        self.named += 1
        return self.folder / f"{self.random.integers(0, 99):02}-{self.named}.csv"

    def _choose(self):
        self._drop_copies()
        paths = sorted(self.folder.iterdir())
        return paths[self.random.integers(len(paths))] if paths else None

    def _drop_copies(self):
        for path in self.folder.glob("copy of *"):
            path.unlink()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("batch", [{"rows": 5}, {"period": "week"}], ids=["rows", "period"])
def test_every_row_is_taken_exactly_once_whatever_happens_to_the_files(tmp_path, seed, batch):
    stream = Stream(tmp_path, **batch)
    history = History(stream.folder, seed)
    for _ in range(14):
        history.live()
        for _ in range(history.random.integers(0, 3)):
            try:
                taken = stream.take()
            except NoNewData:
                break
            assert taken.times.is_monotonic_increasing
    stream.drain()
    assert sorted(map(int, stream.identities())) == list(range(history.written))


def test_a_file_given_by_hand_is_one_batch_and_leaves_the_cursor(stream):
    append(stream.folder / "a.csv", make_rows([5, 6, 7]))
    stream.take()
    path = stream.folder.parent / "labelled.csv"
    append(path, make_rows([9, 2, 6, 7], start=10))
    batch = take_file(stream.config, path, stream.cursor, 2)
    assert batch.frame["identity"].tolist() == ["11", "12", "13", "10"]
    assert batch.times.dt.day.tolist() == [3, 7, 8, 10]
    assert batch.frame.index.tolist() == [0, 1, 2, 3]
    assert (batch.number, batch.origin, batch.late_rows) == (2, str(path), 2)
    assert batch.cursor == stream.cursor
    assert take_file(stream.config, str(path), None, 1).cursor == {}


def test_a_file_given_by_hand_must_have_rows_times_and_labels(stream):
    path = stream.folder.parent / "labelled.csv"
    for content, reason in {
        "day,y\n": "no rows",
        "day,x\n2020-01-01,1\n": "no column 'y'",
        "day,y\nsoon,1\n": "'soon'",
    }.items():
        path.write_text(content)
        with pytest.raises(DataError, match=f"labelled.csv.*{reason}|{reason}.*labelled.csv"):
            take_file(stream.config, path, None, 1)
    with pytest.raises(DataError, match="does not exist"):
        take_file(stream.config, stream.folder / "none.csv", None, 1)


def take_all(config):
    reader = PartReader(config.schema_)
    cursor, number = None, 1
    while True:
        try:
            batch = take_batch(config, cursor, number, list, reader)
        except NoNewData:
            return
        yield batch
        cursor, number = batch.cursor, number + 1


def real_config(path, time_column, target, **batch):
    return Config.model_validate(
        {
            "data_dir": path.parent,
            "source": {"kind": "files", "paths": path.name},
            "schema": {"time": time_column, "target": target},
            "batch": batch,
        }
    )


@pytest.mark.parametrize(
    ("name", "time_column", "target", "rows"),
    [
        ("elec2.csv", "date", "price_up", 45_312),
        ("eic_sample.csv", "INSR_BEGIN", "CLAIM_PAID", 8_000),
        ("aus_motor.xlsx", "AccDate", "AggClaim", 22_036),
    ],
)
def test_real_streams_are_taken_whole_by_quarters(real_data, name, time_column, target, rows):
    config = real_config(real_data(name), time_column, target, period="quarter", min_rows=1)
    batches = list(take_all(config))
    assert sum(map(len, batches)) == rows
    times = pd.concat([batch.times for batch in batches])
    assert times.is_monotonic_increasing
    assert len(batches) == times.dt.to_period("Q").nunique()


def test_a_batch_of_a_large_parquet_file_is_cut_fast(real_data):
    config = real_config(real_data("hotel.parquet"), "arrival_date", "is_canceled", rows=100_000)
    began = time.perf_counter()
    first = take_batch(config, None, 1, list)
    middle = time.perf_counter()
    assert len(take_batch(config, first.cursor, 2, list)) == 19_390
    assert time.perf_counter() - middle < 2 * (middle - began), "a fifth of the rows must not take longer than the rest"
