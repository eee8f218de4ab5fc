"""The gate: a raw batch is measured, its hopeless rows are put aside, and it is accepted or rejected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pointsman.common.adaptation import CellChange
from pointsman.common.classes import merge_spellings
from pointsman.common.config import Config
from pointsman.common.reading import read_labels
from pointsman.common.records import Fingerprint, Judgement, LabelledBatch, RawBatch
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.checks import find_faulty_rows, find_rejection, list_checks, run_checks
from pointsman.pipeline.quality.past import QualityPast
from pointsman.pipeline.quality.profile import compute_profile
from pointsman.pipeline.quality.quarantine.rows import find_reasons, list_quarantined


def judge(
    raw: RawBatch,
    inputs: pd.DataFrame,
    cleaned: pd.DataFrame,
    schema: Schema,
    config: Config,
    past: QualityPast | None = None,
    lifted: bool = False,
    changes: Sequence[CellChange] = (),
) -> Judgement:
    """Return what is to be made of a batch: its checks, the rows to put aside, its profile and the verdict.

    ``inputs`` is ``read_inputs(raw.frame, schema)`` and ``cleaned`` is made of it by ``clean_inputs``, which also holds
    the rules of ``config.quality`` against the schema. ``schema`` knows the batch's new classes (``extend_classes``); a
    row with a label that it does not know is quarantined. ``past`` is what the batch is held against: earlier batches
    alone. With ``lifted`` a breach rejects nothing, as long as a row can be learned from. ``changes`` are the columns
    that are written otherwise than the stream's. Raises ConfigError for a severity in the configuration that no check
    has. Five of the eight parameters are the batch and what it is judged by; the last three may be left out.
    """
    checks = list_checks(config.quality)
    evidence = CheckedBatch(raw, inputs, cleaned, schema, config, past or QualityPast(), changes=tuple(changes))
    if put_aside := find_faulty_rows(checks, evidence):
        evidence = replace(evidence, put_aside=put_aside)
    reasons = find_reasons(evidence)
    results = run_checks(checks, evidence)
    kept = np.flatnonzero(reasons == "")
    return Judgement(
        batch=_keep(evidence, kept),
        schema=schema,
        checks=results,
        quarantined=list_quarantined(reasons),
        profile=compute_profile(inputs, schema),
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
