"""Judging a batch in an update: its analysis, what the log says of it, and its rows of the catalogue."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.records import Judgement, RawBatch, Severity
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.metaparameters import compute_metaparameters
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.clean_store import save_clean_batch
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.preparation.raw_rows import read_batch
from pointsman.pipeline.preparation.window import StoredBatches
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.gate import judge
from pointsman.pipeline.quality.history import draft_fingerprint, load_quality_past
from pointsman.pipeline.quality.past import PAST_BATCHES, QualityPast
from pointsman.pipeline.quality.stored import (
    profile_rows,
    profiles_table,
    quality_rows,
    quality_table,
    quarantine_rows,
    quarantine_table,
)
from pointsman.pipeline.quality.tables import retaken_table
from pointsman.registry.update_run import UpdateRun

log = logging.getLogger(__name__)

MOST_TOLD = 3
"""Breached checks that an update tells in full."""


def analyse(
    config: Config, raw: RawBatch, schema: Schema, past: QualityPast | None = None, lifted: bool = False
) -> Judgement:
    """Return the judgement of a batch whose cells were typed and cleaned; one that was released is never rejected.

    Neither is one with ``lifted``, which was accepted before.
    """
    reading = read_batch(raw, schema)
    cleaned = clean_inputs(reading.inputs, config.quality, reading.schema)
    stays = lifted or raw.retakes is not None
    return judge(
        CheckedBatch(
            raw, reading.inputs, cleaned, reading.schema, config, past or QualityPast(), changes=reading.changes
        ),
        stays,
    )


def assess_batch(run: UpdateRun, raw: RawBatch, earlier: StoredBatches, by_hand: bool, is_known: bool) -> Judgement:
    """Store a batch raw, and clean and judge it; one that ``is_known`` was accepted before and is not rejected.

    What was found is added to the run's draft and logged. ``earlier`` are the batches before it.
    """
    with run.watch.stage("collection"):
        raw_file = run.state.files.save_table(raw.frame)
    with run.watch.stage("analysis"):
        past = load_quality_past(run.state, lambda: earlier.read_newest(PAST_BATCHES))
        judgement = analyse(run.config, raw, run.schema, past, lifted=is_known)
    draft_analysis(run.draft, run.state, raw, judgement)
    log_breaches(raw, judgement)
    draft_batch(run.draft, run.state, raw, raw_file, judgement, by_hand)
    return judgement


def keep_raw(raw: RawBatch, judgement: Judgement) -> pd.DataFrame:
    """Return the raw rows that were not quarantined, in their order."""
    aside = [one.row for one in judgement.quarantined]
    return raw.frame.iloc[np.setdiff1d(np.arange(len(raw)), aside)].reset_index(drop=True)


def draft_analysis(draft: Draft, state: State, raw: RawBatch, judgement: Judgement) -> None:
    """Add the analysis of a batch to the draft; a rejected one does not change what is usual."""
    if judgement.fingerprint and not judgement.rejected:
        draft_fingerprint(draft, state, raw.number, judgement.fingerprint)
    if raw.retakes:
        draft.add(retaken_table, [{"batch": raw.number, "rejected": raw.retakes}])
    draft.add(quality_table, quality_rows(raw.number, judgement.checks))
    draft.add(profiles_table, profile_rows(raw.number, judgement.profile))
    draft.add(quarantine_table, quarantine_rows(raw.number, judgement.quarantined))


def log_breaches(raw: RawBatch, judgement: Judgement) -> None:
    """Log what is wrong with an accepted batch: the first breaches in full, and how many more there are."""
    if judgement.rejected:
        return
    breached = [check for check in judgement.checks if not check.passed and check.severity != Severity.INFO]
    for check in breached[:MOST_TOLD]:
        log.warning("%s %s", check.code, check.message)
    if len(breached) > MOST_TOLD:
        more = len(breached) - MOST_TOLD
        log.warning("batch %d has %d more findings; python run.py summary shows them", raw.number, more)
    if judgement.quarantined:
        log.info("python run.py quarantine lists the rows of batch %d that were kept out, and why", raw.number)


def draft_batch(draft: Draft, state: State, raw: RawBatch, raw_file: str, judgement: Judgement, by_hand: bool) -> None:
    """Add the batch itself to the draft; its clean form is stored beside the raw one."""
    described = describe_batch(state, raw, raw_file, judgement, by_hand)
    draft.add(batches, [described])
    log.info("batch %d: %d rows of %s, %d quarantined", raw.number, len(raw), raw.origin, described["quarantined"])


def describe_batch(state: State, raw: RawBatch, raw_file: str, judgement: Judgement, by_hand: bool) -> dict[str, Any]:
    """Store a clean batch, and return the row of the batches table."""
    times, schema = raw.times.dropna(), judgement.schema
    accepted = not judgement.rejected
    return {
        "number": raw.number,
        "origin": raw.origin,
        "by_hand": by_hand,
        "file": raw_file,
        "clean_file": save_clean_batch(state.files, judgement.batch, schema) if accepted else None,
        "rows": len(raw),
        "columns": raw.frame.shape[1],
        "start": times.min().to_pydatetime() if len(times) else None,
        "end": times.max().to_pydatetime() if len(times) else None,
        "status": "accepted" if accepted else "rejected",
        "reason": judgement.rejected,
        "late_rows": raw.late_rows,
        "time_format": raw.time_format,
        "quarantined": len(judgement.quarantined),
        "metaparameters": compute_metaparameters(raw, schema),
    }
