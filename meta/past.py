"""The past as selection sees it: the records of the newest batches, stacked row by row and line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pointsman.common.metrics import compute_row_losses
from pointsman.common.task import Task
from pointsman.meta.records import FIRST_LIVE, OutOfSamplePredictions

MAX_BATCHES = 24


@dataclass(frozen=True, eq=False)
class PredictionHistory:
    """Rows that no line had learned from, oldest batch first.

    outputs: (n_rows, n_lines, n_outputs) float32; where a line has no record, the mean of the lines that have one
    known:   (n_rows, n_lines) bool, whether the line itself predicted the row
    batch:   (n_rows,) number of the batch; ``part`` its part: 0 for the clean one, from FIRST_LIVE on served rows
    scale:   what row losses are divided by: 1 for log-loss, the variance of the target for squared errors
    """

    task: Task
    lines: tuple[str, ...]
    outputs: np.ndarray
    known: np.ndarray
    target: np.ndarray
    kinds: np.ndarray
    quality: np.ndarray
    batch: np.ndarray
    part: np.ndarray
    scale: float

    def __len__(self) -> int:
        return len(self.target)

    @property
    def clean(self) -> np.ndarray:
        """Rows of batches, and served ones, as they came (n_rows,) bool; the others are damaged copies."""
        return (self.part == 0) | (self.part >= FIRST_LIVE)

    @property
    def age(self) -> np.ndarray:
        """How many batches ago a row was the newest (n_rows,)."""
        return self.batch.max() - self.batch if len(self) else self.batch

    @cached_property
    def losses(self) -> np.ndarray:
        """Row losses of every line (n_rows, n_lines), in units of ``scale``."""
        columns = [self.compute_losses(self.outputs[:, position]) for position in range(len(self.lines))]
        return np.column_stack(columns) if columns else np.zeros((len(self), 0))

    def compute_losses(self, outputs: np.ndarray) -> np.ndarray:
        """Return the row losses (n_rows,) of other outputs (n_rows, n_outputs) for the same rows."""
        return compute_row_losses(self.task, self.target, outputs) / self.scale

    def mix(self, weights: np.ndarray) -> np.ndarray:
        """Return the outputs (n_rows, n_outputs) of lines mixed by (n_lines,) or, row by row, (n_rows, n_lines)."""
        return mix_outputs(self.outputs, weights)

    def take(self, rows: np.ndarray) -> "PredictionHistory":
        """Return some of the rows, by position or by mask."""
        parts = {
            name: getattr(self, name)[rows]
            for name in ("outputs", "known", "target", "kinds", "quality", "batch", "part")
        }
        return PredictionHistory(task=self.task, lines=self.lines, scale=self.scale, **parts)

    def only(self, lines: Sequence[str]) -> "PredictionHistory":
        """Return the same rows with some of the lines."""
        positions = [self.lines.index(line) for line in lines]
        return PredictionHistory(
            self.task,
            tuple(lines),
            self.outputs[:, positions],
            self.known[:, positions],
            self.target,
            self.kinds,
            self.quality,
            self.batch,
            self.part,
            self.scale,
        )


def mix_outputs(outputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean (n_rows, n_outputs) of outputs (n_rows, n_lines, n_outputs).

    ``weights`` sum to 1 over the lines and are one set (n_lines,) or a set a row (n_rows, n_lines).

    >>> mix_outputs(np.array([[[1.0], [3.0]]]), np.array([0.5, 0.5])).tolist()
    [[2.0]]
    """
    if weights.ndim == 1:
        return np.einsum("rlo,l->ro", outputs, weights)
    return np.einsum("rlo,rl->ro", outputs, weights)


def keep_newest(records: Sequence[OutOfSamplePredictions]) -> list[OutOfSamplePredictions]:
    """Return the records of the newest MAX_BATCHES batches, oldest first."""
    return sorted(records, key=lambda record: record.rows.batch)[-MAX_BATCHES:]


def stack_records(records: Sequence[OutOfSamplePredictions], lines: Sequence[str]) -> PredictionHistory:
    """Return the newest records as one past of ``lines``. There must be a record, and each must know a line.

    Served rows come before the rest of the batch that they are evidence with, as they did in time; those that none of
    the lines has predicted are left out.
    """
    newest = keep_newest(records)
    parts = [part for record in newest for part in (*_list_live(record, lines), record)]
    rows = [record.rows for record in parts]
    target = np.concatenate([one.target for one in rows])
    clean = np.concatenate([one.clean for one in rows])
    task = rows[-1].task
    # Of batches as they came: damaged copies hold some of the same targets once more.
    variance = 1.0 if task.is_classification else float(target[clean].var())
    stacked = [_stack_lines(record, lines) for record in parts]
    return PredictionHistory(
        task=task,
        lines=tuple(lines),
        outputs=np.concatenate([outputs for outputs, _ in stacked]),
        known=np.concatenate([known for _, known in stacked]),
        target=target,
        kinds=np.concatenate([one.kinds for one in rows]),
        quality=np.concatenate([one.quality for one in rows]),
        batch=np.repeat([one.batch for one in rows], [len(one) for one in rows]),
        part=np.concatenate([one.part for one in rows]),
        scale=variance if variance > 0 else 1.0,
    )


def _list_live(record: OutOfSamplePredictions, lines: Sequence[str]) -> list[OutOfSamplePredictions]:
    return [live for live in record.live if any(line in live.predicted for line in lines)]


def _stack_lines(record: OutOfSamplePredictions, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    has = np.array([line in record.predicted for line in lines])
    own = [record.predicted[line] for line in lines if line in record.predicted]
    stand_in = np.mean(own or list(record.predicted.values()), axis=0)
    outputs = np.stack([record.predicted.get(line, stand_in) for line in lines], axis=1)
    return outputs, np.tile(has, (len(record.rows), 1))
