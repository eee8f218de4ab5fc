"""What each column is, decided on the first batch: declarations first, then what the cells look like."""

import logging
from dataclasses import replace

import pandas as pd

from pointsman.common.cells.dates import SPAN_YEARS
from pointsman.common.cells.notation import PLAIN, Notation
from pointsman.common.config import ARRIVAL, Config, SchemaConfig
from pointsman.common.errors import ConfigError, DataError
from pointsman.common.reading import read_dates
from pointsman.common.schema import Schema
from pointsman.pipeline.collection.arrival import COST
from pointsman.pipeline.collection.column import Column, ColumnRole
from pointsman.pipeline.collection.column_evidence import decide_column, decide_declared
from pointsman.pipeline.collection.naming import check_columns, find_nearest, list_names
from pointsman.pipeline.collection.ordering import decide_time_format
from pointsman.pipeline.collection.targets import infer_target

_log = logging.getLogger(__name__)


def infer_schema(raw: pd.DataFrame, config: Config, origin: str, time_format: str | None = None) -> Schema:
    """Return the schema of a stream whose first batch is ``raw``; ``origin`` names it in messages.

    ``time_format`` is the notation of the time, where its source has settled it. Raises ConfigError for a declared
    column that is absent or declared twice, DataError for a target that does not fit the task and where no input is
    left.
    """
    stated = config.schema_
    check_columns(raw, origin, {"schema.time": stated.time, "schema.target": stated.target})
    declared = find_declared(stated, list(raw.columns), origin)
    target = infer_target(raw[stated.target], config, origin)
    names = [str(name) for name in raw.columns if name != stated.target]
    columns = {name: decide(raw[name], name, declared.get(name), stated) for name in names if name != stated.time}
    columns = settle_open_marks(columns)  # needs all of them: a column without evidence is written as the others are
    for name, column in columns.items():
        if column.reason and not (column.warnings and column.role is ColumnRole.UNUSED):
            _log.info("The column '%s' is taken as %s: %s.", name, column.role, column.reason)
        for warning in column.warnings:
            _log.warning("%s", warning)
    if stated.is_timeless:
        _log.warning("%s", COST)
    time_format = stated.time_format or time_format or decide_time_format(raw[stated.time], origin, stated)
    columns = {stated.time: declared[stated.time], **columns}
    notations = {name: column.notation for name, column in columns.items()} | {stated.target: target.notation}
    schema = Schema(
        time=stated.time,
        target=stated.target,
        task=target.task,
        classes=target.classes,
        time_format=time_format,
        id=stated.id,
        numeric=_of_role(columns, names, ColumnRole.NUMERIC),
        categorical=_of_role(columns, names, ColumnRole.CATEGORICAL),
        dates=_of_role(columns, names, ColumnRole.DATE),
        unused={name: columns[name].reason for name in names if columns[name].role is ColumnRole.UNUSED},
        missing_values=stated.missing_values,
        missing_target=stated.missing_target,
        positive=stated.positive,
        notations={name: one for name, one in notations.items() if one != PLAIN},
    )
    # A time alone is no input to learn from: every later row has one that no model has seen.
    if not set(schema.inputs) - {schema.time}:
        raise DataError(
            f"'{origin}' has no column to learn from besides time and target ({list_names(raw.columns)}); declare "
            "inputs under schema.numeric or schema.categorical."
        )
    return end_short_years(schema, read_dates(raw[stated.time], time_format).max())


def decide(cells: pd.Series, name: str, declared: Column | None, stated: SchemaConfig) -> Column:
    """Return what a column is: what is declared, else what it looks like."""
    if declared is None:
        return decide_column(cells, name, stated)
    decided = decide_declared(cells, name, declared.role, stated)
    return replace(decided, role=declared.role, reason=declared.reason or decided.reason)


def settle_open_marks(columns: dict[str, Column]) -> dict[str, Column]:
    """Return the columns; numbers that can be read two ways get the decimal mark of the other columns, if they agree.

    The warning goes where the others confirm what was taken anyway. Where they reverse it, another takes its place,
    since a different program may have written that column.
    """
    sure = {one.notation.decimal for one in columns.values() if _has_sure_marks(one)}
    settled = dict(columns)
    for name, column in columns.items():
        rival = column.rival
        if rival is None or len(sure) != 1:
            continue
        if column.notation.decimal in sure:
            settled[name] = replace(column, warnings=column.warnings[:-1])
            continue
        if rival.decimal not in sure:
            continue
        notation = replace(column.notation, decimal=rival.decimal, thousands=rival.thousands)
        warning = (
            f"The numbers of '{name}' can be read two ways; they are taken as those of the other columns, with "
            f"'{rival.decimal}' before decimals; schema.numbers: {{{name}: {{decimal: '{column.notation.decimal}', "
            f"thousands: '{column.notation.thousands}'}}}} takes the other."
        )
        settled[name] = replace(column, notation=notation, warnings=(*column.warnings[:-1], warning))
    return settled


def _has_sure_marks(column: Column) -> bool:
    return column.role is ColumnRole.NUMERIC and column.rival is None and column.marked


def end_short_years(schema: Schema, newest: pd.Timestamp) -> Schema:
    """Return the schema with two-digit years that end some years after the newest time of the stream.

    That holds for every date, since a later file may write years in two digits. The time itself keeps Python's rule:
    nothing tells when a stream ends.
    """
    if pd.isna(newest):
        return schema
    notations: dict[str, Notation] = {}
    for name in schema.dates:
        notation = schema.notation(name)
        if name != schema.time:
            year = max(newest.year + SPAN_YEARS, notation.latest_year or 0)
            notations[name] = replace(notation, latest_year=year)
    return schema.with_notations(notations) if notations else schema


def find_declared(stated: SchemaConfig, columns: list[str], origin: str) -> dict[str, Column]:
    """Return the roles that the configuration declares, by column; ConfigError for an absent or ambiguous column."""
    unused = {"schema.drop": (stated.drop, "listed in schema.drop"), "schema.id": ((stated.id,), "the id of a row")}
    claims = [
        *((name, "schema.numeric", Column(ColumnRole.NUMERIC)) for name in stated.numeric),
        *((name, "schema.categorical", Column(ColumnRole.CATEGORICAL)) for name in stated.categorical),
        *((name, "schema.dates", Column(ColumnRole.DATE)) for name in stated.date_formats),
        *(
            (name, key, Column(ColumnRole.UNUSED, why))
            for key, (names, why) in unused.items()
            for name in names
            if name
        ),
    ]
    keys = {stated.target: "schema.target"}
    declared = {}
    for name, key, column in claims:
        _check_claim(name, key, keys, columns, origin)
        keys[name] = key
        declared[name] = column
    time = Column(ColumnRole.UNUSED, "the order of arrival") if stated.is_timeless else Column(ColumnRole.DATE)
    return {stated.time: time} | declared


def describe_roles(schema: Schema) -> list[str]:
    """Return which column got which role, a line for each role, for the log."""
    classes = f": {list_names(schema.classes)}" if schema.classes else ""
    lines = [
        f"target {schema.target} ({schema.task}{classes})",
        "time: the order of arrival" if schema.time == ARRIVAL else f"time {schema.time} ({schema.time_format})",
    ]
    for role, names in (("numeric", schema.numeric), ("categorical", schema.categorical), ("dates", schema.dates)):
        lines.append(f"{role} ({len(names)}): {', '.join(names) or 'none'}")
    unused = ", ".join(f"{name} ({reason})" for name, reason in schema.unused.items())
    return [*lines, f"unused ({len(schema.unused)}): {unused or 'none'}"]


def _check_claim(name: str, key: str, keys: dict[str, str], columns: list[str], origin: str) -> None:
    if name not in columns:
        raise ConfigError(
            f"{key} names the column '{name}', which '{origin}' does not have; did you mean "
            f"'{find_nearest(name, columns)}'?"
        )
    if name in keys:
        raise ConfigError(f"The column '{name}' is in {keys[name]} and in {key}; keep it in one of them.")


def _of_role(columns: dict[str, Column], names: list[str], role: ColumnRole) -> tuple[str, ...]:
    return tuple(name for name in names if columns[name].role is role)
