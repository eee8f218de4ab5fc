"""Records with lines of known worth: good on clean rows, robust on damaged ones, or poor on both."""

import numpy as np

from common.task import Task
from meta.flags import QUALITIES
from meta.metafeatures import METAFEATURES
from meta.profile import Profile
from meta.records import Record, RecordRows

LINES = ("good", "robust", "poor")
SKILL = {"good": (2.5, 1.0), "robust": (1.5, 1.6), "poor": (0.2, 0.2)}
"""By line, how strongly its answer follows the truth on clean and on damaged rows."""
CLEAN_ROWS, DAMAGED_ROWS = 300, 60
PARTS = ("clean", *(f"damage {number}" for number in range(5)))
CLASSES = {Task.BINARY: ("0", "1"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}


def make_profile(damaged, clean_rows=0, flagged_rows=0, kind=1):
    """A request of clean rows and rows that are flagged as ``kind``; ``damaged`` is the share of damaged cells."""
    counts = [clean_rows, 0, 0]
    counts[kind] += flagged_rows
    quality = np.zeros((3, len(QUALITIES)))
    quality[1:] = damaged
    shares = {"worth": (damaged, 0.0, 0.0), "make": (damaged / 2, 0.0, 0.0)}
    metafeatures = dict.fromkeys(METAFEATURES, 0.0) | {"missing_share": damaged, "missing_worst_column": damaged}
    return Profile(metafeatures, tuple(counts), tuple(map(tuple, quality.tolist())), shares)


def make_record(batch, task=Task.BINARY, lines=LINES, seed=0, skill=None):
    generator = np.random.default_rng([seed, batch])
    part = np.repeat(np.arange(len(PARTS)), [CLEAN_ROWS, *[DAMAGED_ROWS] * (len(PARTS) - 1)])
    n_rows, clean = len(part), part == 0
    hidden = generator.normal(size=n_rows)
    target = {
        Task.BINARY: (hidden > 0).astype(float),
        Task.MULTICLASS: np.digitize(hidden, [-0.5, 0.5]).astype(float),
        Task.REGRESSION: hidden,
    }[task]
    damage = np.where(clean, 0.0, 0.2 + 0.1 * part)
    quality = np.zeros((n_rows, len(QUALITIES)), dtype=np.float32)
    quality += damage[:, None]
    profiles = [make_profile(0.0, clean_rows=CLEAN_ROWS)]
    profiles += [make_profile(0.2 + 0.1 * number, flagged_rows=DAMAGED_ROWS) for number in range(1, len(PARTS))]
    rows = RecordRows(batch, task, CLASSES[task], PARTS, tuple(profiles), part, target,
                      np.where(clean, 0, 1).astype(np.int8), quality)  # fmt: skip
    outputs = {
        line: answer(task, target, np.where(clean, *(skill or SKILL)[line]), generator).astype(np.float32)
        for line in lines
    }
    return Record(rows, outputs)


def answer(task, target, skill, generator):
    noise = generator.normal(size=len(target))
    if task is Task.REGRESSION:
        share = skill / 3
        return (share * target + 0.3 * noise)[:, None]
    n_classes = len(CLASSES[task])
    logits = 0.5 * generator.normal(size=(len(target), n_classes))
    logits[np.arange(len(target)), target.astype(int)] += skill
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def make_records(batches=6, **changes):
    return [make_record(batch, **changes) for batch in range(1, batches + 1)]
