"""Roles and types of a stream's columns."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from common.task import Task


@dataclass(frozen=True)
class Schema:
    """What each column of the stream is. Decided on the first batch and carried by every generation.

    ``unused`` maps a column that models never see to the reason. ``classes`` are the target's labels in code order;
    for a binary target the last one is the positive class.
    """

    time: str
    target: str
    task: Task
    classes: tuple[str, ...] = ()
    time_format: str | None = None
    id: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    unused: dict[str, str] = field(default_factory=dict)
    missing_values: tuple[str, ...] = ()
    missing_target: float | str | None = None
    positive: float | str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that a request brings: everything models may learn from."""
        return (*self.numeric, *self.categorical, *self.dates)

    @property
    def label_is_rule(self) -> bool:
        """Whether the label is a comparison such as '> 0' and no value of the target column."""
        return isinstance(self.positive, str) and self.positive.strip()[:1] in "<>"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Schema":
        """Return the schema that ``to_json`` described."""
        lists = {name: tuple(cells) for name, cells in stored.items() if isinstance(cells, list)}
        return cls(**{**stored, **lists, "task": Task(stored["task"])})

    def with_classes(self, labels: Sequence[str]) -> "Schema":
        """Return this schema with unknown labels added: sorted for two classes, appended for more."""
        new = sorted(set(labels) - set(self.classes))
        if not new or not self.task.is_classification:
            return self
        classes = (*self.classes, *new)
        return replace(self, classes=order_classes(classes, self.positive) if len(classes) <= 2 else classes)


def find_strangers(columns: Iterable[str], schema: Schema) -> list[str]:
    """Return the columns that a stream does not know.

    >>> find_strangers(["day", "new"], Schema("day", "y", Task.BINARY))
    ['new']
    """
    known = {schema.time, schema.target, schema.id, *schema.inputs, *schema.unused}
    return [name for name in columns if name not in known]


def order_classes(labels: Sequence[str], positive: float | str | None) -> tuple[str, ...]:
    """Return the labels sorted, numbers by size, the positive one (if stated) last.

    >>> order_classes(["yes", "no"], None), order_classes(["lapsed", "renewed"], "lapsed")
    (('no', 'yes'), ('renewed', 'lapsed'))
    >>> order_classes(["10", "9"], None)
    ('9', '10')
    """
    stated = None if positive is None else canonical_level(positive)
    key: Callable[[str], Any] = _read_number if all(_read_number(label) is not None for label in labels) else str
    return tuple(sorted(labels, key=lambda label: (label == stated, key(label))))


def _read_number(label: str) -> float | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def canonical_level(cell: Any) -> str:
    """Return a cell as a level: trimmed text, whole numbers without '.0', so that CSV and Parquet agree.

    >>> canonical_level(9.0), canonical_level(" 9.0 "), canonical_level(True), canonical_level("a")
    ('9', '9', 'True', 'a')
    """
    text = str(cell).strip()
    whole = text.removesuffix(".0")
    return whole if whole.removeprefix("-").isdecimal() else text
