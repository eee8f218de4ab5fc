"""Roles and types of a stream's columns."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pointsman.common.cells.notation import PLAIN, Notation
from pointsman.common.cells.words import fold, read_truth
from pointsman.common.classes import put_positive_last
from pointsman.common.task import Task


@dataclass(frozen=True)
class Schema:
    """What each column of the stream is. Decided on the first batch and carried by every generation.

    ``unused`` maps a column that models never see to the reason. ``classes`` are the target's labels in code order;
    for a binary target the last one is the positive class. ``notations`` has how the cells of a column are written,
    where that is not how programs write them; that of the time is ``time_format``.
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
    notations: Mapping[str, Notation] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that a request brings: everything models may learn from."""
        return (*self.numeric, *self.categorical, *self.dates)

    @property
    def label_is_rule(self) -> bool:
        """Whether the label is a comparison such as '> 0' rather than a value of the target column."""
        return isinstance(self.positive, str) and self.positive.strip()[:1] in "<>"

    def notation(self, column: str) -> Notation:
        """Return how the cells of a column are written."""
        notation = self.notations.get(column, PLAIN)
        return replace(notation, date_format=self.time_format) if column == self.time else notation

    def missing_of(self, column: str) -> tuple[str, ...]:
        """Return the texts that stand for 'missing' in a column."""
        notation = self.notations.get(column)
        if notation is None or not (notation.missing or notation.labels):
            return self.missing_values
        stated = (text for text in self.missing_values if text not in notation.labels)
        return (*stated, *(text for text in notation.missing if text not in self.missing_values))

    def with_notations(self, notations: Mapping[str, Notation]) -> "Schema":
        """Return this schema with other notations for some columns, the time among them or not."""
        time = notations.get(self.time)
        merged = {**self.notations, **notations}
        if time is not None:
            merged[self.time] = replace(time, date_format=None)
        kept = {name: one for name, one in merged.items() if one != PLAIN}
        return replace(self, notations=kept, time_format=time.date_format if time else self.time_format)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        notations = {name: notation.to_json() for name, notation in self.notations.items()}
        return asdict(replace(self, notations={})) | {"notations": notations}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Schema":
        """Return the schema that ``to_json`` described."""
        lists = {name: tuple(cells) for name, cells in stored.items() if isinstance(cells, list)}
        notations = {name: Notation.from_json(one) for name, one in stored.get("notations", {}).items()}
        return cls(**{**stored, **lists, "task": Task(stored["task"]), "notations": notations})

    def with_classes(self, labels: Sequence[str]) -> "Schema":
        """Return this schema with unknown labels added: the positive one last of two classes, appended for more.

        Of two classes the one that came later is the rarer one.
        """
        new = sorted(set(labels) - set(self.classes))
        if not new or not self.task.is_classification:
            return self
        classes = (*self.classes, *new)
        if len(classes) <= 2:
            classes = order_classes(classes, self.positive)
        if self.task is Task.BINARY and self.positive is None and len(classes) == 2:
            classes = put_positive_last(classes, dict.fromkeys(self.classes, 1))
        return replace(self, classes=classes)


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
    if stated is not None and stated not in labels:  # written otherwise in the configuration than in the data
        truth = read_truth(stated)
        same = [label for label in labels if fold(label) == fold(stated)]
        same = same or [label for label in labels if truth is not None and read_truth(label) == truth]
        stated = same[0] if same else stated
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
