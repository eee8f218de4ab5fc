"""Digests of generations: what serving reads of the catalogue, as one SHA-256.

Files prove themselves, since their names are their digests; rows are proven by this. Columns are listed here and not
taken from the tables, so that a column of a later release changes no digest of an earlier one.
"""

import json
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from pointsman.common.storage.files import compute_digest

GENERATION = [
    "number",
    "parent",
    "cause",
    "batch",
    "cursor",
    "schema",
    "reference",
    "selector",
    "pinned",
    "config",
    "stream",
]
VERSION = [
    "id",
    "number",
    "line",
    "parent",
    "generation",
    "family",
    "variant",
    "params",
    "window",
    "masked",
    "guarded",
    "origin",
    "updates",
    "first_batch",
    "last_batch",
    "rows",
    "threshold",
    "inputs",
    "seed",
]
"""Not what a version was made with and learned from, which serving does not read; its manifest may be made anew, and
proves itself."""

Row = Mapping[str, Any]
_pick_generation, _pick_version = itemgetter(*GENERATION), itemgetter(*VERSION)


def compute_generation_digest(
    generation: Row, versions: Iterable[Row], roles: Mapping[str, str], aliases: Mapping[str, str]
) -> str:
    """Return the digest of a generation: its row, the rows of its members, their roles by id, and versions by alias.

    The order of rows does not matter.
    """
    members = sorted(map(_pick_version, versions))
    stated = [_pick_generation(generation), members, sorted(roles.items()), sorted(aliases.items())]
    return compute_digest(json.dumps(stated).encode())
