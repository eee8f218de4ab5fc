"""The stored files that a generation needs to serve."""

import json

from pointsman.common.errors import StateError
from pointsman.common.storage.files import FileStore
from pointsman.common.storage.state import State
from pointsman.registry.generations import Generation


def list_parts(files: FileStore, manifest: str) -> list[str]:
    """Return a manifest and the files that it lists; StateError where it is missing or was altered."""
    described = json.loads(files.load(manifest))
    return [manifest, *(stored for stored in described.values() if isinstance(stored, str))]


def find_missing(state: State, generation: Generation) -> str | None:
    """Return a file that a generation lacks, None where it has all; of files, only manifests are read."""
    manifests = [member.version.manifest for member in generation.members]
    for manifest in dict.fromkeys([*manifests, *filter(None, [generation.selector])]):
        try:
            parts = list_parts(state.files, manifest)
        except StateError:
            return manifest
        if gone := [name for name in parts if not state.files.path(name).is_file()]:
            return gone[0]
    reference = generation.reference
    return reference if reference and not state.files.path(reference).is_file() else None
