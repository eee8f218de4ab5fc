"""Proving: what active versions, ensembles and what was chosen are worth on a batch that none of them has learned."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.errors import StateError, first_line
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import State
from pointsman.meta.ensembles import mix_members
from pointsman.meta.flags import find_kinds
from pointsman.meta.grades import Grade
from pointsman.meta.grading import answer_record, grade_selector
from pointsman.meta.past import Past, stack_records
from pointsman.meta.records import Record, RecordRows, make_rows, predict_outputs
from pointsman.meta.store import PLAN_LINE, StoredSelector, load_records, load_stored_selector, record_row
from pointsman.meta.tables import record_rows_table
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.readings import Readings
from pointsman.model_zoo.reference import InputReference, fit_input_reference
from pointsman.pipeline.drift.reference import Reference
from pointsman.pipeline.preparation.features import engineer_features, find_seasons
from pointsman.pipeline.training.capacity import limit_rows
from pointsman.pipeline.training.out_of_fold import BACKFILLED, Ground, RecordSheet
from pointsman.pipeline.validation.prequential import Score, score_predictions
from pointsman.registry.generations import Generation
from pointsman.registry.versions import ModelShelf, Version

log = logging.getLogger(__name__)

LateOutputs = Mapping[int, Mapping[str, np.ndarray]]
"""What newcomers predicted out of fold: by batch and line."""

PREQUENTIAL, OUT_OF_FOLD = "prequential", "out-of-fold"


@dataclass(frozen=True, eq=False)
class Proof:
    """What a batch shows before anyone learns it: the active models by line, and the record of what they predict.

    stored: records of earlier batches, oldest first
    """

    shelf: ModelShelf
    models: Mapping[str, Model]
    sheet: RecordSheet
    record: Record
    stored: list[Record]


def prove(
    config: Config,
    state: State,
    before: Generation,
    selector: StoredSelector | None,
    schema: Schema,
    window: Sequence[LabelledBatch],
) -> Proof:
    """Let every active version and ensemble predict the newest batch of the window."""
    shelf = ModelShelf(state.files)
    sheet = make_sheet(config, selector, schema, window)
    blind = find_blind(before, sheet)
    models = {line: model for line, model in load_models(shelf, before).items() if line not in blind}
    return Proof(shelf, models, sheet, answer_sheet(before, models, sheet), load_records(state, schema))


def find_blind(before: Generation, sheet: RecordSheet) -> dict[str, str]:
    """Return the lines of versions that read a feature which is no longer made, and which that is.

    A model would take it for missing in every row; its candidate may enter again and learn the features of now.
    """
    made = set(map(str, sheet.features))
    unmade = {version.line: [name for name in version.inputs if name not in made] for version in before.versions}
    return {line: names[0] for line, names in unmade.items() if names}


def load_models(shelf: ModelShelf, before: Generation) -> dict[str, Model]:
    """Return the models of active versions by line; one that cannot be loaded is left out and told of."""
    models: dict[str, Model] = {}
    for version in before.versions:
        try:
            models[version.line] = shelf.load(version)
        except StateError as error:
            log.warning("%s", error)
    return models


def load_sound(state: State, before: Generation) -> tuple[Generation, StoredSelector | None]:
    """Return the generation without its selector or its drift reference where these cannot be read, and the selector.

    The batch is then judged as far as that goes without them, and the update makes new ones.
    """
    sound, selector = before, None
    if before.selector:
        try:
            selector = load_stored_selector(state, before)
        except StateError as error:
            log.warning("%s", error)
            sound = replace(sound, selector=None)
    if before.reference:
        try:
            Reference.from_json(state.files.load(before.reference))
        except Exception as error:  # stored bytes may be anything
            log.warning("drift of this batch is not judged, its reference cannot be read: %s", first_line(error))
            sound = replace(sound, reference=None)
    return sound, selector


def drop_lost(before: Generation, models: Mapping[str, Model]) -> tuple[Generation, list[Version]]:
    """Return the generation as if it had never had versions that could not be loaded, nor their ensembles; and them.

    Their candidates may then enter again as newcomers.
    """
    lost = [version for version in before.versions if version.line not in models]
    ids = {version.id for version in lost}
    sound = [one for one in before.members if one.version.id not in ids and not ids & set(_list_mixed(one.version))]
    return replace(before, members=tuple(sound)), lost


def _list_mixed(version: Version) -> Sequence[str]:
    return version.member_ids if version.is_ensemble else ()


def make_sheet(
    config: Config, selector: StoredSelector | None, schema: Schema, window: Sequence[LabelledBatch]
) -> RecordSheet:
    """Return the record rows of the newest batch: all of it, or of the very first the newer half of what is learned."""
    newest = window[-1]
    if selector:
        return build_sheet(config, schema, newest, 0, selector.reference)
    learned = min(len(newest), limit_rows(config.training, newest.inputs.shape[1]))
    half = len(newest) - learned + learned // 2
    features = engineer_features(newest.inputs, schema, config.features).iloc[: max(1, half)]
    normal = fit_input_reference(features.drop(columns=list(find_seasons(schema, config.features))))
    return build_sheet(config, schema, newest, half, normal)


def build_sheet(
    config: Config, schema: Schema, batch: LabelledBatch, first_row: int, reference: InputReference
) -> RecordSheet:
    """Return the record rows of a batch; built again later, they are the same rows."""
    features = engineer_features(batch.inputs, schema, config.features).iloc[first_row:]
    rows, damaged = make_rows(
        batch.number, features, batch.target[first_row:], schema.task, schema.classes, reference, config.seed
    )
    return RecordSheet(rows, damaged, first_row, len(features))


def rebuild_sheets(config: Config, state: State, schema: Schema, window: Sequence[LabelledBatch]) -> list[RecordSheet]:
    """Return the sheets of the batches just before the newest, for newcomers to predict.

    Their flags are those of the stored record, so what is normal need not be known here.
    """
    first_rows = load_first_rows(state)
    wanted = [batch for batch in window[-BACKFILLED:-1] if batch.number in first_rows]
    nothing = InputReference({}, {})
    return [build_sheet(config, schema, batch, first_rows[batch.number], nothing) for batch in wanted]


def answer_sheet(before: Generation, models: Mapping[str, Model], sheet: RecordSheet) -> Record:
    """Return what every active version and ensemble predicts for rows that none learned; one that fails is left out."""
    outputs: dict[str, np.ndarray] = {}
    readings = Readings(sheet.features)
    for line, model in models.items():
        try:
            outputs[line] = predict_outputs(model, readings.of(model), sheet.rows.classes)
        except Exception as error:  # a version may fail in any library: it has no record of this batch then
            log.warning("the line %s could not predict batch %d: %s", line, sheet.rows.batch, error)
    return Record(sheet.rows, {**outputs, **mix_ensembles(before, outputs, sheet.rows.kinds)})


def mix_ensembles(
    generation: Generation, outputs: Mapping[str, np.ndarray], kinds: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what the ensembles of a generation answer to rows (n_rows,) of each kind, by line, from what its versions
    do, by line.
    """
    mixed = {one.line: mix_members(outputs, kinds, generation.list_members(one)) for one in generation.ensembles}
    return {line: answer for line, answer in mixed.items() if answer is not None}


def score_batch(
    before: Generation, models: Mapping[str, Model], record: Record, ground: Ground, reference: InputReference | None
) -> list[Score]:
    """Return the prequential scores of every active version and ensemble on the whole newest batch.

    Where the record holds every row of it, nothing is predicted twice. ``reference`` is what tells kinds of rows, by
    which ensembles are routed.
    """
    newest, rows = ground.rows.last(1), record.rows
    target = newest.target
    if rows.clean.sum() == len(newest):
        target = rows.target[rows.clean]
        outputs = {line: known[rows.clean] for line, known in record.predicted.items()}
    else:
        sound = {line: model for line, model in models.items() if line in record.predicted}
        readings = Readings(newest.features)
        outputs = {line: predict_outputs(model, readings.of(model), rows.classes) for line, model in sound.items()}
        if reference is not None:
            kinds = find_kinds(flag_cells(newest.features, reference))
            outputs |= mix_ensembles(before, outputs, kinds)
    return [
        score_predictions(version.id, PREQUENTIAL, rows.task, target,
                          _as_predicted(rows, outputs[version.line]), version.threshold)
        for version in (*before.versions, *before.ensembles) if version.line in outputs
    ]  # fmt: skip


def score_newcomers(generation: Generation, before: Generation, record: Record, late: LateOutputs) -> list[Score]:
    """Return the scores, out of fold, of versions that are new lines, on the clean rows of the newest record."""
    lines = {version.line for version in before.versions}
    rows, outputs = record.rows, late.get(record.rows.batch, {})
    return [
        score_predictions(version.id, "out-of-fold", rows.task, rows.target[rows.clean],
                          _as_predicted(rows, outputs[version.line][rows.clean]), version.threshold)
        for version in generation.versions
        if version.line not in lines and version.line in outputs
    ]  # fmt: skip


def _as_predicted(rows: RecordRows, outputs: np.ndarray) -> np.ndarray:
    return outputs if rows.task.is_classification else outputs[:, 0]


def grade_plan(
    stored: StoredSelector | None, before: Generation, record: Record
) -> tuple[list[Grade], np.ndarray | None]:
    """Grade the selector of before this batch on it; return also what was chosen answers to the record's rows."""
    if stored is None or not any(version.line in record.predicted for version in before.versions):
        return [], None
    return grade_selector(stored.selector, record), answer_record(stored.selector, record)


def load_first_rows(state: State) -> dict[int, int]:
    """Return the first row of each batch that its record covers."""
    query = sa.select(record_rows_table.c.batch, record_rows_table.c.first_row)
    return {row["batch"]: row["first_row"] for row in read_rows(state.engine, query)}


def join_records(stored: list[Record], newest: Record, late: LateOutputs) -> list[Record]:
    """Return all records, oldest first, with the ``late`` predictions of newcomers by batch and line."""
    return [record.with_lines(late.get(record.rows.batch, {})) for record in [*stored, newest]]


def list_records(
    state: State,
    generation: Generation,
    before: Generation,
    record: Record,
    records: Sequence[Record],
    late: LateOutputs,
    plan_outputs: np.ndarray | None,
) -> list[dict[str, Any]]:
    """Return the rows of the records table: the newest batch by every line, and what active newcomers add to it.

    A newcomer that did not become active is forgotten.
    """
    served = {version.line: version.id for version in (*before.versions, *before.ensembles)}
    by_batch = {one.rows.batch: one for one in records}
    active = {version.line: version.id for version in generation.versions}
    found = [
        (record.rows.batch, line, served[line], PREQUENTIAL, outputs)
        for line, outputs in record.predicted.items()
        if line in served
    ]
    if plan_outputs is not None:
        found.append((record.rows.batch, PLAN_LINE, PLAN_LINE, PREQUENTIAL, plan_outputs))
    found += [
        (batch, line, active[line], OUT_OF_FOLD, outputs)
        for batch, by_line in late.items()
        for line, outputs in by_line.items()
        if line in active and line not in served and batch in by_batch
    ]
    return [
        record_row(state.files, by_batch[batch].rows, line, version, origin, outputs,
                   _compute_losses(by_batch[batch], outputs))
        for batch, line, version, origin, outputs in found
    ]  # fmt: skip


def _compute_losses(record: Record, outputs: np.ndarray) -> np.ndarray:
    past: Past = stack_records([Record(record.rows, {PLAN_LINE: outputs})], [PLAN_LINE])
    return past.losses[:, 0] * past.scale
