"""Leaderboards: which trials and which runs were best, on a scale that batches share; and why trials failed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RankedTrial:
    """A complete trial. ``relative`` is how far its loss lies above the prior's on the same folds, as a share of it."""

    batch: int
    number: int
    family: str
    variant: str
    window: int | None
    params: Mapping[str, Any]
    loss: float
    relative: float


@dataclass(frozen=True)
class RankedRun:
    """A run by the share of the target that it explained on rows it had not learned; ``gap`` is how much less that is
    than on learned ones.
    """

    batch: int
    version: str
    skill: float
    gap: float | None
    overfit: bool
    metrics: Mapping[str, float]


def rank_trials(rows: Iterable[Row], batch: int | None = None, one_a_family: bool = False) -> list[RankedTrial]:
    """Return complete trials, the best first: of every batch or of one, and all or the best one of each family.

    Losses of different batches are not comparable; those relative to the prior's are. Ties go to the older trial.
    """
    ranked = sorted(
        (
            RankedTrial(
                row["batch"],
                row["number"],
                row["family"],
                row["variant"],
                row["window"],
                row["params"],
                row["loss"],
                relate(row["loss"], row["baseline"]),
            )
            for row in rows
            if row["state"] == "complete" and batch in (None, row["batch"])
        ),
        key=lambda one: (one.relative, one.batch, one.number),
    )
    if not one_a_family:
        return ranked
    best: dict[str, RankedTrial] = {}
    for trial in ranked:
        best.setdefault(trial.family, trial)
    return list(best.values())


def rank_runs(rows: Iterable[Row], batch: int | None = None) -> list[RankedRun]:
    """Return runs that have met rows they did not learn, the best first: of every batch or of one."""
    ranked = [
        RankedRun(row["batch"], row["version"], row["test_skill"], row["gap"], row["overfit"], row["test"])
        for row in rows
        if row["test_skill"] is not None and batch in (None, row["batch"])
    ]
    return sorted(ranked, key=lambda one: (-one.skill, one.batch, one.version))


def count_failures(rows: Iterable[Row], batch: int | None = None) -> list[tuple[str, str, int]]:
    """Return family, reason and number of failed trials, the most frequent first."""
    counts = Counter(
        (row["family"], row["failure"]) for row in rows if row["state"] == "failed" and batch in (None, row["batch"])
    )
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [(family, reason, count) for (family, reason), count in ordered]


def relate(loss: float, baseline: float) -> float:
    """Return how far a loss lies above that of the prior, as a share of it.

    >>> relate(0.75, 0.5), relate(-0.75, -0.5)
    (0.5, -0.5)
    """
    return (loss - baseline) / max(abs(baseline), 1e-12)


def flatten_run(row: Row) -> dict[str, Any]:
    """Return a run as one flat row: ``stage_0`` and on for its steps, ``train_f1``, ``test_f1`` and so on.

    >>> flatten_run({"version": "tree-0001", "stages": ["OneHotEncoder"], "train": {"f1": 1.0}, "test": {"f1": 0.5}})
    {'version': 'tree-0001', 'stage_0': 'OneHotEncoder', 'train_f1': 1.0, 'test_f1': 0.5}
    """
    flat: dict[str, Any] = {}
    for name, cell in row.items():
        if name == "stages":
            flat |= {f"stage_{place}": stage for place, stage in enumerate(cell)}
        elif name in ("train", "test"):
            flat |= {f"{name}_{metric}": number for metric, number in cell.items()}
        else:
            flat[name] = cell
    return flat
