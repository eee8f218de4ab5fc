"""Garbage collection: removes files that nothing refers to and, beyond a budget, models of the oldest generations."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.registry.files import list_parts
from pointsman.registry.generations import load_generation
from pointsman.registry.lineage import load_lineage
from pointsman.registry.store import iterate_file_cells, load_manifests, load_member_ids
from pointsman.registry.tables import dropped_table

log = logging.getLogger(__name__)

GRACE = 3600.0
"""Seconds for which a file that nothing refers to stays: a request books its files only once it is answered."""
MB = 1e6


@dataclass(frozen=True)
class Collected:
    """What a collection removed, in files, bytes and versions, and the bytes that the store holds now."""

    files: int
    bytes: int
    versions: tuple[str, ...]
    left: int


def collect_garbage(state: State, max_mb: float | None, keep_generations: int, grace: float = GRACE) -> Collected:
    """Remove stored files that no row refers to and, while the store holds more than ``max_mb``, the oldest models.

    Versions of the newest ``keep_generations`` generations of the live lineage always keep theirs, and nothing but
    models is ever dropped. To be called under the update lock. Raises StateError, before anything is removed, where a
    manifest is unreadable.
    """
    stored = _list_stored(state)
    sizes = {path.name: path.stat().st_size for path in stored}
    parts = {version: list_parts(state.files, manifest) for version, manifest in load_manifests(state).items()}
    others = set(_list_others(state))
    dropped = choose_dropped(state, parts, others, sizes, max_mb, keep_generations)
    # The catalogue is told first: a kill in between leaves files that nothing needs, and no version without its files.
    draft = Draft()
    draft.add(dropped_table, [{"version": one, "why": f"storage.max_mb: {max_mb:g}"} for one in dropped])
    draft.commit(state.engine)
    needed = others | {name for version, files in parts.items() if version not in dropped for name in files}
    released = {name for version in dropped for name in parts[version]}
    removed = []
    for path in stored:
        if path.name in needed:
            continue
        # Other files may belong to a request that is being answered, which books them at its end.
        if path.name in released or time.time() - path.stat().st_mtime > grace:
            path.unlink(missing_ok=True)
            removed.append(sizes.pop(path.name))
    gone = Collected(len(removed), sum(removed), tuple(dropped), sum(sizes.values()))
    if gone.files:
        log.info("%d files that nothing needs are gone (%.1f MB)", gone.files, gone.bytes / MB)
    return gone


def choose_dropped(
    state: State, parts: dict[str, list[str]], others: set[str], sizes: dict[str, int], max_mb: float | None, keep: int
) -> list[str]:
    """Return the versions whose models are to be removed, oldest first: as few as the budget needs."""
    if max_mb is None:
        return []
    kept = load_member_ids(state, load_lineage(state, load_generation(state).number)[:keep])
    # Versions share files, such as encoders and golden rows: one is freed when the last that uses it goes.
    users: dict[str, int] = {}
    for files in parts.values():
        for name in files:
            users[name] = users.get(name, 0) + 1
    total = sum(size for name, size in sizes.items() if name in others or name in users)
    dropped = []
    for version in (version for version in parts if version not in kept):
        if total <= max_mb * MB:
            break
        dropped.append(version)
        for name in parts[version]:
            users[name] -= 1
            if not users[name] and name not in others:
                total -= sizes.get(name, 0)
    if total > max_mb * MB:
        log.warning("the store holds %.1f MB, more than storage.max_mb (%g): nothing more may go", total / MB, max_mb)
    return dropped


def _list_others(state: State) -> Iterator[str]:
    """Yield every file that rows refer to, live or set aside, but for those of versions."""
    for columns, row in iterate_file_cells(state):
        for column in columns:
            if name := row[column.name]:
                yield from list_parts(state.files, name) if column.info["file"] == "manifest" else [name]


def _list_stored(state: State) -> list[Path]:
    return sorted(path for path in state.files.folder.glob("??/*") if path.is_file() and not path.name.startswith("."))
