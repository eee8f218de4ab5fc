"""A table in other notations than the stream's is read as it is written, and what cannot be read is named."""

import pandas as pd
import pytest

from common.adaptation import find_unread, read_adapted
from common.cells.notation import Notation
from common.reading import read_inputs
from common.schema import Schema
from common.task import Task

SCHEMA = Schema(
    time="day", target="y", task=Task.BINARY, time_format="ISO8601", numeric=("paid",), dates=("day", "birth"),
    missing_values=("", "NA"), notations={"birth": Notation(date_format="%d/%m/%Y")},
)  # fmt: skip


def read(**columns):
    raw = pd.DataFrame({name: pd.Series(cells, dtype="str") for name, cells in columns.items()})
    reading = read_adapted(raw, SCHEMA)
    return reading, find_unread(raw, reading.inputs, reading.schema)


def test_what_keeps_to_the_streams_notations_changes_nothing():
    reading, unread = read(paid=["1.5", "NA", "2"], birth=["01/02/1970", "", "03/04/1980"], day=["2020-01-01"] * 3)
    assert reading.schema is not None
    assert reading.schema == SCHEMA
    assert (reading.changes, unread) == ((), [])


@pytest.mark.parametrize(
    ("cells", "numbers", "shown"),
    [(["1.234,5", "7,25"], [1234.5, 7.25], "1.234,5"), (["$1,234.50", "7"], [1234.5, 7.0], "1,234.5"),
     (["286,7", "1,234"], [286.7, 1.234], "1234,5")],
)  # fmt: skip
def test_numbers_of_another_notation_are_read_in_it(cells, numbers, shown):
    reading, unread = read(paid=cells)
    assert reading.inputs["paid"].tolist() == numbers
    assert [change.column for change in reading.changes] == ["paid"]
    assert f"is written as {shown}" in reading.changes[0].describe()
    assert unread == []


def test_numbers_that_may_be_either_are_missing_and_named():
    reading, (unread,) = read(paid=["1,234", "999"])
    assert reading.changes == ()
    assert reading.inputs["paid"].isna().tolist() == [True, False]
    assert unread.describe() == "1 of 2 cells of 'paid' is no number, such as '1,234', and counts as missing"


def test_days_and_months_are_told_apart_by_the_whole_column():
    reading, _ = read(birth=["02/01/1970", "02/13/1970"])
    assert reading.inputs["birth"].dt.month.tolist() == [2, 2]
    assert reading.changes[0].now.date_format == "%m/%d/%Y"
    open_question, _ = read(day=["02/01/2020", "03/01/2020"])
    assert "would read it as well" in open_question.changes[0].describe()


def test_cells_that_contradict_each_other_are_no_change_and_are_told():
    reading, _ = read(birth=["13/01/1970", "14/01/1970", "01/13/1970", "01/14/1970"])
    assert reading.schema == SCHEMA
    assert reading.changes[0].contradicted == ("13/01/1970", "01/13/1970")


def test_dates_beyond_reach_are_missing_and_not_unread():
    reading, unread = read(birth=["31/12/9999", "01/02/1970"])
    assert reading.inputs["birth"].isna().tolist() == [True, False]
    assert unread == []


def test_a_state_without_notations_reads_dates_as_before():
    old = Schema(time="day", target="y", task=Task.BINARY, dates=("day", "birth"), missing_values=("",))
    raw = pd.DataFrame({"birth": ["01/02/1970", "13/02/1970", "1970-02-14"]})
    reading = read_adapted(raw, old)
    assert reading.changes == ()
    assert reading.inputs["birth"].tolist() == read_inputs(raw, old)["birth"].tolist()
    assert reading.inputs["birth"].dt.month.tolist() == [2, 2, 2]


def read_with(notation, cells, role="numeric"):
    schema = Schema("day", "y", Task.BINARY, missing_values=("",), notations={"z": notation}, **{role: ("z",)})
    raw = pd.DataFrame({"z": cells})
    reading = read_adapted(raw, schema)
    return reading.inputs["z"].tolist(), [change.describe() for change in reading.changes]


def test_one_stray_cell_turns_no_column_round():
    for stray in ("1,5", "12.345.678", "1.000.000,5"):
        numbers, told = read_with(Notation(), ["1.250", "2.375", "3.111"] * 20 + [stray])
        assert (numbers[:3], told) == ([1.25, 2.375, 3.111], [])
        assert pd.isna(numbers[-1])
    numbers, told = read_with(Notation(","), ["0,5", "1,75"] * 20 + ["1.234"])
    assert (numbers[:2], told) == ([0.5, 1.75], [])
    assert pd.isna(numbers[-1])
    dates, told = read_with(Notation(date_format="%d/%m/%Y"), ["2023-10-05"] * 3 + ["01/02/2023"], "dates")
    assert ([date.month for date in dates], told) == ([10, 10, 10, 2], [])


def test_years_of_two_digits_end_with_the_stream_in_every_notation():
    dates, (told,) = read_with(Notation(date_format="%d.%m.%Y", latest_year=2033), ["24-Aug-53", "25-Aug-53"], "dates")
    assert [date.year for date in dates] == [1953, 1953]
    assert "%d-%b-%y" in told


def test_thousands_that_read_as_decimals_are_told():
    numbers, (told,) = read_with(Notation(",", ".", places=2), ["2,875", "812", "12,345"])
    assert numbers == [2.875, 812.0, 12.345]
    assert "can be read two ways" in told
    assert read_with(Notation(",", ".", places=2), ["2,875", "12,5"])[1] == []


@pytest.mark.parametrize("cells", [["0.266", "0.5"], [0.266, 0.5], ["0,266", "0,5"]])
def test_a_percent_sign_that_is_gone_is_told(cells):
    numbers, told = read_with(Notation(",", percent=True), cells)
    assert numbers == [0.266, 0.5]
    assert "had percent signs" in told[0]
    assert read_with(Notation(",", percent=True), ["26,6 %", "0,5 %"]) == ([26.6, 0.5], [])
