"""Whether a state is sound: rows against the digests of their generations, files against their names, references."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.registry.digests import compute_generation_digest
from pointsman.registry.generations import load_generation
from pointsman.registry.store import iterate_file_cells, load_manifests
from pointsman.registry.tables import aliases_table, generations_table, members_table, versions_table
from pointsman.registry.versions import ModelShelf, load_manifest

RESTORE = "restore it from a backup of the state"
READERS = 4
"""Files that are read at once: digests are computed without Python's lock."""


@dataclass(frozen=True)
class Use:
    """What a stored file is for: the row that names it, in words, and what makes it again."""

    owner: str
    remedy: str = RESTORE


def compute_digests(state: State) -> dict[int, str]:
    """Return the digest of every generation, from its rows as they are."""
    versions = {row["id"]: row for row in read_rows(state.engine, sa.select(versions_table))}
    roles: dict[int, dict[str, str]] = {}
    for row in read_rows(state.engine, sa.select(members_table)):
        roles.setdefault(row["generation"], {})[row["version"]] = row["role"]
    aliases: dict[int, dict[str, str]] = {}
    for row in read_rows(state.engine, sa.select(aliases_table)):
        aliases.setdefault(row["generation"], {})[row["alias"]] = row["version"]
    digests = {}
    for row in read_rows(state.engine, sa.select(generations_table).order_by(generations_table.c.number)):
        own = roles.get(row["number"], {})
        members = [versions[one] for one in own if one in versions]
        digests[row["number"]] = compute_generation_digest(row, members, own, aliases.get(row["number"], {}))
    return digests


def check_generations(state: State) -> list[str]:
    """Return a sentence on every generation whose rows are not those that were stored."""
    digests, table = compute_digests(state), generations_table.c
    stored = {row["number"]: row["digest"] for row in read_rows(state.engine, sa.select(table.number, table.digest))}
    # One of an earlier release has no digest and is taken as it is.
    altered = [number for number, digest in stored.items() if digest not in (None, digests[number])]
    numbers = list(stored)
    sound = max((number for number in numbers if number not in altered), default=0)
    newest = max(numbers, default=0)
    advice = f"python run.py models rollback --to {sound} goes back to the newest sound one" if sound else RESTORE
    return [
        f"The rows of generation {number} are not those that were stored, here and in the copy; "
        f"{advice if number == newest else 'it cannot be gone back to, and nothing else needs it'}."
        for number in altered
    ]


def check_references(state: State) -> list[str]:
    """Return a sentence on every table whose rows name rows that are not there; a server sees to that itself."""
    if state.engine.dialect.name != "sqlite":
        return []
    with state.engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    named = dict.fromkeys((str(row[0]), str(row[2])) for row in found)
    return [f"Rows of '{table}' name rows of '{other}' that are not there; {RESTORE}." for table, other in named]


def check_files(state: State) -> tuple[dict[str, str], int]:
    """Return by name a sentence on every stored file that is missing or altered, and how many files were read.

    Files that no row names are read, too.
    """
    uses = list_uses(state)
    there = {path.name for path in state.files.folder.glob("??/*") if path.is_file() and not path.name.startswith(".")}
    names = sorted(uses.keys() | there)

    def find_fault(name: str) -> str:
        try:
            state.files.load(name)
        except StateError as error:
            return str(error).rpartition(";")[0] or str(error)
        return ""

    with ThreadPoolExecutor(READERS) as readers:
        faults = dict(zip(names, readers.map(find_fault, names), strict=True))
    unused = Use("nothing", "python run.py models gc removes it within an hour")
    told = {}
    for name, fault in faults.items():
        if fault:
            use = uses.get(name, unused)
            told[name] = f"{fault.removesuffix('.')}, and {use.owner} needs it; {use.remedy}."
    return told, len(names)


def list_uses(state: State) -> dict[str, Use]:
    """Return every stored file that a row names, itself or by a manifest, and what it is for."""
    named: dict[str, Use] = {}
    manifests: dict[str, Use] = {}
    for version, manifest in load_manifests(state).items():
        manifests.setdefault(manifest, Use(version, f"python run.py models rebuild {version} makes it again"))
    for columns, row in iterate_file_cells(state):
        for column in columns:
            if name := row[column.name]:
                (manifests if column.info["file"] == "manifest" else named).setdefault(name, _describe_use(column))
    # Each manifest is read once, however many rows name it.
    parts = {part: use for manifest, use in manifests.items() for part in _list_parts(state, manifest)}
    return named | parts


def _list_parts(state: State, manifest: str) -> list[str]:
    """Return a manifest and, where it can be read, the files that it lists."""
    try:
        return [manifest, *(one for one in load_manifest(state.files, manifest).values() if isinstance(one, str))]
    except StateError:
        return [manifest]


def _describe_use(column: sa.Column[Any]) -> Use:
    owner = f"'{column.table.name}.{column.name}'"
    if column.name == "clean_file":
        return Use(owner, "python run.py check --mend makes it again from the raw batch")
    return Use(owner)


def check_golden(state: State) -> Iterator[str]:
    """Yield a sentence on every member of the newest generation that cannot be loaded or answers otherwise than once.

    Models are held against their golden rows even where that was done before.
    """
    generation, shelf = load_generation(state, verified=False), ModelShelf(state.files, trusts=False)
    for member in generation.members:
        if not member.version.is_ensemble:
            try:
                shelf.load(member.version)
            except StateError as error:
                yield str(error)
