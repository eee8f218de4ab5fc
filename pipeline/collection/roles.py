"""What each column is, decided on the first batch: declarations first, then what the cells look like."""

import logging
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from common.config import Config, SchemaConfig
from common.errors import ConfigError, DataError
from common.reading import TYPE_SHARE, find_missing, guess_date_format, read_numbers
from common.schema import Schema
from pipeline.collection.naming import check_columns, find_nearest, list_names
from pipeline.collection.targets import infer_task

MIN_IDENTIFIER_CELLS = 50
IDENTIFIER_SHARE = 0.9
"""A text column with more than this share of distinct cells among enough known ones has nothing to be learned."""

DATE_SAMPLE = 2_000
"""Distinct cells on which a column is tried as dates; every notation is tried on each."""

_log = logging.getLogger(__name__)


class Role(StrEnum):
    """What a column is to models."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    DATE = "dates"
    UNUSED = "unused"


@dataclass(frozen=True)
class Column:
    """A column's role and, where it is not what a reader expects, the reason."""

    role: Role
    reason: str = ""


def infer_schema(raw: pd.DataFrame, config: Config, origin: str) -> Schema:
    """Return the schema of a stream whose first batch is ``raw``; ``origin`` names it in messages.

    Raises ConfigError for a declared column that is absent or declared twice, DataError for a target that does not fit
    the task and where no input is left.
    """
    stated = config.schema_
    check_columns(raw, origin, {"schema.time": stated.time, "schema.target": stated.target})
    declared = find_declared(stated, list(raw.columns), origin)
    task, classes = infer_task(raw[stated.target], config, origin)
    names = [str(name) for name in raw.columns if name != stated.target]
    columns = {name: declared.get(name) or infer_role(raw[name], stated) for name in names}
    for name, column in columns.items():
        if column.reason:
            _log.info("The column '%s' is taken as %s: %s.", name, column.role, column.reason)
    schema = Schema(
        time=stated.time,
        target=stated.target,
        task=task,
        classes=classes,
        time_format=stated.time_format or guess_date_format(_find_known(raw[stated.time], stated)),
        id=stated.id,
        numeric=_of_role(columns, Role.NUMERIC),
        categorical=_of_role(columns, Role.CATEGORICAL),
        dates=_of_role(columns, Role.DATE),
        unused={name: column.reason for name, column in columns.items() if column.role is Role.UNUSED},
        missing_values=stated.missing_values,
        missing_target=stated.missing_target,
        positive=stated.positive,
    )
    if not set(schema.inputs) - {schema.time}:
        raise DataError(
            f"'{origin}' has no column to learn from besides time and target ({list_names(raw.columns)}); declare "
            "inputs under schema.numeric or schema.categorical."
        )
    return schema


def find_declared(stated: SchemaConfig, columns: list[str], origin: str) -> dict[str, Column]:
    """Return the roles that the configuration declares, by column; ConfigError for an absent or ambiguous column."""
    unused = {"schema.drop": (stated.drop, "listed in schema.drop"), "schema.id": ((stated.id,), "the id of a row")}
    claims = [
        *((name, "schema.numeric", Column(Role.NUMERIC)) for name in stated.numeric),
        *((name, "schema.categorical", Column(Role.CATEGORICAL)) for name in stated.categorical),
        *((name, "schema.dates", Column(Role.DATE)) for name in stated.dates),
        *((name, key, Column(Role.UNUSED, why)) for key, (names, why) in unused.items() for name in names if name),
    ]
    keys = {stated.target: "schema.target"}
    declared = {}
    for name, key, column in claims:
        _check_claim(name, key, keys, columns, origin)
        keys[name] = key
        declared[name] = column
    return {stated.time: Column(Role.DATE)} | declared


def infer_role(cells: pd.Series, stated: SchemaConfig) -> Column:
    """Return what a column that nobody declared looks like.

    >>> stated = SchemaConfig(time="day", target="y")
    >>> infer_role(pd.Series(["1", "2.5", "NA"]), stated).role, infer_role(pd.Series(["red", "blue"]), stated).role
    (<Role.NUMERIC: 'numeric'>, <Role.CATEGORICAL: 'categorical'>)
    """
    known = _find_known(cells, stated)
    if known.empty:
        return Column(Role.NUMERIC, "it is empty in the first batch and may fill later; declare it where that is wrong")
    if pd.api.types.is_bool_dtype(cells):
        return Column(Role.CATEGORICAL)
    if not pd.api.types.is_datetime64_any_dtype(cells) and read_numbers(known).notna().mean() >= TYPE_SHARE:
        return Column(Role.NUMERIC)
    distinct = known.drop_duplicates()
    if guess_date_format(distinct.head(DATE_SAMPLE)):
        return Column(Role.DATE)
    if len(known) >= MIN_IDENTIFIER_CELLS and len(distinct) > IDENTIFIER_SHARE * len(known):
        return Column(Role.UNUSED, "looks like an identifier")
    return Column(Role.CATEGORICAL)


def describe_roles(schema: Schema) -> str:
    """Return which column got which role, a line for each role, for the log."""
    classes = f": {list_names(schema.classes)}" if schema.classes else ""
    lines = [
        f"target {schema.target} ({schema.task}{classes})",
        f"time {schema.time} ({schema.time_format or 'several notations'})",
    ]
    for role, names in (("numeric", schema.numeric), ("categorical", schema.categorical), ("dates", schema.dates)):
        lines.append(f"{role} ({len(names)}): {', '.join(names) or 'none'}")
    unused = ", ".join(f"{name} ({reason})" for name, reason in schema.unused.items())
    return "\n".join([*lines, f"unused ({len(schema.unused)}): {unused or 'none'}"])


def _check_claim(name: str, key: str, keys: dict[str, str], columns: list[str], origin: str) -> None:
    if name not in columns:
        raise ConfigError(
            f"{key} names the column '{name}', which '{origin}' does not have; did you mean "
            f"'{find_nearest(name, columns)}'?"
        )
    if name in keys:
        raise ConfigError(f"The column '{name}' is in {keys[name]} and in {key}; keep it in one of them.")


def _find_known(cells: pd.Series, stated: SchemaConfig) -> pd.Series:
    return cells[~find_missing(cells, stated.missing_values)]


def _of_role(columns: dict[str, Column], role: Role) -> tuple[str, ...]:
    return tuple(name for name, column in columns.items() if column.role is role)
