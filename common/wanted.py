"""What is known of a table before its file is opened, so that its header, sheet and encoding are found by it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pointsman.common.config import Config

HEADER_ROWS = 20
"""Rows at the top of a file among which its header is looked for."""
TELLING = 2
"""Known names in one row that make it the header of a request, which may lack most columns."""


@dataclass(frozen=True)
class Wanted:
    """Names of columns that tell a header; ``least`` of them must be there.

    A stream is read by its configuration alone (``is_stated``). A request has none of its own, so the sheet and the
    encoding that hold its columns are taken, and that is reported.
    """

    columns: tuple[str, ...] = ()
    least: int = 1
    is_stated: bool = False
    encoding: str | None = None
    sheet: str | int | None = None

    @classmethod
    def of_stream(cls, config: Config) -> "Wanted":
        """Return what every file of the stream must have."""
        stated = config.schema_
        columns = tuple(dict.fromkeys([*([] if stated.is_timeless else [stated.time]), stated.target]))
        return cls(columns, len(columns), True, config.source.encoding, config.source.sheet)

    @classmethod
    def of_request(cls, config: Config, columns: Iterable[str]) -> "Wanted":
        """Return what a file that is handed in may have of ``columns``."""
        known = tuple(dict.fromkeys(columns))
        return cls(known, min(TELLING, len(known)), False, config.source.encoding, config.source.sheet)

    def find(self, names: Iterable[object]) -> list[str]:
        """Return the wanted columns among names."""
        there = {str(name).strip() for name in names}
        return [name for name in self.columns if name in there]

    def is_header(self, names: Collection[object]) -> bool:
        """Return whether a row of names is the header."""
        return bool(self.columns) and len(self.find(names)) >= self.least

    def find_header(self, rows: Sequence[Collection[object]]) -> int | None:
        """Return the place of the header among rows; None where no row is the header.

        >>> Wanted(("day", "claim"), least=2).find_header([["Report", ""], [], ["day", "claim"]])
        2
        """
        return next((place for place, row in enumerate(rows) if self.is_header(row)), None)
