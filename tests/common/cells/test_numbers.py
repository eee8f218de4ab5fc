"""Numbers are read in the notation of their column, which is decided on all its cells."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.common.cells.notation import PLAIN, Notation
from pointsman.common.cells.numbers import NOTATIONS, decide_numbers, parse_numbers, undecorate

NAN = pytest.approx(np.nan, nan_ok=True)


def decide(*texts, **options):
    return decide_numbers(pd.Series(texts, dtype="str"), np.ones(len(texts), dtype=int), **options)


@pytest.mark.parametrize(
    ("text", "notation", "number"),
    [
        ("1.234,56", Notation(",", "."), 1234.56),
        ("331,76", Notation(",", "."), 331.76),
        ("12.34,5", Notation(",", "."), NAN),
        ("€ 1.234,56", Notation(",", "."), 1234.56),
        ("1.234,56 EUR", Notation(",", "."), 1234.56),
        ("1\u00a0234,5 kr", Notation(",", " "), 1234.5),
        ("1\u202f234\u202f567", Notation(",", " "), 1234567.0),
        ("CHF 1’234.50", Notation(".", "'"), 1234.5),
        ("12,34,567.5", Notation(".", ","), 1234567.5),
        ("₹1,23,456", Notation(".", ","), 123456.0),
        ("(1,234.50)", Notation(".", ","), -1234.5),
        ("($7)", PLAIN, -7.0),
        ("$(7)", PLAIN, -7.0),
        ("-$7.5", PLAIN, -7.5),
        ("$-7.5", PLAIN, -7.5),
        ("7-", PLAIN, -7.0),
        ("\u22127", PLAIN, -7.0),
        ("12.5 %", PLAIN, 12.5),
        ("+4", PLAIN, 4.0),
        ("1,5E-05", Notation(",", ""), 1.5e-05),
        ("--7", PLAIN, NAN),
        ("(7", PLAIN, NAN),
        ("1-2", PLAIN, NAN),
        ("43 years", PLAIN, NAN),
        ("5 kg", PLAIN, NAN),
        ("8R", PLAIN, NAN),
        ("2023-01-05", PLAIN, NAN),
        ("12:30", PLAIN, NAN),
        ("1.2.3", Notation(",", "."), NAN),
    ],
)
def test_a_cell_is_a_number_in_the_notation_of_its_column(text, notation, number):
    assert parse_numbers(pd.Series([text]), notation).tolist() == [number]


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        (("1.234,56", "7,5"), (",", ".")),
        (("331,76", "8,0"), (",", "")),
        (("1,234.56", "7.5"), (".", ",")),
        (("1.234", "2.500", "998", "12", "7"), (",", ".")),
        (("1.234", "2.5"), (".", "")),
        (("0.123", "0.456"), (".", "")),
        (("1,234", "4567"), (",", "")),
        (("1.234.567",), (",", ".")),
        (("1 234,5", "12"), (",", " ")),
        (("1'234.5", "12"), (".", "'")),
    ],
)
def test_a_notation_is_decided_on_the_evidence_of_all_cells(texts, marks):
    decided = decide(*texts)
    assert (decided.notation.decimal, decided.notation.thousands) == marks
    assert decided.reads.all()
    assert decided.example == ""


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        (("1,234", "5,678"), (".", ",")),
        (("1.234", "5.678"), (".", "")),
        (("1.250", "2.375", "0", "-1", "999"), (".", "")),
    ],
)
def test_what_stays_undecided_is_told_with_an_example_and_its_rival(texts, marks):
    decided = decide(*texts)
    assert (decided.notation.decimal, decided.notation.thousands) == marks
    assert decided.example == texts[0]
    assert parse_numbers(pd.Series([decided.example]), decided.rival) != parse_numbers(
        pd.Series([decided.example]), decided.notation
    )


def test_the_usual_notation_stays_as_long_as_it_reads_as_much():
    german = Notation(",", ".")
    assert decide("1.234", "5", usual=german).notation == german
    assert decide("1,234.5", "7.25", usual=german).notation == Notation(".", ",")


@settings(max_examples=80, deadline=None)
@given(
    numbers=st.lists(st.integers(-(10**9), 10**9), min_size=30, max_size=60, unique=True),
    notation=st.sampled_from(NOTATIONS),
)
def test_numbers_of_two_decimals_come_back_from_every_notation(numbers, notation):
    """Cents of many sizes always tell how they are written; with a mark for thousands at least one needs it."""
    meant = np.array(numbers) / 100
    texts = [f"{number:,.2f}" if notation.thousands else f"{number:.2f}" for number in meant]
    marks = str.maketrans({",": notation.thousands, ".": notation.decimal})
    written = pd.Series([text.translate(marks) for text in texts])
    decided = decide_numbers(written, np.ones(len(written), dtype=int))
    assert decided.reads.all()
    assert not decided.example
    assert parse_numbers(written, decided.notation).tolist() == meant.tolist()


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_no_text_breaks_the_reader(text):
    texts = pd.Series([text], dtype="str")
    undecorate(texts)
    decide_numbers(texts, np.array([1]))
    for notation in NOTATIONS:
        parse_numbers(texts, notation)
