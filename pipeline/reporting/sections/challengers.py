"""Challenger evaluation: which retrain modes were compared with what served, how far they differed, what they cost."""

from dataclasses import dataclass

import numpy as np

from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.validation.tables import bouts_table

MOST_COMPARISONS = 12


@dataclass(frozen=True)
class WayFigures:
    """All paired comparisons of one retrain mode with one that served.

    ``difference`` is the mean loss of the first less that of the second as a share of the second, ``better`` in how
    many of them the first lost less; ``seconds`` what making each of them took on average.
    """

    way: str
    served_way: str
    bouts: int
    better: int
    difference: float
    seconds: float
    served_seconds: float


@dataclass(frozen=True)
class PairedComparison:
    """A challenger and what served, on the same rows of a batch that neither had learned."""

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
class ChallengerFigures:
    """Retrain modes against each other, and the newest paired comparisons."""

    ways: tuple[WayFigures, ...]
    newest: tuple[PairedComparison, ...]


def compare_challengers(history: History) -> ChallengerFigures:
    """Return all comparisons so far; there is none before the second update."""
    table = history.read(bouts_table).sort_values(["batch", "version"], ascending=[False, True])
    ways = []
    for (way, served_way), compared in table.groupby(["way", "served_way"]):
        ways.append(
            WayFigures(
                way=str(way),
                served_way=str(served_way),
                bouts=len(compared),
                better=int((compared["difference"] < 0).sum()),
                difference=float((compared["difference"] / np.maximum(compared["loss"], 1e-12)).mean()),
                seconds=float(compared["seconds"].mean()),
                served_seconds=float(compared["served_seconds"].mean()),
            )
        )
    newest = tuple(read_record(PairedComparison, row) for row in list_rows(table.head(MOST_COMPARISONS)))
    return ChallengerFigures(tuple(ways), newest)


SECTION = Section("challengers", reads=(bouts_table,), figures={"tournament": compare_challengers})
