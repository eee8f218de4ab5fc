"""Dates as people and programs write them, and which notation a column is in.

A notation is a format of ``strptime``, which a time of day may follow ('25.01.2023 11:00' is %d.%m.%Y), or one of the
names below. Day and month are told apart on the evidence of the whole column: 13/02 can only be read one way, 01/02
both ways.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.cells.date_notations import (
    CLOCK,
    DIGITS,
    EPOCH_MS,
    EPOCH_S,
    EXCEL,
    FORMATS,
    ISO,
    ISO_WEEK,
    TWINS,
    YEAR_FIRST,
    find_shape,
    has_shape,
)
from pointsman.common.cells.months import translate_months

FIRST_MOMENT, LAST_MOMENT = pd.Timestamp("1700-01-01"), pd.Timestamp("2199-12-31T23:59:59.999999")
"""The usable range. Dates outside it are placeholders: 9999-12-31 stands for 'open', and no model learns from 0001."""

SPAN_YEARS = 10
"""Two-digit years reach this many years beyond the stream's own time: policies end later than they begin, births do
not."""

CONTRADICTING = 0.01
"""From this share of a column's cells on, those that only the twin of its notation reads are no typing errors."""

SAMPLE = 60
LIKELY = 10
"""A notation is tried on all texts if at least one in this many of a sample has its shape."""


@dataclass(frozen=True, eq=False)
class DateDecision:
    """The notation of a column, which of its texts (n_texts,) bool are dates in it, and what remains ambiguous.

    ``rival`` is a notation that reads as many cells, but as other dates; ``contradicted`` is a pair of cells that no
    single notation reads.
    """

    date_format: str
    reads: np.ndarray
    rival: str | None = None
    contradicted: tuple[str, str] | None = None


def parse_dates(
    texts: pd.Series, date_format: str | None, latest_year: int | None = None, others: bool = True
) -> pd.Series:
    """Return texts of dtype ``str``, trimmed, as datetimes without a zone (us); NaT for what cannot be read.

    ``date_format`` is tried first and then, on what is left, those of the ``others`` in which day and month cannot be
    mixed up: 02/13 is not a date where the day comes first. Dates outside the usable range are returned too, see
    ``find_far``.

    >>> parse_dates(pd.Series(["01/02/53", "2013-08-09", "02/13/53"]), "%d/%m/%y", 2033).astype("str").tolist()
    ['1953-02-01', '2013-08-09', nan]
    """
    texts = translate_months(texts)
    dates = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    left = texts.notna() & ~texts.str.lower().isin(("now", "today"))  # pandas would read the clock
    if date_format is not None:
        dates[left] = _read(texts[left], date_format, latest_year)
        left &= dates.isna()
    for candidate in FORMATS if others else ():
        if not left.any():
            break
        unsure = candidate in YEAR_FIRST.values() or (candidate in TWINS and not _is_sure(candidate, date_format))
        if candidate == date_format or unsure:
            continue
        shaped = left & has_shape(texts, candidate)
        if shaped.any():
            dates[shaped] = _read(texts[shaped], candidate, latest_year)
            left &= dates.isna()
    return dates


def _is_sure(candidate: str, date_format: str | None) -> bool:
    """Return whether this notation may be assumed for dates that its twin reads as well: with dots the day comes first.

    The day also comes first where no notation is known at all; beside another notation the whole column decides.
    """
    if TWINS.get(candidate) == date_format or candidate.startswith("%m") or date_format in YEAR_FIRST.values():
        return False
    return date_format is None or "." in candidate


def find_far(dates: pd.Series) -> pd.Series:
    """Return True where a date lies outside the usable range.

    >>> find_far(pd.Series(["9999-12-31", "2020-01-01", None], dtype="datetime64[us]")).tolist()
    [True, False, False]
    """
    return dates.notna() & ~dates.between(FIRST_MOMENT, LAST_MOMENT)


def decide_dates(texts: pd.Series, counts: np.ndarray, usual: str | None = None, digits: bool = False) -> DateDecision:
    """Return the notation of a column from its distinct texts (n_texts,), trimmed, and how often each occurs.

    It is the one in which most cells are dates; ``usual``, that of earlier tables, wins a tie. Notations of ``digits``
    alone are tried only where the caller knows that the column holds dates.

    >>> decided = decide_dates(pd.Series(["01/02/2023", "01/13/2023"]), np.array([5, 1]))
    >>> decided.date_format, decided.rival
    ('%m/%d/%Y', None)
    >>> decide_dates(pd.Series(["01/02/2023"]), np.array([5])).rival
    '%m/%d/%Y'
    """
    texts = translate_months(texts)
    tried = _list_likely(texts, usual, digits)
    if not tried:
        return DateDecision(usual or ISO, np.zeros(len(texts), dtype=bool))
    tried += [twin for twin in (TWINS.get(one) for one in tried) if twin and twin not in tried]
    dates = {candidate: _read(texts, candidate, None) for candidate in tried}
    read = {candidate: int(counts[found.notna().to_numpy()].sum()) for candidate, found in dates.items()}
    best = max(tried, key=lambda candidate: (read[candidate], candidate == usual, -tried.index(candidate)))
    if best != usual and _begins_with_year(texts, counts, best, read[best]):
        year_first = YEAR_FIRST.get(best) or YEAR_FIRST[TWINS[best]]
        return DateDecision(year_first, parse_dates(texts, year_first).notna().to_numpy())
    reads = parse_dates(texts, best).notna().to_numpy()  # also by notations that cannot be mistaken for it
    twin = TWINS.get(best)
    if twin is None:
        return DateDecision(best, reads)
    # A notation that earlier tables have settled is not in question again.
    rival = twin if read[twin] == read[best] and best != usual and not dates[best].equals(dates[twin]) else None
    return DateDecision(best, reads, rival, _find_contradiction(texts, counts, dates[best], dates[twin]))


def _begins_with_year(texts: pd.Series, counts: np.ndarray, best: str, read: int) -> bool:
    """Return whether dates begin with a two-digit year: they do where the last part varies more than the first."""
    year_first = YEAR_FIRST.get(best) or YEAR_FIRST.get(TWINS.get(best, ""))
    if year_first is None:
        return False
    dates = _read(texts, year_first, None)
    if counts[dates.notna().to_numpy()].sum() < read:
        return False
    parts = texts.str.extract("^([0-9]{2})[-/.]([0-9]{2})[-/.]([0-9]{2})")
    return bool(parts.notna().all(axis=None) and parts[0].nunique() < parts[2].nunique())


def _find_contradiction(
    texts: pd.Series, counts: np.ndarray, dates: pd.Series, others: pd.Series
) -> tuple[str, str] | None:
    only, against = dates.notna() & others.isna(), others.notna() & dates.isna()
    if not only.any() or counts[against].sum() < max(2.0, CONTRADICTING * counts.sum()):
        return None
    return str(texts[only].iloc[0]), str(texts[against].iloc[0])


def _list_likely(texts: pd.Series, usual: str | None, digits: bool) -> list[str]:
    """Return the notations whose shape enough of a sample of texts have, the usual one first; none if most fit none."""
    places = np.unique(np.linspace(0, max(len(texts) - 1, 0), min(len(texts), SAMPLE)).astype(int))
    sample = texts.iloc[places].tolist()
    candidates = dict.fromkeys([*([usual] if usual else []), *FORMATS, *(DIGITS if digits else ())])
    shaped = {
        one: {text for text in sample if (shape := find_shape(one)) is None or shape.fullmatch(text)}
        for one in candidates
    }
    if len(set().union(*shaped.values())) * 2 < len(sample):
        return []
    return [one for one, found in shaped.items() if len(found) * LIKELY >= len(sample) and found]


def _read(texts: pd.Series, date_format: str, latest_year: int | None) -> pd.Series:
    """Return texts in one notation as datetimes; NaT for all others."""
    dates = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    shaped = has_shape(texts, date_format)
    if not shaped.any():
        return dates
    texts = texts[shaped]
    if date_format == ISO:
        dates[shaped] = _without_zone(pd.to_datetime(texts, format=ISO, errors="coerce", utc=True))
    elif date_format in (EPOCH_S, EPOCH_MS, EXCEL):
        dates[shaped] = _read_counted(texts, date_format)
    elif date_format == ISO_WEEK:
        days = texts.str.replace("-", "", regex=False)
        days = days.where(days.str.len() > len("2023W05"), days + "1")  # a week without a day is its Monday
        dates[shaped] = pd.to_datetime(days, format="%GW%V%u", errors="coerce")
    else:
        dates[shaped] = _read_formatted(texts, date_format, latest_year)
    return dates


def _read_formatted(texts: pd.Series, date_format: str, latest_year: int | None) -> pd.Series:
    clocks = None
    if date_format in FORMATS and texts.str.contains(":", regex=False).any():
        parts = texts.str.extract(f"^(.*?)(?:{CLOCK})?$")
        texts, clocks = parts[0], _read_clock(parts[1], parts[2])
    dates = pd.to_datetime(texts, format=date_format, errors="coerce")
    dates = (_without_zone(dates) if dates.dt.tz is not None else dates).astype("datetime64[us]")
    if "%y" in date_format and latest_year is not None:
        late = dates.dt.year > latest_year
        dates = dates.where(~late, dates - pd.DateOffset(years=100)) if late.any() else dates
    return dates if clocks is None else dates + clocks


def _read_clock(clocks: pd.Series, halves: pd.Series) -> pd.Series:
    """Return times of day as durations: 0 where there is none, NaT where it cannot be read."""
    hours = clocks.str.extract("^([0-9]+):")[0].astype("float64")
    half = halves.str.lower().str[:1]
    wrong = (hours > 23) | (half.isin(["a", "p"]) & ((hours > 12) | (hours == 0)))
    full = clocks.where(clocks.str.count(":") != 1, clocks + ":00")
    read = pd.to_timedelta(full.fillna("0:00:00"), errors="coerce").astype("timedelta64[us]")
    shift = np.where(half.eq("p") & (hours < 12), 12, np.where(half.eq("a") & (hours == 12), -12, 0))
    return (read + pd.to_timedelta(shift, unit="h")).mask(wrong).astype("timedelta64[us]")


def _read_counted(texts: pd.Series, date_format: str) -> pd.Series:
    numbers = pd.to_numeric(texts, errors="coerce")
    if date_format == EXCEL:  # Excel counts a 29 February 1900 that never was
        dates = pd.to_datetime("1899-12-30") + pd.to_timedelta(numbers * 86_400, unit="s").dt.round("s")
    else:
        dates = pd.to_datetime(numbers, unit="s" if date_format == EPOCH_S else "ms", errors="coerce")
    return dates.astype("datetime64[us]")


def _without_zone(dates: pd.Series) -> pd.Series:
    return dates.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
