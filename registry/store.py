"""Queries to the registry's tables: newest numbers, cursors, manifests, and who was active when."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pointsman.common.storage.catalogue import metadata, read_rows, state_tables
from pointsman.common.storage.state import State
from pointsman.registry.generations import Cause, Role
from pointsman.registry.tables import dropped_table, generations_table, members_table, set_aside_table, versions_table
from pointsman.registry.versions import Version


def find_newest_number(state: State) -> int:
    """Return the number of the newest generation, 0 where there is none."""
    rows = read_rows(state.engine, sa.select(sa.func.max(generations_table.c.number).label("newest")))
    return rows[0]["newest"] or 0


def load_config_name(state: State, number: int) -> str | None:
    """Return the name of the file with a generation's configuration; None where an earlier release kept none."""
    query = sa.select(generations_table.c.config).where(generations_table.c.number == number)
    name: str | None = read_rows(state.engine, query)[0]["config"]
    return name


def load_cursors(state: State, lineage: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Return by batch the cursor after it, as the first generation of a lineage that took it wrote it."""
    table = generations_table.c
    query = sa.select(table.number, table.batch, table.cause, table.cursor).order_by(table.number)
    led_here = set(lineage)
    cursors: dict[int, Mapping[str, Any]] = {}
    for row in read_rows(state.engine, query):  # a revision may have taken a batch once more
        if row["number"] in led_here and Cause(row["cause"]).takes_batch:
            cursors.setdefault(row["batch"], row["cursor"] or {})
    return cursors


def load_serving(state: State, numbers: Sequence[int]) -> dict[int, list[Version]]:
    """Return the active versions and ensembles of some generations, by number; challengers are left out."""
    query = (
        sa.select(versions_table, members_table.c.generation.label("active_in"))
        .join(members_table, members_table.c.version == versions_table.c.id)
        .where(members_table.c.generation.in_(numbers), members_table.c.role != Role.CHALLENGER.value)
    )
    serving: dict[int, list[Version]] = {}
    for row in read_rows(state.engine, query):
        serving.setdefault(row["active_in"], []).append(Version.from_row(row))
    return serving


def load_births(state: State, lines: Collection[str]) -> dict[str, tuple[str, int]]:
    """Return by model the origin of its first version, which bears its name, and the generation that it came with."""
    table = versions_table.c
    query = sa.select(table.id, table.origin, table.generation).where(table.id.in_(lines))
    return {row["id"]: (row["origin"], row["generation"]) for row in read_rows(state.engine, query)}


def load_member_ids(state: State, numbers: Sequence[int]) -> set[str]:
    """Return the ids of all versions that are members of some generations."""
    query = sa.select(members_table.c.version).where(members_table.c.generation.in_(numbers))
    return {row["version"] for row in read_rows(state.engine, query)}


def load_manifests(state: State) -> dict[str, str]:
    """Return the manifests of all versions that still have a model, oldest first."""
    gone = sa.select(dropped_table.c.version)
    query = sa.select(versions_table.c.id, versions_table.c.manifest).where(versions_table.c.id.not_in(gone))
    return {row["id"]: row["manifest"] for row in read_rows(state.engine, query.order_by(versions_table.c.number))}


def find_dropped(state: State, versions: Sequence[str]) -> list[str]:
    """Return which of the given versions have no stored model any more."""
    query = sa.select(dropped_table.c.version).where(dropped_table.c.version.in_(versions))
    return [row["version"] for row in read_rows(state.engine, query)]


def iterate_file_cells(state: State) -> Iterator[tuple[list[sa.Column[Any]], dict[str, Any]]]:
    """Yield every row that names stored files, live or set aside, with the columns that do; not those of versions."""
    for table in metadata.sorted_tables:
        if (columns := _list_file_columns(table)) and table is not versions_table:
            for row in read_rows(state.engine, sa.select(*columns)):
                yield columns, row
    by_name = {table.name: table for table in state_tables()}
    for stored in read_rows(state.engine, sa.select(set_aside_table.c.table, set_aside_table.c.row)):
        yield _list_file_columns(by_name[stored["table"]]), stored["row"]


def _list_file_columns(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.columns if "file" in column.info]
