"""How much of a stream was taken: plain JSON that each batch carries and the next one continues from.

Of each part it keeps how many rows were taken, counted in the part's own time order, and the digest of those rows.
A part that only grew at its end still begins with them; one in which older rows turned up does not, and then the rows
that were taken are looked up among the stored ones (``pending``).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from pointsman.common.errors import StateError
from pointsman.pipeline.collection.part import Part

PROTOCOL = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartState:
    """What was taken of one part: ``taken`` of its ``rows`` rows, whose hashes add up to ``digest``.

    ``contents`` are the part's digests at every reading, shortened, the last one being the latest.
    """

    rows: int = 0
    taken: int = 0
    digest: int = 0
    contents: tuple[str, ...] = ()

    def has_all_of(self, part: Part) -> bool:
        """Whether ``part`` is unchanged and every row of it was taken, so that it need not be read."""
        return self.taken == self.rows and part.digest is not None and self.contents[-1:] == (shorten(part.digest),)

    def remember(self, part: Part) -> "PartState":
        """Return this state with the present content of ``part`` as its latest."""
        if part.digest is None:
            return self
        latest = shorten(part.digest)
        return replace(self, contents=(*(content for content in self.contents if content != latest), latest))


@dataclass(frozen=True)
class Cursor:
    """The state of every part ever seen, by key, and the newest time taken so far."""

    parts: dict[str, PartState] = field(default_factory=dict)
    newest: pd.Timestamp | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> "Cursor":
        """Return the cursor that ``to_json`` described; nothing stored means that nothing was taken."""
        if not stored:
            return cls()
        if stored.get("protocol") != PROTOCOL:
            raise StateError(
                f"The cursor in the catalogue has protocol {stored.get('protocol')} and this program reads {PROTOCOL}; "
                "use the program version that wrote it."
            )
        parts = {key: _load_state(state) for key, state in stored["parts"].items()}
        return cls(parts, pd.Timestamp(stored["newest"]) if stored["newest"] else None)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; digests are in hexadecimal, which no reader rounds."""
        parts = {key: _dump_state(state) for key, state in self.parts.items()}
        return {"protocol": PROTOCOL, "newest": self.newest.isoformat() if self.newest else None, "parts": parts}


def shorten(digest: str) -> str:
    """Return as much of a digest as tells contents apart.

    >>> shorten("0123456789abcdef0123456789abcdef")
    '0123456789abcdef'
    """
    return digest[:16]


def match_parts(parts: Sequence[Part], cursor: Cursor) -> tuple[list[Part], Cursor]:
    """Return the parts to take rows from, and the cursor with the states of renamed parts under their new keys.

    A part whose content another part has or once had is a copy and left out. Where that other part is gone, the part
    was renamed and continues from its state; an outdated copy does so only while no new part may turn out to be that
    other part, renamed and changed (``pending``).
    """
    owners = {content: key for key, state in cursor.parts.items() for content in state.contents}
    listed = {part.key for part in parts}
    new = any(part.key not in cursor.parts and _identify(part) not in owners for part in parts)
    states = dict(cursor.parts)
    kept: dict[str, str] = {}
    for part in sorted(parts, key=lambda part: _rank_claim(part, owners, cursor)):
        content = _identify(part)
        owner = owners.get(content, part.key)
        available = owner not in listed and owner in states and (states[owner].contents[-1] == content or not new)
        if content in kept or (owner != part.key and not available):
            _log.info("'%s' is ignored: it is a copy of '%s'.", part.label, kept.get(content, owner))
            continue
        if part.key not in states and owner in states:
            states[part.key] = states.pop(owner)
        kept[content] = part.key
    return [part for part in parts if kept.get(_identify(part)) == part.key], replace(cursor, parts=states)


def _identify(part: Part) -> str:
    return shorten(part.digest) if part.digest is not None else part.key


def _rank_claim(part: Part, owners: Mapping[str, str], cursor: Cursor) -> tuple[bool, bool, bool]:
    """Of parts with one content the first by this order keeps it: its owner, then known parts, then new ones."""
    content = _identify(part)
    owner = cursor.parts.get(owners.get(content, ""), PartState())
    return owners.get(content) != part.key, part.key not in cursor.parts, owner.contents[-1:] != (content,)


def _load_state(stored: Mapping[str, Any]) -> PartState:
    return PartState(stored["rows"], stored["taken"], int(stored["digest"], 16), tuple(stored["contents"]))


def _dump_state(state: PartState) -> dict[str, Any]:
    return {
        "rows": state.rows,
        "taken": state.taken,
        "digest": f"{state.digest:016x}",
        "contents": list(state.contents),
    }
