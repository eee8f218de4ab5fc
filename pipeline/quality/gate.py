"""The gate: a raw batch is measured, its hopeless rows are put aside, and it is accepted or rejected."""

from collections import Counter
from dataclasses import replace

import numpy as np

from pointsman.common.classes import merge_spellings
from pointsman.common.reading import read_labels
from pointsman.common.records import Fingerprint, Judgement, LabelledBatch, RawBatch
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.checks import find_faulty_rows, find_rejection, list_checks, run_checks
from pointsman.pipeline.quality.profile import compute_profile
from pointsman.pipeline.quality.quarantine.rows import find_reasons, list_quarantined


def judge(evidence: CheckedBatch, lifted: bool = False) -> Judgement:
    """Return the checks of a batch, the rows to put into quarantine, its profile and the verdict.

    The evidence's schema knows the batch's new classes (``extend_classes``); a row with a label that it does not know
    is quarantined. With ``lifted`` no breach rejects the batch as long as a row can be learned from.
    Raises ConfigError for a severity in the configuration that no check has.
    """
    checks = list_checks(evidence.config.quality)
    if put_aside := find_faulty_rows(checks, evidence):
        evidence = replace(evidence, put_aside=put_aside)
    reasons = find_reasons(evidence)
    results = run_checks(checks, evidence)
    kept = np.flatnonzero(reasons == "")
    return Judgement(
        batch=_keep(evidence, kept),
        schema=evidence.schema,
        checks=results,
        quarantined=list_quarantined(reasons),
        profile=compute_profile(evidence.inputs, evidence.schema),
        rejected="" if lifted and len(kept) else find_rejection(results),
        fingerprint=Fingerprint(
            evidence.digests[kept], {name: np.sort(levels.digests) for name, levels in evidence.levels.items()}
        ),
    )


def extend_classes(raw: RawBatch, schema: Schema) -> Schema:
    """Return the schema with the batch's new labels as classes: all of a multiclass target.

    A binary target has two classes once two were seen, and a third label is unknown from then on; while it lacks a
    class, the most frequent new label (of several, the first in the alphabet) fills the place.
    """
    if not schema.task.is_classification:
        return schema
    labels = merge_spellings(Counter(read_labels(raw.frame[schema.target], schema).dropna()))
    new = sorted(set(labels) - set(schema.classes), key=lambda label: (-labels[label], label))
    places = len(new) if schema.task is Task.MULTICLASS else max(0, 2 - len(schema.classes))
    return schema.with_classes(new[:places])


def _keep(evidence: CheckedBatch, kept: np.ndarray) -> LabelledBatch:
    return LabelledBatch(
        number=evidence.raw.number,
        inputs=evidence.cleaned.iloc[kept].reset_index(drop=True),
        times=evidence.raw.times.iloc[kept].reset_index(drop=True),
        target=evidence.target[kept],
    )
