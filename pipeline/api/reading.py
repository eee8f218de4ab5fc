"""JSON bodies to rows, held against the limits and, cell by cell, against what a cell may be.

What rows of every kind of body share is here, too: their columns, the limits and the warnings.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import orjson
import pandas as pd

from pointsman.common.config import ServiceConfig
from pointsman.common.exact import type_cells
from pointsman.common.schema import Schema
from pointsman.pipeline.api.json_survey import check_big
from pointsman.pipeline.api.refusal import MOST_PROBLEMS, Problem, Refused, refuse_rows, shorten

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
PARQUET_TYPES = (PARQUET, "application/x-parquet", "application/parquet", "application/octet-stream")
MEDIA_TYPES = (JSON, CSV, PARQUET)

SHAPES = 'send {"rows": [{...}, ...]}, a list of rows or one row'
KINDS: dict[type, str] = {list: "a list", dict: "an object"}


@dataclass(frozen=True, eq=False)
class Brought:
    """Rows as a request brought them: mappings or a table, of columns that the stream knows, and what was ignored."""

    rows: Sequence[Mapping[str, Any]] | pd.DataFrame
    columns: frozenset[str]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def pick(self, names: Sequence[str]) -> pd.DataFrame | None:
        """Return the raw cells of the columns among ``names`` that are there; None where none is."""
        there = [name for name in names if name in self.columns]
        if not there:
            return None
        if isinstance(self.rows, pd.DataFrame):
            return self.rows[there]
        cells = {name: pd.Series([row.get(name) for row in self.rows], dtype=object) for name in there}
        return pd.DataFrame({name: type_cells(column) for name, column in cells.items()})


@dataclass(frozen=True)
class Columns:
    """What a generation knows of columns: ``inputs`` are read by models, ``others`` belong to the stream besides."""

    inputs: tuple[str, ...]
    others: frozenset[str]

    @classmethod
    def of(cls, schema: Schema, keys: Collection[str] = ()) -> "Columns":
        """Return the columns of a stream, ``keys`` among them."""
        others = {schema.time, schema.target, *schema.unused, *([schema.id] if schema.id else []), *keys}
        return cls(schema.inputs, frozenset(others) - set(schema.inputs))

    @cached_property
    def known(self) -> frozenset[str]:
        """Every column of the stream."""
        return self.others | set(self.inputs)

    def refuse_strangers(self) -> Refused:
        """Return the refusal of rows that have no column that models read."""
        shown = ", ".join(self.inputs[:8]) + (", ..." if len(self.inputs) > 8 else "")
        return Refused(422, f"No row has a column that models read; they read {shown}.")


def read_json_rows(body: bytes, columns: Columns, limits: ServiceConfig) -> Brought:
    """Return the rows of a JSON body: ``{"rows": [...]}``, a list of objects, or one object.

    Raises Refused: 400 for a body that is not JSON, 413 beyond a limit, 422 naming rows and fields that cannot be read.
    """
    check_big(body, "rows", limits, partial(find_problems, columns=columns, limits=limits))
    sent = parse_json(body, SHAPES)
    warnings: list[str] = []
    if isinstance(sent, dict) and isinstance(sent.get("rows"), list):
        if beside := [shorten(name) for name in sent if name != "rows"]:
            warnings.append(f"ignored beside rows: {', '.join(beside[:8])}")
        sent = sent["rows"]
    elif isinstance(sent, dict):
        sent = [sent]
    if not isinstance(sent, list):
        raise Refused(422, f"The body is {name_kind(sent)} and holds no rows; {SHAPES}.")
    check_count(len(sent), limits)
    problems: list[Problem] = []
    unknown: set[str] = set()
    rows = [check_row(position, row, columns, limits, problems, unknown) for position, row in enumerate(sent)]
    if problems:
        raise refuse_rows(problems[:MOST_PROBLEMS])
    there = frozenset().union(*rows)
    if there.isdisjoint(columns.inputs):
        raise columns.refuse_strangers()
    return Brought(rows, there, (*warnings, *warn_of(unknown)))


def find_problems(position: int, row: Any, columns: Columns, limits: ServiceConfig) -> list[Problem]:
    """Return what is wrong with a row."""
    problems: list[Problem] = []
    check_row(position, row, columns, limits, problems, set())
    return problems


def check_row(
    position: int, row: Any, columns: Columns, limits: ServiceConfig, problems: list[Problem], unknown: set[str]
) -> dict[str, Any]:
    """Return the known cells of a row; add what is wrong with it to ``problems``, and unknown names to ``unknown``."""
    if type(row) is not dict:
        problems.append(Problem(position, "", f"{name_kind(row)} is no row; write an object of columns and cells"))
        return {}
    if len(row) > limits.max_columns:
        raise refuse_columns(len(row), limits)
    kept = {}
    known, most_text = columns.known, limits.max_text
    for name, cell in row.items():
        if name not in known:
            unknown.add(name)
            continue
        kind = type(cell)
        if kind is str:
            if len(cell) > most_text:
                problems.append(Problem(position, name, describe_long(len(cell), limits)))
        elif kind is list or kind is dict:
            problems.append(Problem(position, name, f"{KINDS[kind]} is no cell; write a number, a text or null"))
        kept[name] = cell
    return kept


def parse_json(body: bytes, shape: str) -> Any:
    """Return what a JSON body holds; Refused with 400 where it is not JSON. ``shape`` says what to send."""
    if not body.strip():
        raise Refused(400, f"The body is empty; {shape}.")
    try:
        return orjson.loads(body)
    except json.JSONDecodeError as error:
        raise Refused(
            400, f"The body is no JSON ({error.msg} at character {error.pos}); what is missing is written as null."
        ) from None


def find_places(header: Sequence[str], columns: Columns) -> dict[str, int]:
    """Return the places of known columns in a header; Refused where one is named twice or no input is there."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        if name in places:
            raise Refused(422, f"The column '{shorten(name)}' is there more than once; leave one of them out.")
        if name in columns.known:
            places[name] = place
    if places.keys().isdisjoint(columns.inputs):
        raise columns.refuse_strangers()
    return places


def check_count(rows: int, limits: ServiceConfig, shape: str = SHAPES) -> None:
    """Raise Refused where there is no row, or more than a request may bring. ``shape`` says what to send."""
    if not rows:
        raise Refused(422, f"There is no row in the body; {shape}.")
    if rows > limits.max_rows:
        raise Refused(413, f"{rows} rows are more than {limits.max_rows} (service.max_rows); send them in parts.")


def refuse_columns(count: int, limits: ServiceConfig) -> Refused:
    """Return the refusal of a row, or a table, that is too wide."""
    return Refused(413, f"{count} columns are more than {limits.max_columns} (service.max_columns); leave some out.")


def describe_long(length: int, limits: ServiceConfig) -> str:
    """Return what is wrong with a text that is too long."""
    return f"a text of {length} characters is longer than {limits.max_text} (service.max_text); shorten it"


def warn_of(unknown: Collection[str]) -> tuple[str, ...]:
    """Return the warning about unknown columns, if there are any."""
    if not unknown:
        return ()
    shown = [f"'{shorten(name)}'" for name in sorted(unknown)[:8]]
    more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
    return (f"ignored, since the stream has no such column: {', '.join(shown)}{more}",)


def name_kind(sent: Any) -> str:
    """Return what a piece of JSON is, in words.

    >>> name_kind([]), name_kind(True), name_kind(None), name_kind("x")
    ('a list', 'true or false', 'null', 'a text')
    """
    if sent is None:
        return "null"
    named: dict[type, str] = {**KINDS, bool: "true or false", str: "a text"}
    return named.get(type(sent), "a number")
