"""Dates are read in the notation of their column; day and month are told apart on all its cells."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.cells.date_notations import FORMATS, ISO, TWINS
from pointsman.common.cells.dates import decide_dates, parse_dates


def parse(text, date_format=None, latest_year=None):
    return parse_dates(pd.Series([text], dtype="str"), date_format, latest_year).iloc[0]


def decide(*texts, **options):
    return decide_dates(pd.Series(texts, dtype="str"), np.ones(len(texts), dtype=int), **options)


@pytest.mark.parametrize(
    ("text", "date_format", "moment"),
    [
        ("25.01.2023 11:00", "%d.%m.%Y", "2023-01-25 11:00"),
        ("1/2/2023 1:05 PM", "%m/%d/%Y", "2023-01-02 13:05"),
        ("1/2/2023 12:05:10 am", "%m/%d/%Y", "2023-01-02 00:05:10"),
        ("1/2/2023 13:05 PM", "%m/%d/%Y", None),
        ("25/12/2020 25:00", "%d/%m/%Y", None),
        ("2023-W05", "iso_week", "2023-01-30"),
        ("2023-W05-3", "iso_week", "2023-02-01"),
        ("1687651200", "epoch_s", "2023-06-25"),
        ("1687651200000", "epoch_ms", "2023-06-25"),
        ("44927.5", "excel", "2023-01-01 12:00"),
        ("202311", "%Y%m", "2023-11-01"),
        ("15 March 2023", "%d %B %Y", "2023-03-15"),
        ("Mar 5, 2023", "%b %d, %Y", "2023-03-05"),
        ("01JAN2023", "%d%b%Y", "2023-01-01"),
        ("2023-01-01T10:00:00+02:00", ISO, "2023-01-01 08:00"),
        ("202311", ISO, None),
        ("1687651200", ISO, None),
        ("02/13/2023", "%d/%m/%Y", None),
        ("13/02/2023", "%m/%d/%Y", None),
    ],
)
def test_a_cell_is_a_moment_in_the_notation_of_its_column(text, date_format, moment):
    read = parse(text, date_format)
    assert pd.isna(read) if moment is None else read == pd.Timestamp(moment)


def test_two_digit_years_end_where_the_stream_does():
    assert parse("22/03/53", "%d/%m/%y", 2033) == pd.Timestamp("1953-03-22")
    assert parse("22/03/33", "%d/%m/%y", 2033) == pd.Timestamp("2033-03-22")
    assert parse("29-Feb-40", "%d-%b-%y", 2033) == pd.Timestamp("1940-02-29")


def test_one_cell_beyond_twelve_tells_day_from_month():
    assert decide("01/02/2023", "02/13/2023").date_format == "%m/%d/%Y"
    assert decide("01/02/2023", "13/02/2023").date_format == "%d/%m/%Y"
    open_question = decide("01/02/2023", "03/04/2023")
    assert (open_question.date_format, open_question.rival) == ("%d/%m/%Y", "%m/%d/%Y")
    assert decide("01/02/2023", usual="%m/%d/%Y").date_format == "%m/%d/%Y"
    assert decide("01/02/2023", "13/02/2023", usual="%m/%d/%Y").date_format == "%d/%m/%Y"


def test_cells_that_contradict_each_other_are_named():
    days = [f"{day:02}/02/2023" for day in range(13, 20)]
    assert decide(*days, "02/13/2023", "02/14/2023").contradicted == ("13/02/2023", "02/13/2023")
    assert decide(*days, "02/13/2023").contradicted is None


def test_a_day_written_twice_the_same_is_no_open_question():
    assert decide("01/01/2023", "02/02/2023").rival is None


def test_numbers_and_mere_text_are_no_dates():
    for texts in (["20200101x"], ["red", "blue"], ["5.25"], ["P-2020-01-01"]):
        assert not decide(*texts).reads.any()
    assert not decide("202301", "1687651200").reads.any()
    assert decide("202301", "202302", digits=True).date_format == "%Y%m"


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(st.dates(date(1970, 1, 1), date(2029, 12, 31)), min_size=40, max_size=60),
    date_format=st.sampled_from([one for one in FORMATS if "%" in one and "%d" in one]),
)
def test_days_come_back_from_every_notation(days, date_format):
    written = pd.Series(pd.to_datetime(pd.Series(days)).dt.strftime(date_format).unique(), dtype="str")
    decided = decide_dates(written, np.ones(len(written), dtype=int), digits=True)
    assert decided.reads.all()
    meant = pd.to_datetime(written, format=date_format)
    if decided.rival is None:
        assert parse_dates(written, decided.date_format).tolist() == meant.tolist()
    else:
        assert TWINS[decided.date_format] == decided.rival


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=14) | st.from_regex(r"[0-9/.: -]{4,16}"))
def test_no_text_breaks_the_reader(text):
    for date_format in (None, ISO, "%d/%m/%y", "epoch_s", "excel", "iso_week"):
        parse(text, date_format, 2030)
    decide(text, digits=True)
