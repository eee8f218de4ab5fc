"""Time order within a part, and the messages for a time column that is absent or unreadable."""

import logging

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import SchemaConfig
from pointsman.common.errors import DataError
from pointsman.pipeline.collection.naming import find_nearest, list_names
from pointsman.pipeline.collection.ordering import PartReader, read_part
from pointsman.pipeline.collection.part import Part

SCHEMA = SchemaConfig(time="day", target="y")


def read(days, schema=SCHEMA, **columns):
    table = pd.DataFrame({"day": pd.Series(days), "row": range(len(days)), "y": "1", **columns})
    return read_part(Part("part", "rows.csv", lambda: table, None), schema)


def row_order(ordered):
    return ordered.take(np.arange(len(ordered)))["row"].tolist()


def test_rows_are_in_time_order_and_equal_times_keep_theirs():
    assert row_order(read(["2020-01-03", "2020-01-01", "2020-01-03", "2020-01-01"])) == [1, 3, 0, 2]


def test_a_row_without_a_readable_time_follows_the_readable_row_before_it():
    ordered = read(["soon", "2020-01-03", "", "NA", "2020-01-01", "later", "2020-01-02"])
    assert row_order(ordered) == [4, 5, 6, 0, 1, 2, 3]
    assert pd.isna(ordered.times).tolist() == [False, True, False, True, False, True, True]
    assert not pd.isna(ordered.order).any()
    assert (np.diff(ordered.order) >= np.timedelta64(0)).all()


def test_a_stated_notation_is_used():
    days = ["03/01/2020", "01/02/2020"]
    assert row_order(read(days)) == [0, 1]
    assert row_order(read(days, SchemaConfig(time="day", target="y", time_format="%m/%d/%Y"))) == [1, 0]


def test_dates_that_can_be_read_two_ways_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        read(["03/01/2020", "25/02/2020"])
        assert not caplog.messages
        read(["03/01/2020", "01/02/2020"])
    assert "%d/%m/%Y" in caplog.messages[0]
    assert "%m/%d/%Y" in caplog.messages[0]


def test_unreadable_times_are_counted_in_the_log(caplog):
    with caplog.at_level(logging.WARNING):
        read(["2020-01-01", "soon", "2020-01-02"])
    assert "1 of 3" in caplog.messages[0]


@pytest.mark.parametrize(("days", "shown"), [(["", "week 7", "week 8"], "'week 7'"), (["", "NA"], "missing")])
def test_a_time_column_without_a_readable_cell_is_refused(days, shown):
    with pytest.raises(DataError, match=rf"'day' of 'rows\.csv'.*{shown}.*schema\.time_format"):
        read(days)


def test_a_part_without_rows_is_no_error():
    assert len(read([])) == 0


@pytest.mark.parametrize("key", ["time", "target"])
def test_an_absent_column_is_refused_with_the_nearest_name_and_few_others(key):
    extra = {f"extra_{number:02}": 0 for number in range(40)}
    with pytest.raises(DataError) as refused:
        read(["2020-01-01"], SCHEMA.model_copy(update={key: "DAYS"}), **extra)
    message = str(refused.value)
    assert message.startswith("'rows.csv' has no column 'DAYS'")
    assert f"schema.{key}" in message
    assert "is 'day'" in message
    assert "and 31 more" in message
    assert "extra_09" not in message


def test_names_in_messages_are_bounded_and_nearest_names_ignore_case():
    assert list_names(["a"]) == "a"
    assert list_names(map(str, range(13))).endswith("11 and 1 more")
    assert find_nearest("insr_begn", ["INSR_END", "INSR_BEGIN"]) == "INSR_BEGIN"
    assert find_nearest("#", ["a"]) == "a"


def test_the_reader_parses_an_unchanged_part_once():
    loads = []

    def part(digest):
        return Part("a", "a", lambda: loads.append(digest) or pd.DataFrame({"day": ["2020-01-01"], "y": ["1"]}), digest)

    reader = PartReader(SCHEMA)
    assert reader.read(part("1")) is reader.read(part("1"))
    reader.read(part("2"))
    reader.read(part("1"))
    assert loads == ["1", "2", "1"]
    reader.forget(part("1"))
    reader.read(part("1"))
    reader.read(part(None))
    reader.read(part(None))
    assert loads == ["1", "2", "1", "1", None, None]


def test_the_real_sample_is_put_in_order(real_data):
    from pointsman.pipeline.collection.part import describe_file

    path = real_data("eic_sample.csv")
    schema = SchemaConfig(time="INSR_BEGIN", target="CLAIM_PAID")
    ordered = read_part(describe_file(path, path.parent), schema)
    expected = pd.to_datetime(ordered.table["INSR_BEGIN"], format="%d-%b-%y").sort_values(kind="stable")
    assert ordered.rows.tolist() == expected.index.tolist()
    assert not ordered.table["INSR_BEGIN"].equals(ordered.take(np.arange(8000))["INSR_BEGIN"])
