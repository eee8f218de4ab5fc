"""The past as selection sees it: the records of the newest batches, stacked row by row and line by line."""

from collections.abc import Iterator, Sequence
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
        kind = self.outputs.dtype if self.task.is_classification else np.result_type(self.target, self.outputs)
        losses = np.empty((len(self), len(self.lines)), dtype=kind)
        for position in range(len(self.lines)):
            losses[:, position] = self.compute_losses(self.outputs[:, position])
        return losses

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
    parts = _list_parts(keep_newest(records), lines)
    return _stack(parts, lines, _find_type(parts, lines), measure_scale(parts))


def stack_by_batch(records: Sequence[OutOfSamplePredictions], lines: Sequence[str]) -> Iterator[PredictionHistory]:
    """Yield the rows of each batch as ``stack_records`` has them, oldest first.

    Whoever needs no rows of several batches at once holds one of them in place of MAX_BATCHES.
    """
    newest = keep_newest(records)
    parts = _list_parts(newest, lines)
    kind, scale = _find_type(parts, lines), measure_scale(parts)
    for record in newest:
        yield _stack(_list_parts([record], lines), lines, kind, scale)


def measure_scale(records: Sequence[OutOfSamplePredictions]) -> float:
    """Return what row losses on records are divided by: 1 for log-loss, the variance of the target otherwise."""
    rows = [record.rows for record in records]
    if rows[-1].task.is_classification:
        return 1.0
    # Of batches as they came: damaged copies hold some of the same targets once more.
    variance = float(np.concatenate([one.target[one.clean] for one in rows]).var())
    return variance if variance > 0 else 1.0


def _list_parts(newest: Sequence[OutOfSamplePredictions], lines: Sequence[str]) -> list[OutOfSamplePredictions]:
    return [part for record in newest for part in (*_list_live(record, lines), record)]


def _list_live(record: OutOfSamplePredictions, lines: Sequence[str]) -> list[OutOfSamplePredictions]:
    return [live for live in record.live if any(line in live.predicted for line in lines)]


def _list_outputs(record: OutOfSamplePredictions, lines: Sequence[str]) -> list[np.ndarray]:
    """Return what the lines predicted, or all models where none of the lines did."""
    return [record.predicted[line] for line in lines if line in record.predicted] or list(record.predicted.values())


def _find_type(parts: Sequence[OutOfSamplePredictions], lines: Sequence[str]) -> np.dtype:
    """Return the type that holds all outputs: stored ones are float32, those of this update may be float64."""
    return np.result_type(*{outputs.dtype for record in parts for outputs in _list_outputs(record, lines)})


def _stack(
    parts: Sequence[OutOfSamplePredictions], lines: Sequence[str], kind: np.dtype, scale: float
) -> PredictionHistory:
    rows = [record.rows for record in parts]
    outputs, known = _stack_lines(parts, lines, kind)
    return PredictionHistory(
        task=rows[-1].task,
        lines=tuple(lines),
        outputs=outputs,
        known=known,
        target=np.concatenate([one.target for one in rows]),
        kinds=np.concatenate([one.kinds for one in rows]),
        quality=np.concatenate([one.quality for one in rows]),
        batch=np.repeat([one.batch for one in rows], [len(one) for one in rows]),
        part=np.concatenate([one.part for one in rows]),
        scale=scale,
    )


def _stack_lines(
    parts: Sequence[OutOfSamplePredictions], lines: Sequence[str], kind: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Return the outputs (n_rows, n_lines, n_outputs) and who predicted them (n_rows, n_lines), each written once."""
    n_rows = sum(len(record.rows) for record in parts)
    outputs = np.empty((n_rows, len(lines), _list_outputs(parts[-1], lines)[0].shape[1]), dtype=kind)
    known = np.empty((n_rows, len(lines)), dtype=bool)
    first = 0
    for record in parts:
        here = slice(first, first + len(record.rows))
        stand_in = np.mean(_list_outputs(record, lines), axis=0)
        for position, line in enumerate(lines):
            outputs[here, position] = record.predicted.get(line, stand_in)
            known[here, position] = line in record.predicted
        first = here.stop
    return outputs, known
