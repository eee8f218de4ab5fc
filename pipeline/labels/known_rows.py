"""What is known of the rows that labels name: whether they were served and kept, and which labels they have.

An id tells nothing by itself, so it is looked up: that works for every server on a catalogue, for a copy of a state,
and for the ids that earlier releases gave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pointsman.common.config import Config
from pointsman.common.storage.state import State
from pointsman.pipeline.labels.queries import Row, load_early_labels, load_labels_of, load_served
from pointsman.pipeline.labels.served_rows import POSITION, is_logged, load_row_keys

MOST_LABELS = 20
"""Labels that one row may have, one after another: whoever changes his mind more often has no label to give."""


@dataclass(frozen=True, eq=False)
class KnownRows:
    """What is known of the rows of some requests.

    log_share: share of requests that are logged
    served:    what is logged of a request, by id; ``kept`` are its kept positions, where they are not all
    answering: rows of requests that were answered and are about to be logged, by id
    labels:    the labels of a row, oldest first; ``early`` is the one that waits for the row to be logged
    """

    log_share: float
    served: Mapping[str, Mapping[str, Any]]
    kept: Mapping[str, frozenset[int]] = field(default_factory=dict)
    answering: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[Row, Sequence[str]] = field(default_factory=dict)
    early: Mapping[Row, str] = field(default_factory=dict)

    def judge(self, row: Row) -> str:
        """Return 'new' for a row that a label can be joined with, 'early' for one that may yet be, or why not."""
        request, position = row
        known = self.served.get(request)
        if known is None:
            if request in self.answering:
                return "early" if position < self.answering[request] else "unknown"
            return "early" if is_logged(request, self.log_share) else "unlogged"
        if position >= known["rows"]:
            return "unknown"
        if not known["rows_file"] or known["first_row"] is None:
            return "unlogged"
        return "new" if request not in self.kept or position in self.kept[request] else "unlogged"

    def sort(self, row: Row, label: str | None) -> tuple[str, ...]:
        """Return what a label of a row is: fields of ``Received``."""
        judged, before = self.judge(row), self.labels.get(row, ())
        if judged not in ("new", "early"):
            return (judged,)
        if label is None:
            return ("unreadable",)
        newest = before[-1] if before else self.early.get(row)
        if newest == label:
            return ("known",)
        if len(before) >= MOST_LABELS:
            return ("overcorrected",)
        return (judged,) if newest is None else ("corrected", judged)


def load_known(config: Config, state: State, requests: Sequence[str], answering: Mapping[str, int]) -> KnownRows:
    """Return what is known of the rows of some requests."""
    served = load_served(state, requests)
    return KnownRows(
        config.labels.log_share,
        served,
        find_kept(state, served),
        answering,
        load_labels_of(state, sorted(served)),
        load_early_labels(state, [request for request in requests if request not in served]),
    )


def find_kept(state: State, served: Mapping[str, Mapping[str, Any]]) -> dict[str, frozenset[int]]:
    """Return the kept positions of those requests of which not every row is kept.

    A request whose file cannot be read is left out: that may be mended before an update takes the label.
    """
    found: dict[str, frozenset[int]] = {}
    for request, known in served.items():
        if known["rows_file"] and known["first_row"] is not None and known["kept_rows"] < known["rows"]:
            stored = load_row_keys(state.files, known["rows_file"])
            if stored is not None:
                first = known["first_row"]
                found[request] = frozenset(stored[POSITION].iloc[first : first + known["kept_rows"]].tolist())
    return found
