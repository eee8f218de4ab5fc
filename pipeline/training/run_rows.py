"""Runs: every training that became a version, with what it was made of and how it did on rows old and new to it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pointsman.common.schema import Schema
from pointsman.experiments.fit_metrics import FitMetrics, compare_fits, measure_fit
from pointsman.meta.records import RecordRows
from pointsman.pipeline.training.refit import FitResult
from pointsman.registry.contender import Contender
from pointsman.registry.versions import Version


def run_rows(
    schema: Schema,
    rows: RecordRows,
    contenders: Sequence[Contender],
    trained: Mapping[str, FitResult | None],
    versions: Sequence[Version],
) -> list[dict[str, Any]]:
    """Return the rows of the runs table for those ``versions`` that were ``trained``, by line.

    rows: those of the newest batch's record, which lines predicted before anyone learned them
    """
    known = {contender.line: contender for contender in contenders}
    found = [(version, done) for version in versions if (done := trained.get(version.line))]
    return [_describe(schema, rows, known[version.line], done, version) for version, done in found]


def measure_outputs(rows: RecordRows, contender: Contender, done: FitResult) -> FitMetrics | None:
    """Return the metrics of a contender on the clean rows of the newest record; None where it did not predict them."""
    outputs = contender.outputs.get(rows.batch)
    if outputs is None or not rows.clean.any():
        return None
    return measure_fit(
        rows.task, rows.target[rows.clean], outputs[rows.clean], done.threshold.least, done.fit_metrics.constant
    )


def _describe(
    schema: Schema, rows: RecordRows, contender: Contender, done: FitResult, version: Version
) -> dict[str, Any]:
    train, test = done.fit_metrics, measure_outputs(rows, contender, done)
    gap = compare_fits(train, test)
    return {
        "version": version.id,
        "batch": rows.batch,
        "input_columns": str(list(schema.inputs)),
        "features": str(list(done.inputs)),
        "target": schema.target,
        "stages": list(done.anatomy.stages),
        **asdict(done.anatomy.size),
        "train": dict(train.metrics),
        "test": dict(test.metrics) if test else {},
        "train_rows": train.rows,
        "test_rows": test.rows if test else 0,
        "train_skill": train.skill,
        "test_skill": test.skill if test else None,
        "gap": gap.size,
        "gap_error": gap.error,
        "overfit": gap.overfit,
        "seconds": done.fit_seconds,
    }
