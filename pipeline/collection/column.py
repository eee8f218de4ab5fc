"""What is known of a column: its role, its notation, and what of that was guessed."""

from dataclasses import dataclass, field
from enum import StrEnum

from pointsman.common.cells.notation import PLAIN, Notation


class ColumnRole(StrEnum):
    """What a column is to models."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    DATE = "dates"
    UNUSED = "unused"


@dataclass(frozen=True)
class Column:
    """A column's role and notation.

    ``reason`` explains a role that a reader may not expect, ``warnings`` say what was guessed and which key decides it;
    ``rival`` is another notation that reads its cells as well, but differently; ``marked`` are numbers of which some
    have a decimal mark.
    """

    role: ColumnRole
    reason: str = ""
    notation: Notation = PLAIN
    warnings: tuple[str, ...] = ()
    rival: Notation | None = field(default=None, compare=False)
    marked: bool = field(default=False, compare=False)
