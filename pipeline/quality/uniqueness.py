"""Is every row there once?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pointsman.pipeline.quality.check import Finding, find_example, measure_share, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch


def measure_row_uniqueness(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the share of rows that repeat no earlier row cell by cell."""
    copies = int(evidence.copies.sum())
    yield measure_share(
        "",
        copies,
        evidence.rows,
        evidence.threshold("min_uniqueness"),
        lambda: (
            f"{copies} of {evidence.rows} rows of {evidence.name} repeat an earlier row cell by cell, more than "
            "quality.min_uniqueness permits; remove them at the source, or set quality.duplicates to quarantine."
        ),
    )


def measure_key_uniqueness(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the share of rows whose id and time no earlier row has; rows without either are left out."""
    name, threshold = evidence.schema.id, evidence.threshold("min_uniqueness")
    if name is None or name not in evidence.raw.frame:
        yield skip(name or "", threshold, "schema.id is not set" if name is None else f"the id '{name}' is absent")
        return
    ids = evidence.raw.frame[name].array  # an array of NumPy would round whole numbers beside missing ones
    keys = pd.DataFrame({"id": ids, "time": evidence.raw.times.to_numpy()}).dropna()
    repeated = keys.duplicated().to_numpy()
    yield measure_share(
        name,
        int(repeated.sum()),
        len(keys),
        threshold,
        lambda: (
            f"{int(repeated.sum())} of {len(keys)} rows of {evidence.name} repeat the '{name}' and the time of an "
            f"earlier row, such as '{name}' {find_example(keys['id'], repeated)}, more than quality.min_uniqueness "
            "permits; keep one row for each at the source, or correct schema.id."
        ),
    )


def measure_repeats(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield the share of rows that no earlier batch has: by id, inputs, time and target."""
    threshold, stored = evidence.threshold("max_repeated"), evidence.past.digests
    if not stored:
        yield skip("", threshold, "no earlier batch is known")
        return
    everything = np.concatenate(list(stored.values()))
    repeated = np.isin(evidence.digests, everything)
    count = int(repeated.sum())
    yield measure_share(
        "", count, evidence.rows, threshold, lambda: _describe_repeats(evidence, count), lambda: repeated
    )


def _describe_repeats(evidence: CheckedBatch, count: int) -> str:
    shared = {number: int(np.isin(evidence.digests, rows).sum()) for number, rows in evidence.past.digests.items()}
    most = max(shared, key=lambda number: shared[number])
    return (
        f"{count} of {evidence.rows} rows of {evidence.name} repeat rows that are stored already, most of them "
        f"({shared[most]}) rows of batch {most}; deliver each row once, or set quality.severity to put them aside."
    )
