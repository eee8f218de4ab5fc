"""Challenger evaluation: which retrain modes were compared with what served, how far they differed, what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pointsman.common.task import Task
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.loss_scale import measure_gain, pool, share_noise, to_unit
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.validation.tables import bouts_table

MOST_COMPARISONS = 12


@dataclass(frozen=True)
class WayFigures:
    """All paired comparisons of one retrain mode with one that served.

    ``gain`` is by which share the loss of the first was lower over all rows of them, ``better`` in how many of them it
    was lower; ``seconds`` what making each of them took on average.
    """

    way: str
    served_way: str
    bouts: int
    better: int
    gain: float | None
    seconds: float
    served_seconds: float


@dataclass(frozen=True)
class PairedComparison:
    """A challenger and what served, on the same rows of a batch that neither had learned.

    loss, served_loss: of the challenger and of what served, in the unit that readers see
    gain:              by which share the challenger's was lower; ``noise`` is the standard error of that
    """

    batch: int
    line: str
    version: str
    way: str
    served_way: str
    rows: int
    loss: float
    served_loss: float
    gain: float | None
    noise: float | None
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
                gain=_measure_gain(compared, history.task),
                seconds=float(compared["seconds"].mean()),
                served_seconds=float(compared["served_seconds"].mean()),
            )
        )
    newest = tuple(_read_comparison(row, history.task) for row in list_rows(table.head(MOST_COMPARISONS)))
    return ChallengerFigures(tuple(ways), newest)


def _measure_gain(compared: pd.DataFrame, task: Task | None) -> float | None:
    """What is stored is the mean row loss of what served, and the challenger's less that."""
    rows, served = compared["rows"].tolist(), compared["loss"].tolist()
    own = pool((compared["loss"] + compared["difference"]).tolist(), rows)
    return measure_gain(own, pool(served, rows), task) if task else None


def _read_comparison(row: Mapping[str, Any], task: Task | None) -> PairedComparison:
    task = task or Task.BINARY
    served, own = to_unit(row["loss"], task), to_unit(row["loss"] + row["difference"], task)
    gain = measure_gain(row["loss"] + row["difference"], row["loss"], task)
    noise = share_noise(row["error"], served, task is Task.REGRESSION)
    return read_record(PairedComparison, row, loss=own, served_loss=served, gain=gain, noise=noise)


SECTION = Section("challengers", reads=(bouts_table,), figures={"tournament": compare_challengers})
