"""What each stage of a run costs: seconds, processor seconds and peak memory, kept in the catalogue."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import sqlalchemy as sa

from pointsman.common.progress import StageProgress
from pointsman.common.storage.catalogue import VOLATILE, created_at, metadata
from pointsman.common.time_limit import TimeLimit

performance_table = sa.Table(
    "performance",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, info=VOLATILE),
    sa.Column("command", sa.String, nullable=False, info=VOLATILE),
    sa.Column("subject", sa.String, nullable=False, info=VOLATILE),
    sa.Column("stage", sa.String, nullable=False, info=VOLATILE),
    sa.Column("seconds", sa.Float, nullable=False, info=VOLATILE),
    sa.Column("cpu_seconds", sa.Float, nullable=False, info=VOLATILE),
    sa.Column("peak_mb", sa.Float, nullable=False, info=VOLATILE),
    sa.Column("rows", sa.Integer, nullable=False, info=VOLATILE),
    sa.Column("requests", sa.Integer, nullable=False, default=1, info=VOLATILE),
    created_at(),
)
"""``requests`` is how many requests a row sums up: 1, but for a service, which books a minute at a time."""


@dataclass(frozen=True)
class StageCost:
    """The cost of one stage. ``peak_mb`` is the process's highest resident memory up to the stage's end."""

    stage: str
    seconds: float
    cpu_seconds: float
    peak_mb: float

    def __add__(self, other: "StageCost") -> "StageCost":
        """Return the cost of going through the stage twice."""
        seconds, cpu_seconds = self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds
        return StageCost(self.stage, seconds, cpu_seconds, max(self.peak_mb, other.peak_mb))


@dataclass
class Stopwatch:
    """Measures the stages of one run in the order in which they first end; what a stage costs again is added.

    With ``progress`` each stage is told while it lasts; ``limit`` says how far some of them go.
    """

    by_stage: dict[str, StageCost] = field(default_factory=dict)
    progress: StageProgress | None = None
    limit: TimeLimit = field(default_factory=TimeLimit)

    @property
    def costs(self) -> list[StageCost]:
        """The cost of every stage so far."""
        return list(self.by_stage.values())

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block under a stage's name, also when it fails."""
        started, cpu_started = time.perf_counter(), time.process_time()
        try:
            with self.progress.stage(name) if self.progress else nullcontext():
                yield
        finally:
            spent = StageCost(name, time.perf_counter() - started, time.process_time() - cpu_started, measure_peak_mb())
            before = self.by_stage.get(name)
            self.by_stage[name] = before + spent if before else spent

    def count(self, done: int, planned: int) -> None:
        """Tell how many steps of the present stage are done."""
        if self.progress:
            self.progress.count(done, planned)

    def rows(self, command: str, subject: str, rows: int) -> list[dict[str, object]]:
        """Return the catalogue rows of this run. ``subject`` is the batch or the request."""
        return [
            {
                "command": command,
                "subject": subject,
                "stage": cost.stage,
                "seconds": cost.seconds,
                "cpu_seconds": cost.cpu_seconds,
                "peak_mb": cost.peak_mb,
                "rows": rows,
            }
            for cost in self.costs
        ]


def measure_peak_mb() -> float:
    """Return the highest resident memory of this process so far, in MB (1e6 bytes)."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
