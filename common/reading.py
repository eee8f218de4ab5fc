"""How cells of any source become numbers, levels, dates and labels, as the schema has them.

Reading is strict: what a cell means follows from the column's notation and the cell alone. A table in other notations
than the schema's is read by ``common.adaptation``, which decides on the evidence of its columns first.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from pointsman.common.cells.dates import find_far, parse_dates
from pointsman.common.cells.notation import PLAIN, Notation
from pointsman.common.cells.numbers import parse_numbers
from pointsman.common.cells.words import fold, read_truth
from pointsman.common.errors import DataError
from pointsman.common.schema import Schema, canonical_level
from pointsman.common.task import Task

MOST = 1e150
"""A target of this size or more counts as missing."""

TYPE_SHARE = 0.95
"""Share of a column's known cells that must read as numbers (or dates) for the column to be one."""


def find_missing(cells: pd.Series, missing_values: Sequence[str]) -> pd.Series:
    """Return True where a cell is empty or one of the texts that stand for 'missing'."""
    missing = cells.isna()
    if pd.api.types.is_numeric_dtype(cells):
        return missing | cells.isin(read_missing_codes(tuple(missing_values)))
    if pd.api.types.is_datetime64_any_dtype(cells):
        return missing
    text = trim(cells)
    missing |= text.isin(missing_values)
    if codes := read_missing_codes(tuple(missing_values)):  # -999.0 is the -999 that is stated
        missing |= pd.to_numeric(text, errors="coerce").isin(codes)
    return missing


def trim(cells: pd.Series) -> pd.Series:
    """Return cells as text without blanks around them; missing ones are NaN.

    Whole numbers have no '.0': a column of them is one of floats where a cell is missing.
    """
    text = cells.astype("str").str.strip()
    return text.str.removesuffix(".0") if pd.api.types.is_numeric_dtype(cells) else text


def read_numbers(cells: pd.Series, missing_values: Sequence[str] = (), notation: Notation = PLAIN) -> pd.Series:
    """Return cells as float64; what is missing, infinite or no number in this notation is NaN.

    >>> read_numbers(pd.Series(["4.0", " 7 ", "8R", None, "1,200", "$5"])).tolist()
    [4.0, 7.0, nan, nan, nan, 5.0]
    >>> read_numbers(pd.Series(["1,200"]), notation=Notation(thousands=",")).tolist()
    [1200.0]
    """
    if not pd.api.types.is_numeric_dtype(cells):  # texts repeat: each is read once
        codes, distinct = pd.factorize(cells.astype("str"))
        text = pd.Series(distinct, dtype="str").str.strip()
        numbers = parse_numbers(text.mask(text.isin(missing_values)), notation)
        read = _without_codes(pd.Series(numbers), missing_values).to_numpy()
        return pd.Series(np.append(read, np.nan)[codes], index=cells.index, name=cells.name)
    return _without_codes(pd.to_numeric(cells, errors="coerce").astype("float64"), missing_values)


def _without_codes(numbers: pd.Series, missing_values: Sequence[str]) -> pd.Series:
    return numbers.where(np.isfinite(numbers) & ~numbers.isin(read_missing_codes(tuple(missing_values))))


@lru_cache
def read_missing_codes(missing_values: tuple[str, ...]) -> tuple[float, ...]:
    """Numbers that stand for 'missing', such as -999, so that a Parquet column of numbers is read like CSV text."""
    numbers = pd.to_numeric(pd.Series(missing_values, dtype="str"), errors="coerce").dropna()
    return tuple(numbers.tolist())


def read_levels(cells: pd.Series, missing_values: Sequence[str] = (), notation: Notation = PLAIN) -> pd.Series:
    """Return cells as text levels of dtype ``str``; missing cells are NaN. Words of a truth value become one spelling.

    >>> read_levels(pd.Series([1.0, None, 2.0])).tolist()
    ['1', nan, '2']
    >>> read_levels(pd.Series([True, "TRUE", "no", "perhaps"]), notation=Notation(words=("false", "true"))).tolist()
    ['true', 'true', 'false', 'perhaps']
    """
    if cells.dtype == "object":
        cells = cells.astype("str")
    distinct = pd.Series(cells.unique())
    known = distinct[~find_missing(distinct, missing_values)]
    levels = {cell: read_level(cell, notation) for cell in known}
    return cells.map(levels).astype("str")


def read_level(cell: object, notation: Notation = PLAIN) -> str:
    """Return a known cell as a level."""
    level = canonical_level(cell)
    if notation.words is not None and (means := read_truth(level)) is not None:
        return notation.words[means] or str(means)
    return level


def read_dates(
    cells: pd.Series, date_format: str | None = None, missing_values: Sequence[str] = (), latest_year: int | None = None
) -> pd.Series:
    """Return cells as datetimes (us) without a zone; what cannot be read or lies outside the usable range is NaT.

    ``date_format`` is tried first and, where cells are left over, notations that cannot be mistaken for it.

    >>> read_dates(pd.Series(["08-AUG-13", "2013-08-09", "soon", "9999-12-31"]), "%d-%b-%y").dt.day.tolist()
    [8.0, 9.0, nan, nan]
    """
    dates = read_any_dates(cells, date_format, missing_values, latest_year)
    return dates.mask(find_far(dates))


def read_any_dates(
    cells: pd.Series, date_format: str | None = None, missing_values: Sequence[str] = (), latest_year: int | None = None
) -> pd.Series:
    """Return cells as ``read_dates`` does, but with dates outside the usable range as they are."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        cells = cells.dt.tz_convert("UTC").dt.tz_localize(None) if cells.dt.tz is not None else cells
        return cells.astype("datetime64[us]")
    codes, distinct = pd.factorize(trim(cells))
    text = pd.Series(distinct, dtype="str")
    dates = parse_dates(text.mask(text.isin(missing_values)), date_format, latest_year)
    return dates.reindex(codes).set_axis(cells.index)


def read_labels(cells: pd.Series, schema: Schema) -> pd.Series:
    """Return the target's cells as labels (classification, dtype ``str``) or numbers (regression); unknown is NaN.

    Labels that differ from a class in case and blanks alone are that class, and so is another word for the same truth.
    """
    missing_values, notation = schema.missing_of(schema.target), schema.notation(schema.target)
    missing = find_missing(cells, missing_values)
    if schema.missing_target is not None:
        filled = cells.astype("object").mask(missing, schema.missing_target)
        cells = filled.infer_objects() if pd.api.types.is_numeric_dtype(cells) else filled.astype("str")
    if schema.task is Task.REGRESSION:
        numbers = read_numbers(cells, missing_values, notation)
        return numbers.where(numbers.abs() < MOST)  # the square of a larger one is no number
    if schema.label_is_rule:
        return _apply_rule(read_numbers(cells, missing_values, notation), str(schema.positive))
    labels = read_levels(cells, missing_values)
    same = match_labels(list(labels.dropna().unique()), schema.classes)
    return labels.map(lambda label: same.get(label, label), na_action="ignore").astype("str") if same else labels


def match_labels(labels: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Return the class of each label that is written differently from its class.

    >>> match_labels(["Paid ", "paid", "open", "TRUE"], ["paid", "1"]), match_labels(["True", "no"], ["0", "1"])
    ({'Paid ': 'paid'}, {'True': '1', 'no': '0'})
    """
    folded: dict[str, str] = {}
    for name in classes:
        folded.setdefault(fold(name), name)
    affirming = [name for name in classes if read_truth(name) is True]
    denying = [name for name in classes if read_truth(name) is False]
    words = {True: affirming[0], False: denying[0]} if len(affirming) == len(denying) == 1 else {}
    found = {}
    for label in labels:
        truth = read_truth(label)
        same = folded.get(fold(label)) or (words.get(truth) if truth is not None else None)
        if label not in classes and same is not None:
            found[label] = same
    return found


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


def read_inputs(raw: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return the schema's inputs typed: float64 numbers, ``str`` levels, datetimes; an absent column is all missing.

    Extra columns are left out and the order is the schema's, whatever the order in ``raw``. The index is kept.
    """
    absent = pd.Series(np.nan, index=raw.index, dtype="float64")
    columns = {name: read_input(raw.get(name, absent), name, schema) for name in schema.inputs}
    return pd.DataFrame(columns, index=raw.index)


def read_input(cells: pd.Series, name: str, schema: Schema) -> pd.Series:
    """Return the cells of one input as the schema reads them."""
    missing_values, notation = schema.missing_of(name), schema.notation(name)
    if name in schema.numeric:
        return read_numbers(cells, missing_values, notation)
    if name in schema.categorical:
        return read_levels(cells, missing_values, notation)
    return read_schema_dates(cells, name, schema)


def read_schema_dates(cells: pd.Series, name: str, schema: Schema) -> pd.Series:
    """Return the cells of a date column, or of the time, as the schema reads them."""
    notation = schema.notation(name)
    if pd.api.types.is_float_dtype(cells) and cells.isna().all():
        return cells.astype("datetime64[us]")
    return read_dates(cells, notation.date_format, schema.missing_of(name), notation.latest_year)
