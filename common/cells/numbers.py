"""Numbers as people and programs write them, and which of two notations a column is in.

A cell is a number with what may stand around it (a currency, a percent sign, a sign before or behind it, parentheses
for negative amounts), which is taken off. What its marks mean cannot be seen from one cell: 1,234 may be either. So a
column has one notation, the one in which most of its cells are numbers.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from pointsman.common.cells.notation import PLAIN, Notation

NOTATIONS = tuple(
    Notation(decimal=decimal, thousands=thousands)
    for decimal, thousands in (
        (".", ""),
        (",", ""),
        (".", ","),
        (",", "."),
        (".", " "),
        (",", " "),
        (".", "'"),
        (",", "'"),
    )
)
"""Tried in this order: of notations that read the same the first is taken."""

CODES = """USD EUR GBP CHF JPY CNY RMB RUB INR AUD CAD NZD SGD HKD SEK NOK DKK ISK PLN CZK HUF RON BGN TRY UAH ILS ZAR
ETB KES NGN EGP MAD BRL MXN ARS CLP COP PEN KRW THB IDR MYR PHP VND AED SAR TWD""".split()  # noqa: SIM905
SIGNS = """US$ A$ C$ R$ kr. kr Kr SFr. Fr. Fr zł Kč Ft лв. лв руб. руб р. грн. грн Rs. Rs 元 円 원""".split()  # noqa: SIM905
SYMBOLS = "[$¢£¤¥֏؋৳฿៛₠-⃀﷼]"
CURRENCY = "(?:" + "|".join([*map(re.escape, SIGNS), SYMBOLS, *(f"(?i:{code})" for code in CODES)]) + ")"
AROUND = rf"(?:{CURRENCY}|[-%()\s]|\+)"
WRITTEN = re.compile(rf"(?P<before>{AROUND}*)(?P<core>[0-9.,][0-9.,' ]*(?:[eE][+-]?[0-9]+)?)(?P<behind>{AROUND}*)")
"""A number with what may stand around it."""

SPELLINGS = str.maketrans(
    dict.fromkeys("\xa0\u2007\u2009\u202f", " ") | dict.fromkeys("‘’ʼ´`", "'") | dict.fromkeys("−–‒", "-")
)
"""Characters that look like others and mean the same."""

CODES_OF_NOTHING = ("0", "1", "9", "99", "999", "9999")
LEAST_WHOLE = 3
"""From this many on, numbers without a mark are evidence; 0 and numbers that may stand for 'missing' do not count."""

LEAST_TEXTS = 20
"""Distinct numbers that it takes to say how many decimals a column has."""

AMBIGUOUS = r"[1-9][0-9]{0,2}[.,][0-9]{3}"
"""A number whose one mark may stand for decimals or for thousands."""


@dataclass(frozen=True, eq=False)
class NumberDecision:
    """The notation of a column, which of its texts (n_texts,) bool are numbers in it, and what remains ambiguous.

    ``example`` is a text that another notation, the ``rival``, reads as another number; '' where nothing is ambiguous.
    """

    notation: Notation
    reads: np.ndarray
    example: str = ""
    rival: Notation | None = None


def parse_numbers(texts: pd.Series, notation: Notation = PLAIN) -> np.ndarray:
    """Return texts (n_texts,) of dtype ``str`` as float64; NaN for what is not a number in this notation, or missing.

    >>> parse_numbers(pd.Series(["$1,234.50", "(7)", "12 %", "5-", "43 years"]), Notation(thousands=",")).tolist()
    [1234.5, -7.0, 12.0, -5.0, nan]
    """
    if notation.words is None and notation.is_plain:
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype="float64", na_value=np.nan).copy()
        left = np.isnan(numbers) & texts.notna().to_numpy()
    else:
        numbers = np.full(len(texts), np.nan)
        left = texts.notna().to_numpy()
    if left.any():
        numbers[left] = _parse_written(texts[left], notation)
    return numbers


def _parse_written(texts: pd.Series, notation: Notation) -> np.ndarray:
    cores, negative = undecorate(texts)
    fits = cores.str.fullmatch(make_pattern(notation.decimal, notation.thousands)).to_numpy(dtype=bool)
    numbers = np.full(len(texts), np.nan)
    if fits.any():
        digits = cores[fits]
        if notation.thousands:
            digits = digits.str.replace(notation.thousands, "", regex=False)
        if notation.decimal != ".":
            digits = digits.str.replace(notation.decimal, ".", regex=False)
        found = pd.to_numeric(digits, errors="coerce").to_numpy(dtype="float64")
        numbers[fits] = np.where(negative[fits], -found, found)
    if notation.words is not None:
        from pointsman.common.cells.words import read_truth

        for place in np.flatnonzero(~fits):
            means = read_truth(str(texts.iloc[place]))
            numbers[place] = np.nan if means is None else float(means)
    return numbers


def undecorate(texts: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Return texts without currency, percent and signs, and which (n_texts,) are negative.

    What has other things around it than these, or a sign twice, is returned as it is.

    >>> cores, negative = undecorate(pd.Series(["€ -1.234,56", "(12.5%)", "7−", "1-2", "12 kg"]))
    >>> cores.tolist(), negative.tolist()
    (['1.234,56', '12.5', '7', '1-2', '12 kg'], [True, True, True, False, False])
    """
    cores, negative = texts.copy(), np.zeros(len(texts), dtype=bool)
    decorated = np.flatnonzero(texts.str.contains("[^0-9.,]", regex=True).to_numpy(dtype=bool))
    taken = [_take_apart(text) for text in texts.iloc[decorated]]
    cores.iloc[decorated] = [core for core, _ in taken]
    negative[decorated] = [below for _, below in taken]
    return cores, negative


def _take_apart(text: str) -> tuple[str, bool]:
    """Return the digits and marks of a text, and whether what stands around them makes it negative."""
    plain = unicodedata.normalize("NFKC", text).translate(SPELLINGS).strip()  # full-width signs and digits, too
    found = WRITTEN.fullmatch(plain)
    if found is None:
        return plain, False
    before, behind = found["before"], found["behind"]
    minuses, enclosed = (before + behind).count("-"), (before.count("("), behind.count(")"))
    if minuses + enclosed[0] > 1 or enclosed[0] != enclosed[1] or "(" in behind or ")" in before or "+" in behind:
        return plain, False
    return found["core"].strip(), minuses + enclosed[0] == 1


@lru_cache
def make_pattern(decimal: str, thousands: str) -> str:
    """Return the regular expression of unsigned numbers in a notation.

    >>> [bool(re.fullmatch(make_pattern(",", "."), text)) for text in ("1.234,5", "1234,5", "1.23", ",5", "1,5E-05")]
    [True, True, False, True, True]
    """
    mark, exponent = re.escape(decimal), "(?:[eE][+-]?[0-9]+)?"
    plain = rf"(?:[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+){exponent}"
    if not thousands:
        return plain
    group = re.escape(thousands)
    grouped = rf"(?:[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[1-9][0-9]?(?:{group}[0-9]{{2}})+{group}[0-9]{{3}})"
    return rf"(?:{grouped}(?:{mark}[0-9]*)?|{plain})"


def decide_numbers(
    texts: pd.Series, counts: np.ndarray, wanted: Iterable[Notation] = NOTATIONS, usual: Notation | None = None
) -> NumberDecision:
    """Return the notation of a column from its distinct texts (n_texts,), trimmed, and how often each occurs.

    Of the ``wanted`` ones it is that in which most cells are numbers; ``usual``, the notation of earlier tables, wins a
    tie. Where others tie and disagree, numbers from 1000 on without a mark speak against a mark of thousands; if that
    does not help, the order of NOTATIONS decides and the column is ambiguous.

    >>> german = decide_numbers(pd.Series(["1.234", "7,5"]), np.array([1, 1]))
    >>> german.notation.decimal, german.reads.tolist(), german.example
    (',', [True, True], '')
    >>> decide_numbers(pd.Series(["1,234", "999"]), np.array([1, 1])).example
    '1,234'
    """
    wanted = tuple(wanted)
    # A column that a program wrote is recognised without taking its cells apart.
    if usual is None and PLAIN in wanted and (plain := _decide_plain(texts)) is not None:
        return plain
    cores, _ = undecorate(texts)
    fits = {one: cores.str.fullmatch(make_pattern(one.decimal, one.thousands)).to_numpy(dtype=bool) for one in wanted}
    read = {one: int(counts[fit].sum()) for one, fit in fits.items()}
    most = max(read.values(), default=0)
    tied = [one for one in wanted if read[one] == most]
    if not most or not tied:
        return NumberDecision(usual or PLAIN, np.zeros(len(texts), dtype=bool))
    if usual is not None:
        same = next((one for one in tied if (one.decimal, one.thousands) == (usual.decimal, usual.thousands)), None)
        if same is not None:
            return NumberDecision(same, fits[same])
    return _choose(texts, cores, tied, fits)


def _decide_plain(texts: pd.Series) -> NumberDecision | None:
    """Return the decision for a column that programs wrote: all numbers, some with other than three decimals."""
    numbers = pd.to_numeric(texts, errors="coerce")
    if numbers.isna().any():
        return None
    marked = texts.str.contains(".", regex=False)
    if marked.any() and texts[marked].str.fullmatch(f"[+-]?{AMBIGUOUS}").all():
        return None
    return NumberDecision(PLAIN, np.ones(len(texts), dtype=bool))


def _choose(
    texts: pd.Series, cores: pd.Series, tied: list[Notation], fits: dict[Notation, np.ndarray]
) -> NumberDecision:
    """Return the decision between notations that read equally many cells."""
    readings = {one: parse_numbers(texts, one) for one in tied}

    def list_rivals(first: Notation, among: list[Notation]) -> list[Notation]:
        return [one for one in among if not np.array_equal(readings[one], readings[first], equal_nan=True)]

    likely = [one for one in tied if _is_consistent(cores, one)] or tied
    # A point is a decimal mark to every program; a comma between groups of three is what spreadsheets show.
    first = next((one for one in likely if one.decimal == "."), likely[0])
    challengers = list_rivals(first, likely)
    if not challengers:
        return NumberDecision(first, fits[first])
    differ = readings[first] != readings[challengers[0]]
    return NumberDecision(first, fits[first], str(texts[differ & fits[first]].iloc[0]), challengers[0])


def _is_consistent(cores: pd.Series, notation: Notation) -> bool:
    """Return whether a notation's marks are used consistently.

    Whoever marks thousands does so in every number from 1000 on. Decimals are as many as a number needs (1.5), or the
    same everywhere (1.500, 2.000): no column has 2.500 beside 7.
    """
    marked = cores.str.fullmatch(AMBIGUOUS).to_numpy(dtype=bool)
    if notation.thousands and cores[marked].str.contains(notation.thousands, regex=False).any():
        return not cores.str.fullmatch("[0-9]{4,}").any()
    decimals = marked & cores.str.contains(notation.decimal, regex=False).to_numpy(dtype=bool)
    if not decimals.any():
        return True
    whole = cores[cores.str.fullmatch("[0-9]+") & ~cores.isin(CODES_OF_NOTHING)]
    return not (len(whole) >= LEAST_WHOLE and cores[decimals].str.endswith("0").any())


def count_places(texts: pd.Series, notation: Notation) -> int | None:
    """Return how many decimals the numbers of a column have at most, zeros at their end aside.

    None from 3 on, or where there are too few numbers to tell.

    >>> count_places(pd.Series([f"1.{number},50" for number in range(100, 130)]), Notation(",", "."))
    1
    >>> count_places(pd.Series(["0.5"]), PLAIN) is None
    True
    """
    cores, _ = undecorate(texts)
    decimals = cores.str.extract(f"{re.escape(notation.decimal)}([0-9]*?)0*$")[0].dropna()
    most = int(decimals.str.len().max()) if len(decimals) else 0
    return most if len(texts) >= LEAST_TEXTS and most < 3 else None


def find_doubtful(texts: pd.Series, notation: Notation) -> str | None:
    """Return a text whose mark may stand for thousands although it reads as decimals; None where there is none.

    That is so where numbers never had three decimals (``notation.places``), and now all numbers with a mark do.

    >>> find_doubtful(pd.Series(["2,875", "12,345", "812"]), Notation(",", ".", places=2))
    '2,875'
    >>> find_doubtful(pd.Series(["2,875", "12,3"]), Notation(",", ".", places=2)) is None
    True
    """
    if notation.places is None:
        return None
    cores, _ = undecorate(texts)
    marked = cores.str.contains(notation.decimal, regex=False)
    if not marked.any() or not cores[marked].str.fullmatch(AMBIGUOUS).all():
        return None
    return str(texts[marked].iloc[0])
