"""How the cells of one column are written."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Notation:
    """How the cells of one column are written; what does not concern a column keeps its default.

    decimal, thousands: marks of a number; '' where there is none
    date_format:        of a date: a format of ``strptime``, or a name of ``common.time_format``
    latest_year:        the latest year that two digits can mean, so that 53 is 1953; None is Python's 2068
    missing:            texts that stand for 'missing' in this column, beside the schema's own
    places:             decimals that its numbers have at most, up to 2; None where there are more, or nothing is known
    percent:            whether its numbers have a percent sign
    stated:             whether the configuration says so, which no cell contradicts
    words:              the two cells of a truth value as first met: negative, affirmative; '' for one not met yet
    labels:             texts that mean 'missing' by the schema but are labels of this target
    """

    decimal: str = "."
    thousands: str = ""
    date_format: str | None = None
    latest_year: int | None = None
    missing: tuple[str, ...] = ()
    places: int | None = None
    percent: bool = False
    stated: bool = False
    words: tuple[str, str] | None = None
    labels: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its numbers are written as programs do: 1234.5."""
        return (self.decimal, self.thousands) == (".", "")

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults, in plain JSON types.

        >>> Notation(decimal=",", missing=("?",)).to_json()
        {'decimal': ',', 'missing': ['?']}
        """
        stated = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {name: cell for name, cell in stated.items() if cell != getattr(PLAIN, name)}
        return {name: list(cell) if isinstance(cell, tuple) else cell for name, cell in kept.items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Notation":
        """Return the notation that ``to_json`` described."""
        read: dict[str, Any] = {name: tuple(cell) if isinstance(cell, list) else cell for name, cell in stored.items()}
        return cls(**read)


PLAIN = Notation()
