"""Is every row there once?"""

from collections.abc import Iterator

import pandas as pd

from pipeline.analysis.check import Finding, compute_share, find_example
from pipeline.analysis.evidence import Evidence


def measure_row_uniqueness(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows that repeat no earlier row cell by cell."""
    copies = int(evidence.copies.sum())
    yield Finding(
        "",
        compute_share(evidence.rows - copies, evidence.rows),
        evidence.config.quality.min_uniqueness,
        lambda: (
            f"{copies} of {evidence.rows} rows of {evidence.name} repeat an earlier row cell by cell, so that fewer are "
            "unique than quality.min_uniqueness demands; remove them at the source, or set quality.duplicates to "
            "quarantine."
        ),
    )


def measure_key_uniqueness(evidence: Evidence) -> Iterator[Finding]:
    """Yield the share of rows whose id and time no earlier row has; rows without either are left out."""
    name, threshold = evidence.schema.id, evidence.config.quality.min_uniqueness
    if name is None or name not in evidence.raw.frame:
        reason = "schema.id is not set" if name is None else f"the id '{name}' is absent from {evidence.name}"
        yield Finding(name or "", None, threshold, lambda: f"Keys are not checked: {reason}.")
        return
    ids, times = evidence.raw.frame[name].reset_index(drop=True), evidence.raw.times.reset_index(drop=True)
    keys = pd.DataFrame({"id": ids, "time": times}).dropna()
    repeated = keys.duplicated().to_numpy()
    yield Finding(
        name,
        compute_share(len(keys) - int(repeated.sum()), len(keys)),
        threshold,
        lambda: (
            f"{int(repeated.sum())} of {len(keys)} rows of {evidence.name} repeat the '{name}' and time of an earlier "
            f"row, such as {find_example(keys['id'], repeated)}, so that fewer are unique than quality.min_uniqueness "
            "demands; keep one row for each at the source, or correct schema.id."
        ),
    )
