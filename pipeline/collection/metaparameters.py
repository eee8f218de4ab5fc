"""The metaparameters of a batch: a few numbers that say how large, how dense, how complete and how labelled it is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pointsman.common.reading import encode_target, find_missing, read_input, read_labels
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema, find_strangers
from pointsman.common.task import Task
from pointsman.pipeline.collection.fingerprints import hash_rows

DAY = pd.Timedelta(days=1)


def compute_metaparameters(batch: RawBatch, schema: Schema) -> dict[str, float | None]:
    """Return the batch's metaparameters as JSON numbers, None where one cannot be computed.

    Names that begin with ``target_`` need labels; all others are known for unlabelled rows as well.

    - ``rows``, ``columns``; ``late_ratio`` of rows older than earlier batches, ``duplicate_ratio`` of rows that
      repeat an earlier one of the batch, labels aside
    - ``start_day``, ``end_day`` (days since 1970), ``span_days``, ``rows_per_day``, ``unreadable_time_ratio``
    - ``numeric_columns``, ``categorical_columns``, ``date_columns``: inputs that the schema has of each role
    - ``absent_columns`` of the schema's inputs, ``unknown_columns`` that the schema has no role for
    - ``missing_ratio`` over all input cells, ``max_missing_ratio`` of the worst input
    - ``unreadable_number_ratio``: cells of numeric inputs that are neither missing nor a number
    - ``mean_levels``: distinct levels of a categorical input, on average
    - ``target_missing_ratio`` of rows whose label is unknown
    - binary: ``target_share`` of the positive class; multiclass: ``target_majority_share`` and ``target_entropy`` in
      bits; both: ``target_labels`` (distinct), ``target_unseen_ratio`` of known labels that are no class of the schema
    - regression: ``target_mean``, ``target_std``, ``target_median``, ``target_zero_ratio``
    """
    computed = {
        **_describe_rows(batch, schema),
        **_describe_times(batch.times),
        **_describe_columns(batch.frame, schema),
        **_describe_cells(batch.frame, schema),
        **_describe_target(batch.frame[schema.target], schema),
    }
    return {name: float(number) if np.isfinite(number) else None for name, number in computed.items()}


def _describe_rows(batch: RawBatch, schema: Schema) -> dict[str, float]:
    repeated = pd.Series(hash_rows(batch.frame.drop(columns=schema.target))).duplicated()
    return {
        "rows": len(batch),
        "columns": batch.frame.shape[1],
        "late_ratio": batch.late_rows / max(len(batch), 1),
        "duplicate_ratio": repeated.mean(),
    }


def _describe_times(times: pd.Series) -> dict[str, float]:
    start, end = ((moment - pd.Timestamp(0)) / DAY for moment in (times.min(), times.max()))
    return {
        "start_day": start,
        "end_day": end,
        "span_days": end - start,
        "rows_per_day": times.notna().sum() / max(end - start, 1.0),
        "unreadable_time_ratio": times.isna().mean(),
    }


def _describe_columns(frame: pd.DataFrame, schema: Schema) -> dict[str, float]:
    return {
        "numeric_columns": len(schema.numeric),
        "categorical_columns": len(schema.categorical),
        "date_columns": len(schema.dates),
        "absent_columns": len(set(schema.inputs) - set(frame.columns)),
        "unknown_columns": len(find_strangers(frame.columns, schema)),
    }


def _describe_cells(frame: pd.DataFrame, schema: Schema) -> dict[str, float]:
    there = [name for name in schema.inputs if name in frame]
    missing = {name: find_missing(frame[name], schema.missing_of(name)) for name in there}
    ratios = [missing[name].mean() if name in missing else 1.0 for name in schema.inputs]
    read = {name: read_input(frame[name], name, schema) for name in there if name not in schema.dates}
    unreadable = [(read[name].isna() & ~missing[name]).mean() for name in schema.numeric if name in read]
    levels = [read[name].nunique() for name in schema.categorical if name in read]
    return {
        "missing_ratio": _mean(ratios),
        "max_missing_ratio": max(ratios, default=np.nan),
        "unreadable_number_ratio": _mean(unreadable),
        "mean_levels": _mean(levels),
    }


def _describe_target(cells: pd.Series, schema: Schema) -> dict[str, float]:
    labels = read_labels(cells, schema)
    known = labels.dropna()
    described: dict[str, float] = {"target_missing_ratio": labels.isna().mean()}
    if schema.task is Task.REGRESSION:
        return described | {
            "target_mean": known.mean(),
            "target_std": known.std(ddof=0),
            "target_median": known.median(),
            "target_zero_ratio": known.eq(0).mean(),
        }
    codes = encode_target(known, schema)
    shares = known.value_counts(normalize=True)
    described |= {"target_labels": len(shares), "target_unseen_ratio": _mean(np.isnan(codes))}
    if schema.task is Task.BINARY:
        # A single known class is the negative one or stands alone: only code 1 is positive.
        return described | {"target_share": _mean(codes == 1)}
    return described | {
        "target_majority_share": shares.max(),
        "target_entropy": float(-(shares * np.log2(shares)).sum()) if len(shares) else np.nan,
    }


def _mean(numbers: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(numbers)) if len(numbers) else np.nan
