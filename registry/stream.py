"""Which stream a state holds: its name, its sources, and what is predicted of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pointsman.common.redaction import redact


@dataclass(frozen=True)
class Stream:
    """A stream as its configuration describes it.

    name:    that of the configuration; '' where an earlier release did not keep it
    sources: paths as stated, or a database and its query without user and secrets
    task:    as it was found; '' before the first batch
    file:    the configuration's file as the last update named it; '' where an earlier release did not keep it
    """

    name: str
    sources: tuple[str, ...]
    time: str
    target: str
    task: str = ""
    file: str = field(default="", repr=False, compare=False)

    def shares_source(self, other: "Stream") -> bool:
        """Whether both share a source; a file that was moved is recognised by its name.

        >>> old = Stream("claims", ("2024/jan.csv",), "day", "paid")
        >>> old.shares_source(Stream("claims", ("/data/jan.csv", "/data/feb.csv"), "day", "paid"))
        True
        """
        return bool({_bare(source) for source in self.sources} & {_bare(source) for source in other.sources})

    def asks_the_same(self, other: "Stream") -> bool:
        """Whether time and target are the same columns."""
        return (self.time, self.target) == (other.time, other.target)

    def is_same(self, other: "Stream") -> bool:
        """Whether another description means this stream: sources may be added, moved or replaced, or the name changed.

        >>> old = Stream("claims", ("jan.csv",), "day", "paid")
        >>> old.is_same(Stream("claims", ("feb.csv",), "day", "paid"))
        True
        >>> old.is_same(Stream("hotel", ("feb.csv",), "day", "paid")), old.is_same(Stream("claims", (), "day", "cost"))
        (False, False)
        """
        return self.asks_the_same(other) and (self.shares_source(other) or self.name in ("", other.name))

    def describe(self) -> str:
        """Return the name and what tells it from others.

        >>> Stream("claims", ("jan.csv", "feb.csv"), "day", "paid").describe()
        "'claims' (jan.csv, feb.csv; time 'day', target 'paid')"
        """
        shown = [*self.sources[:2], *(["..."] if len(self.sources) > 2 else [])]
        named = f"'{self.name}' " if self.name else ""
        task = f", {self.task}" if self.task else ""
        return f"{named}({', '.join(shown) or 'source unknown'}; time '{self.time}', target '{self.target}'{task})"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        told = asdict(self) | {"sources": list(self.sources)}
        return told if self.file else {name: part for name, part in told.items() if name != "file"}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Stream":
        """Return the stream that ``to_json`` described; an earlier release may have kept a secret in a source."""
        return cls(**{**stored, "sources": tuple(map(redact, stored["sources"]))})


def recall_stream(
    stored: Mapping[str, Any] | None, schema: Mapping[str, Any] | None, cursor: Mapping[str, Any] | None
) -> Stream | None:
    """Return the stream of a generation from what is stored with it; None where it has no schema yet.

    An earlier release kept no stream: its schema and the parts that its cursor names say as much.

    >>> schema = {"time": "day", "target": "paid", "task": "binary"}
    >>> recall_stream(None, schema, {"parts": {"jan.csv": {}}})
    Stream(name='', sources=('jan.csv',), time='day', target='paid', task='binary')
    """
    if stored:
        return Stream.from_json(stored)
    if not schema:
        return None
    return Stream("", tuple((cursor or {}).get("parts", {})), schema["time"], schema["target"], schema["task"])


def _bare(source: str) -> str:
    return source if "://" in source else PurePosixPath(source.replace("\\", "/")).name
