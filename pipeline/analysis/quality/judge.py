"""The gate: a raw batch is measured, its hopeless rows are put aside, and it is accepted or rejected."""

from collections import Counter

import numpy as np
import pandas as pd

from common.config import Config
from common.records import Judgement, LabelledBatch, RawBatch
from common.schema import Schema, read_labels
from common.task import Task
from pipeline.analysis.profile import compute_profile
from pipeline.analysis.quality.checks import find_rejection, run_checks
from pipeline.analysis.quality.evidence import Evidence
from pipeline.analysis.quality.quarantine import find_reasons, list_quarantined


def judge(raw: RawBatch, inputs: pd.DataFrame, cleaned: pd.DataFrame, schema: Schema, config: Config) -> Judgement:
    """Return what is to be made of a batch: its checks, the rows to put aside, its profile and the verdict.

    ``inputs`` is ``read_inputs(raw.frame, schema)`` and ``cleaned`` is made of it by ``clean_inputs``, which also holds
    the rules of ``config.quality`` against the schema. ``schema`` knows the batch's new classes (``extend_classes``); a
    row with a label that it does not know is quarantined. The judgement depends on this batch alone.
    """
    evidence = Evidence(raw, inputs, cleaned, schema, config)
    reasons = find_reasons(evidence)
    checks = run_checks(evidence)
    return Judgement(
        batch=_keep(evidence, np.flatnonzero(reasons == "")),
        checks=checks,
        quarantined=list_quarantined(reasons),
        profile=compute_profile(inputs, schema),
        rejected=find_rejection(checks),
    )


def extend_classes(raw: RawBatch, schema: Schema) -> Schema:
    """Return the schema with the batch's new labels as classes: all of a multiclass target.

    A binary target has two classes once two were seen, and a third label is unknown from then on; while it lacks a
    class, the most frequent new label (of several, the first in the alphabet) fills the place.
    """
    if not schema.task.is_classification:
        return schema
    labels = Counter(read_labels(raw.frame[schema.target], schema).dropna())
    new = sorted(set(labels) - set(schema.classes), key=lambda label: (-labels[label], label))
    places = len(new) if schema.task is Task.MULTICLASS else max(0, 2 - len(schema.classes))
    return schema.with_classes(new[:places])


def _keep(evidence: Evidence, kept: np.ndarray) -> LabelledBatch:
    return LabelledBatch(
        number=evidence.raw.number,
        inputs=evidence.cleaned.iloc[kept].reset_index(drop=True),
        times=evidence.raw.times.iloc[kept].reset_index(drop=True),
        target=evidence.target[kept],
    )
