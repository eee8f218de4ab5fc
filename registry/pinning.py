"""What a person has promoted by hand goes on to serve for as long as it is there."""

import logging
from collections.abc import Sequence

from pointsman.registry.generations import Generation, Member, Role

log = logging.getLogger(__name__)


def find_pinned(before: Generation, members: Sequence[Member]) -> str | None:
    """Return the line that a person has made serve, as long as it is there."""
    serving = {member.version.line for member in members if member.role is not Role.CHALLENGER}
    if before.pinned is None or before.pinned in serving:
        return before.pinned
    named = next((one.version.id for one in before.members if one.version.line == before.pinned), before.pinned)
    log.warning("%s, promoted by hand, could not go on; what serves is chosen by records again", named)
    return None
