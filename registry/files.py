"""Which stored files a generation needs: what rollback checks and garbage collection keeps."""

import json
from collections.abc import Iterator

from common.errors import StateError
from common.state import State
from registry.generations import Generation


def list_files(state: State, generation: Generation) -> Iterator[str]:
    """Yield the names of the files that serving with a generation needs; StateError where a manifest is unreadable."""
    manifests = [member.version.manifest for member in generation.members]
    for name in dict.fromkeys([*manifests, *filter(None, [generation.selector])]):
        yield name
        described = json.loads(state.files.load(name))
        yield from (stored for stored in described.values() if isinstance(stored, str))
    if generation.reference:
        yield generation.reference


def list_missing(state: State, generation: Generation) -> list[str]:
    """Return which of these files are gone or damaged; a manifest that is ends the list."""
    missing = []
    try:
        for name in list_files(state, generation):
            if not state.files.path(name).is_file():
                missing.append(name)
    except StateError:
        missing.append(name)
    return missing
