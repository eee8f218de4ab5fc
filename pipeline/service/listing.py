"""What a generation holds, as data: the same that ``run.py models`` prints."""

from typing import Any

from pipeline.history import find_stage
from registry.generations import Generation


def list_models(generation: Generation) -> dict[str, Any]:
    """Return the generation that serves and its active versions with their stage and aliases."""
    versions = [
        {
            "id": member.version.id,
            "family": member.version.family,
            "variant": member.version.variant,
            "stage": find_stage(generation, member),
            "role": member.role.value,
            "aliases": [alias.value for alias, named in generation.aliases.items() if named == member.version.id],
            "first_batch": member.version.first_batch,
            "last_batch": member.version.last_batch,
            "rows": member.version.rows,
            "updates": member.version.updates,
            "bytes": member.version.bytes,
        }
        for member in generation.members
    ]
    return {
        "generation": generation.number,
        "cause": generation.cause.value,
        "batch": generation.batch,
        "pinned": generation.pinned,
        "aliases": {alias.value: version for alias, version in generation.aliases.items()},
        "versions": versions,
    }
