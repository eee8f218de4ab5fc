"""The notations that dates are written in, and what a cell in each of them looks like."""

import re
from functools import lru_cache

import pandas as pd

ISO = "ISO8601"
EPOCH_S, EPOCH_MS, EXCEL, ISO_WEEK = "epoch_s", "epoch_ms", "excel", "iso_week"
"""Notations that ``strptime`` has no format for: seconds and milliseconds since 1970, Excel's days, 2023-W05."""

_D, _M, _Y4, _Y2, _NAME = "[0-9]{1,2}", "[0-9]{1,2}", "[0-9]{4}", "[0-9]{2}", "[A-Za-z]{3,9}"
_SHORT = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"

FORMATS: dict[str, str] = {
    ISO: rf"{_Y4}(?:-{_M}(?:-{_D})?)?(?:[T ].*)?",
    "%d-%b-%y": rf"{_D}-{_SHORT}-{_Y2}",
    "%d-%b-%Y": rf"{_D}-{_SHORT}-{_Y4}",
    "%d/%m/%Y": rf"{_D}/{_M}/{_Y4}",
    "%m/%d/%Y": rf"{_D}/{_M}/{_Y4}",
    "%d.%m.%Y": rf"{_D}\.{_M}\.{_Y4}",
    "%m.%d.%Y": rf"{_D}\.{_M}\.{_Y4}",
    "%d-%m-%Y": rf"{_D}-{_M}-{_Y4}",
    "%m-%d-%Y": rf"{_D}-{_M}-{_Y4}",
    "%Y-%m-%d": rf"{_Y4}-{_M}-{_D}",
    "%Y/%m/%d": rf"{_Y4}/{_M}/{_D}",
    "%Y.%m.%d": rf"{_Y4}\.{_M}\.{_D}",
    "%Y%m%d": r"[12][0-9]{7}",
    "%d/%m/%y": rf"{_D}/{_M}/{_Y2}",
    "%m/%d/%y": rf"{_D}/{_M}/{_Y2}",
    "%d.%m.%y": rf"{_D}\.{_M}\.{_Y2}",
    "%m.%d.%y": rf"{_D}\.{_M}\.{_Y2}",
    "%d-%m-%y": rf"{_D}-{_M}-{_Y2}",
    "%m-%d-%y": rf"{_D}-{_M}-{_Y2}",
    "%d %b %Y": rf"{_D} {_SHORT} {_Y4}",
    "%d %b %y": rf"{_D} {_SHORT} {_Y2}",
    "%d %B %Y": rf"{_D} {_NAME} {_Y4}",
    "%d. %B %Y": rf"{_D}\. {_NAME} {_Y4}",
    "%d. %b %Y": rf"{_D}\. {_SHORT} {_Y4}",
    "%d/%b/%Y": rf"{_D}/{_SHORT}/{_Y4}",
    "%d.%b.%Y": rf"{_D}\.{_SHORT}\.{_Y4}",
    "%d%b%Y": rf"{_D}{_SHORT}{_Y4}",
    "%d%b%y": rf"{_D}{_SHORT}{_Y2}",
    "%Y-%b-%d": rf"{_Y4}-{_SHORT}-{_D}",
    "%b %d, %Y": rf"{_SHORT} {_D}, {_Y4}",
    "%b %d %Y": rf"{_SHORT} {_D} {_Y4}",
    "%B %d, %Y": rf"{_NAME} {_D}, {_Y4}",
    "%B %d %Y": rf"{_NAME} {_D} {_Y4}",
    "%b %Y": rf"{_SHORT} {_Y4}",
    "%b-%Y": rf"{_SHORT}-{_Y4}",
    "%B %Y": rf"{_NAME} {_Y4}",
    "%b-%y": rf"{_SHORT}-{_Y2}",
    "%y-%m-%d": rf"{_Y2}-{_Y2}-{_Y2}",
    "%y/%m/%d": rf"{_Y2}/{_Y2}/{_Y2}",
    "%y.%m.%d": rf"{_Y2}\.{_Y2}\.{_Y2}",
    "%Y年%m月%d日": rf"{_Y4}年{_M}月{_D}日",
    "%m/%Y": rf"{_M}/{_Y4}",
    "%Y/%m": rf"{_Y4}/{_M}",
    ISO_WEEK: rf"{_Y4}-?W{_Y2}(?:-?[1-7])?",
}
"""The pattern of a cell in each notation, without the time of day, in the order in which notations are tried."""

DIGITS = {
    "%Y%m": r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])",
    "%Y%m%d": r"(?:19|20)[0-9]{6}",
    "%Y%m%d%H%M": r"(?:19|20)[0-9]{10}",
    "%Y%m%d%H%M%S": r"(?:19|20)[0-9]{12}",
    EPOCH_S: r"[1-3]?[0-9]{9}",
    EPOCH_MS: r"[1-3]?[0-9]{12}",
    EXCEL: r"[1-9][0-9]{4}(?:\.[0-9]+)?",
}
"""Notations of digits alone: a number is a date only in a column of dates."""

YEAR_FIRST = {"%d-%m-%y": "%y-%m-%d", "%d/%m/%y": "%y/%m/%d", "%d.%m.%y": "%y.%m.%d"}
"""Notations of two-digit years, and those of the same look that begin with the year: 23-10-05."""

TWINS = {
    one: other
    for pair in (
        ("%d/%m/%Y", "%m/%d/%Y"),
        ("%d.%m.%Y", "%m.%d.%Y"),
        ("%d-%m-%Y", "%m-%d-%Y"),
        ("%d/%m/%y", "%m/%d/%y"),
        ("%d.%m.%y", "%m.%d.%y"),
        ("%d-%m-%y", "%m-%d-%y"),
    )
    for one, other in (pair, pair[::-1])
}
"""Pairs of notations that only a day above 12 tells apart."""

CLOCK = r"(?:T| |, )\s*([0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)\s*((?i:[ap]\.?m\.?)?)\s*(?:UTC|GMT|Z)?"
"""A time of day behind a date: 11:00, 11:00:30.5, 1:05 PM."""


@lru_cache
def find_shape(candidate: str) -> re.Pattern[str] | None:
    """Return the pattern of dates in a notation, with or without a time of day; None where none is known."""
    shape = FORMATS.get(candidate) or DIGITS.get(candidate)
    if shape is None:
        return None
    return re.compile(f"(?:{shape})" if candidate in (ISO, *DIGITS) else f"(?:{shape})(?:{CLOCK})?")


def has_shape(texts: pd.Series, candidate: str) -> pd.Series:
    """Return which texts look like dates in a notation."""
    shape = find_shape(candidate)
    if shape is None:
        return texts.notna()
    return texts.str.fullmatch(shape.pattern).fillna(False).astype(bool)
