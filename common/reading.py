"""How cells of any source become numbers, levels, dates and labels, as the schema has them."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from common.errors import DataError
from common.schema import Schema, canonical_level
from common.task import Task

TYPE_SHARE = 0.95
"""Share of a column's known cells that must read as numbers (or dates) for the column to be one."""


def find_missing(cells: pd.Series, missing_values: Sequence[str]) -> pd.Series:
    """Return True where a cell is empty or one of the texts that stand for 'missing'."""
    missing = cells.isna()
    if pd.api.types.is_numeric_dtype(cells):
        return missing | cells.isin(_read_missing_codes(tuple(missing_values)))
    if pd.api.types.is_datetime64_any_dtype(cells):
        return missing
    return missing | cells.astype("str").str.strip().isin(missing_values)


def read_numbers(cells: pd.Series, missing_values: Sequence[str] = ()) -> pd.Series:
    """Return cells as float64; what is missing, infinite or no number is NaN.

    >>> read_numbers(pd.Series(["4.0", " 7 ", "8R", None, "1,200"])).tolist()
    [4.0, 7.0, nan, nan, nan]
    """
    if not pd.api.types.is_numeric_dtype(cells):  # texts repeat: each is read once
        codes, distinct = pd.factorize(cells.astype("str"))
        text = pd.Series(distinct, dtype="str").str.strip()
        numbers = _read_distinct(text.mask(text.isin(missing_values)), missing_values)
        return pd.Series(np.append(numbers.to_numpy(), np.nan)[codes], index=cells.index, name=cells.name)
    return _read_distinct(cells, missing_values)


def _read_distinct(cells: pd.Series, missing_values: Sequence[str]) -> pd.Series:
    numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers) & ~numbers.isin(_read_missing_codes(tuple(missing_values))))


@lru_cache
def _read_missing_codes(missing_values: tuple[str, ...]) -> tuple[float, ...]:
    """Numbers that stand for 'missing', such as -999, so that a Parquet column of numbers is read like CSV text."""
    numbers = pd.to_numeric(pd.Series(missing_values, dtype="str"), errors="coerce").dropna()
    return tuple(numbers.tolist())


def read_levels(cells: pd.Series, missing_values: Sequence[str] = ()) -> pd.Series:
    """Return cells as text levels of dtype ``str``; missing cells are NaN.

    >>> read_levels(pd.Series([1.0, None, 2.0])).tolist()
    ['1', nan, '2']
    """
    if cells.dtype == "object":
        cells = cells.astype("str")
    distinct = pd.Series(cells.unique())
    known = distinct[~find_missing(distinct, missing_values)]
    levels = {cell: canonical_level(cell) for cell in known}
    return cells.map(levels).astype("str")


DATE_FORMATS = ("ISO8601", "%d-%b-%y", "%d-%b-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%d/%m/%Y %H:%M",
                "%m/%d/%Y %H:%M", "%d-%m-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y")  # fmt: skip

FIRST_MOMENT, LAST_MOMENT = pd.Timestamp("0001-01-01"), pd.Timestamp("9999-12-31T23:59:59.999999")


def read_dates(cells: pd.Series, date_format: str | None = None) -> pd.Series:
    """Return cells as datetimes without a zone; what cannot be read is NaT.

    ``date_format`` is tried first and, where cells are left over, the formats of DATE_FORMATS one by one, so that a
    file in another notation than the stream's is still understood.

    >>> read_dates(pd.Series(["08-AUG-13", "2013-08-09", "soon"]), "%d-%b-%y").dt.day.tolist()
    [8.0, 9.0, nan]
    """
    if pd.api.types.is_datetime64_any_dtype(cells):
        return _of_calendar(_without_zone(cells).astype("datetime64[us]"))
    text = cells.astype("str").str.strip()
    if pd.api.types.is_numeric_dtype(cells):
        text = text.str.removesuffix(".0")
    codes, distinct = pd.factorize(text)
    dates = _parse_dates(pd.Series(distinct, dtype="str"), date_format)
    return dates.reindex(codes).set_axis(cells.index)


def _parse_dates(text: pd.Series, date_format: str | None) -> pd.Series:
    dates = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    text = text.mask(text.str.lower().isin(("now", "today")))  # pandas would read the clock
    for candidate in dict.fromkeys([date_format, *DATE_FORMATS]):
        left = dates.isna()
        if candidate is None or not left.any():
            continue
        read = pd.to_datetime(text[left], format=candidate, errors="coerce", utc=candidate == "ISO8601")
        dates[left] = _without_zone(read).astype("datetime64[us]")
    return _of_calendar(dates)


def _of_calendar(dates: pd.Series) -> pd.Series:
    """Return dates without those that Python and databases have no room for; '-361' would be the year -361."""
    return dates.where(dates.between(FIRST_MOMENT, LAST_MOMENT))


def guess_date_format(cells: pd.Series) -> str | None:
    """Return the format that reads nearly all known cells as dates, or None where they are no dates."""
    known = cells.dropna()
    if pd.api.types.is_datetime64_any_dtype(cells):
        return "ISO8601"
    if known.empty or pd.api.types.is_numeric_dtype(cells):
        return None
    text = pd.Series(known.astype("str").str.strip().unique())
    for candidate in DATE_FORMATS:
        read = pd.to_datetime(text, format=candidate, errors="coerce", utc=candidate == "ISO8601")
        if read.notna().mean() >= TYPE_SHARE:
            return candidate
    return None


def read_labels(cells: pd.Series, schema: Schema) -> pd.Series:
    """Return the target's cells as labels (classification, dtype ``str``) or numbers (regression); unknown is NaN."""
    missing = find_missing(cells, schema.missing_values)
    if schema.missing_target is not None:
        filled = cells.astype("object").mask(missing, schema.missing_target)
        cells = filled.infer_objects() if pd.api.types.is_numeric_dtype(cells) else filled.astype("str")
    if schema.task is Task.REGRESSION:
        return read_numbers(cells, schema.missing_values)
    if schema.label_is_rule:
        return _apply_rule(read_numbers(cells, schema.missing_values), str(schema.positive))
    return read_levels(cells, schema.missing_values)


def encode_target(labels: pd.Series, schema: Schema) -> np.ndarray:
    """Return labels as float codes (n_rows,), positions in ``schema.classes``, or as numbers; unknown is NaN."""
    if not schema.task.is_classification:
        return labels.to_numpy(dtype="float64")
    codes = {label: float(code) for code, label in enumerate(schema.classes)}
    return labels.map(codes).to_numpy(dtype="float64", na_value=np.nan)


def _apply_rule(numbers: pd.Series, rule: str) -> pd.Series:
    rule = rule.strip()
    operator = rule[:2] if rule[1:2] == "=" else rule[:1]
    try:
        threshold = float(rule[len(operator) :])
    except ValueError:
        raise DataError(f"schema.positive is '{rule}'; write a value, or a comparison such as '> 0'.") from None
    compare = {">": numbers.gt, ">=": numbers.ge, "<": numbers.lt, "<=": numbers.le}[operator]
    return compare(threshold).map({True: "1", False: "0"}).where(numbers.notna()).astype("str")


def _without_zone(dates: pd.Series) -> pd.Series:
    return dates.dt.tz_convert("UTC").dt.tz_localize(None) if dates.dt.tz is not None else dates


def read_inputs(raw: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return the schema's inputs typed: float64 numbers, ``str`` levels, datetimes; an absent column is all missing.

    Extra columns are left out and the order is the schema's, whatever the order in ``raw``. The index is kept.
    """
    absent = pd.Series(np.nan, index=raw.index, dtype="float64")
    columns: dict[str, pd.Series] = {}
    for name in schema.numeric:
        columns[name] = read_numbers(raw.get(name, absent), schema.missing_values)
    for name in schema.categorical:
        columns[name] = read_levels(raw.get(name, absent), schema.missing_values)
    for name in schema.dates:
        date_format = schema.time_format if name == schema.time else None
        columns[name] = read_dates(raw[name], date_format) if name in raw else absent.astype("datetime64[us]")
    return pd.DataFrame(columns, index=raw.index)
