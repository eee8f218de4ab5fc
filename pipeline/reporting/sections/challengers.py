"""The retrain tournament: which ways to go on competed, by how much they differed and what they cost."""

from dataclasses import dataclass

import numpy as np

from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.validation.tables import bouts_table

MOST_BOUTS = 12


@dataclass(frozen=True)
class WayFigures:
    """All bouts of one way against one way that served.

    ``difference`` is the mean loss of the first less that of the second as a share of the second, ``better`` in how
    many bouts the first lost less; ``seconds`` what making each of them took on average.
    """

    way: str
    served_way: str
    bouts: int
    better: int
    difference: float
    seconds: float
    served_seconds: float


@dataclass(frozen=True)
class BoutFigures:
    """One rival and what served on the same rows of a batch that neither had learned."""

    batch: int
    line: str
    version: str
    way: str
    served_way: str
    rows: int
    loss: float
    difference: float
    error: float
    bytes: int


@dataclass(frozen=True)
class TournamentFigures:
    """Ways to go on against each other, and the newest bouts."""

    ways: tuple[WayFigures, ...]
    newest: tuple[BoutFigures, ...]


def compute_tournament(history: History) -> TournamentFigures:
    """Return the tournament so far; nothing before the second update."""
    table = history.read(bouts_table).sort_values(["batch", "version"], ascending=[False, True])
    ways = []
    for (way, served_way), bouts in table.groupby(["way", "served_way"]):
        ways.append(
            WayFigures(
                way=str(way),
                served_way=str(served_way),
                bouts=len(bouts),
                better=int((bouts["difference"] < 0).sum()),
                difference=float((bouts["difference"] / np.maximum(bouts["loss"], 1e-12)).mean()),
                seconds=float(bouts["seconds"].mean()),
                served_seconds=float(bouts["served_seconds"].mean()),
            )
        )
    newest = tuple(read_record(BoutFigures, row) for row in list_rows(table.head(MOST_BOUTS)))
    return TournamentFigures(tuple(ways), newest)


SECTION = Section("challengers", reads=(bouts_table,), figures={"tournament": compute_tournament})
