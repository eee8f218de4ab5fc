"""The verdict on a raw batch: which rows to learn from, which to keep aside and why, or that it is hopeless."""

import numpy as np
import pandas as pd

from common.config import Config
from common.records import CheckResult, Judgement, LabelledBatch, QuarantinedRow, RawBatch
from common.schema import Schema, encode_target, read_labels
from pipeline.analysis.checks import CHECKS, CheckedBatch, find_disorder, find_duplicates
from pipeline.analysis.profile import compute_profile


def judge(
    raw: RawBatch,
    inputs: pd.DataFrame,
    cleaned: pd.DataFrame,
    broken: dict[str, pd.Series],
    schema: Schema,
    config: Config,
) -> Judgement:
    """Check a batch and split its rows into those to learn from and those in quarantine.

    ``inputs`` and ``cleaned`` are (n_rows, n_inputs), typed and after the rules; ``broken`` marks the emptied cells.
    New classes must be in ``schema`` already (``Schema.with_classes``): a label it does not know is quarantined.
    """
    labels = read_labels(raw.frame[schema.target], schema)
    target = encode_target(labels, schema)
    checks = tuple(
        result for check in CHECKS for result in check(CheckedBatch(raw, inputs, labels, broken, schema, config))
    )
    reasons = _find_reasons(raw, inputs, labels, target, schema, config)
    kept = reasons == ""
    batch = LabelledBatch(
        number=raw.number,
        inputs=cleaned[kept].reset_index(drop=True),
        times=raw.times[kept].reset_index(drop=True),
        target=target[kept],
    )
    quarantined = tuple(QuarantinedRow(int(row), str(reasons[row])) for row in np.flatnonzero(~kept))
    rejected = _find_rejection(raw, reasons, checks, schema, config)
    return Judgement(batch, checks, quarantined, compute_profile(inputs, schema), rejected)


def _find_reasons(
    raw: RawBatch, inputs: pd.DataFrame, labels: pd.Series, target: np.ndarray, schema: Schema, config: Config
) -> np.ndarray:
    """Return why each row is kept out (n_rows,), '' for a row to learn from; the first reason counts."""
    reasons = np.full(len(raw), "", dtype=object)

    def put(rows: np.ndarray, reason: str) -> None:
        reasons[rows & (reasons == "")] = reason

    put(raw.times.isna().to_numpy(), f"time '{schema.time}' unreadable")
    put(labels.isna().to_numpy(), f"target '{schema.target}' missing")
    put(np.isnan(target), f"target '{schema.target}' of an unknown class")
    for rule in config.quality.orders:
        disorder = find_disorder(inputs, rule.earlier, rule.later)
        if disorder is not None:
            put(disorder.to_numpy(), f"'{rule.later}' before '{rule.earlier}'")
    if config.quality.duplicates == "quarantine":
        put(find_duplicates(raw.frame), "repeats an earlier row")
    return reasons


def _find_rejection(
    raw: RawBatch, reasons: np.ndarray, checks: tuple[CheckResult, ...], schema: Schema, config: Config
) -> str:
    """Return why the batch is hopeless in one sentence, or '' where it is not."""
    quality = config.quality
    for check in checks:
        if check.code == "DQ005" and check.share is not None and check.share < quality.reject_validity:
            kind = "numeric" if check.column in schema.numeric else "a date"
            return (
                f"column '{check.column}' is text in batch {raw.number} of '{raw.origin}' and was {kind} in training; "
                "declare it under schema.categorical or clean it."
            )
    aside = reasons[reasons != ""]
    if len(aside) > quality.max_quarantined * len(raw):
        most = pd.Series(aside).value_counts().index[0]
        return (
            f"{len(aside)} of {len(raw)} rows of '{raw.origin}' went to quarantine, mostly for: {most}; "
            "clean the source or raise quality.max_quarantined."
        )
    left = len(raw) - len(aside)
    if left < config.batch.min_rows:
        return f"{left} usable rows are left of '{raw.origin}', fewer than batch.min_rows ({config.batch.min_rows})."
    return ""
