"""What a generation holds, as data: the same that ``run.py models`` prints."""

from typing import Any

from pointsman.pipeline.lifecycle.history import find_stage
from pointsman.registry.generations import Generation
from pointsman.registry.versions import KINDS, Version
from pointsman.registry.words import show_word


def list_weights(version: Version) -> dict[str, dict[str, float]]:
    """Return an ensemble's weights by kind of row and member; {} for a single model."""
    if not version.is_ensemble:
        return {}
    return {kind: dict(weights) for kind, weights in zip(KINDS, version.members, strict=True)}


def list_models(generation: Generation) -> dict[str, Any]:
    """Return the generation that serves, what serves typical requests in it, and its single models and ensembles.

    An ensemble lists its members and their weights by kind of row.
    """
    versions = [
        {
            "id": member.version.id,
            "family": show_word(member.version.family),
            "variant": member.version.variant,
            "stage": find_stage(generation, member),
            "role": member.role.shown,
            "aliases": [alias.value for alias, named in generation.aliases.items() if named == member.version.id],
            "first_batch": member.version.first_batch,
            "last_batch": member.version.last_batch,
            "rows": member.version.rows,
            "updates": member.version.updates,
            "bytes": member.version.bytes,
            "members": list_weights(member.version),
        }
        for member in generation.members
    ]
    return {
        "generation": generation.number,
        "cause": generation.cause.value,
        "batch": generation.batch,
        "pinned": generation.pinned,
        "production": generation.production.id if generation.production else None,
        "aliases": {alias.value: version for alias, version in generation.aliases.items()},
        "versions": versions,
    }
