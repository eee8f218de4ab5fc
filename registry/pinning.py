"""Pinning: a model that a person promoted serves for as long as it is active."""

import logging
from collections.abc import Sequence

from pointsman.registry.generations import Generation, Member, Role

log = logging.getLogger(__name__)


def find_pinned(before: Generation, members: Sequence[Member]) -> str | None:
    """Return the pinned model's name while it is among the members, else None."""
    serving = {member.version.line for member in members if member.role is not Role.CHALLENGER}
    if before.pinned is None or before.pinned in serving:
        return before.pinned
    named = next((one.version.id for one in before.members if one.version.line == before.pinned), before.pinned)
    log.warning("%s, promoted by hand, is no longer active; what serves is chosen by records again", named)
    return None
