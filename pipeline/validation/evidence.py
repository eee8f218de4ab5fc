"""Prequential evaluation: what models, ensembles and the selector are worth on a batch, before anyone learns it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pointsman.common.config import Config
from pointsman.common.errors import StateError, first_line
from pointsman.common.metrics import compute_row_losses
from pointsman.common.records import LabelledBatch
from pointsman.common.sampling import spread_rows
from pointsman.common.storage.state import State
from pointsman.common.workers import map_in_threads
from pointsman.meta.ensembles import mix_ensembles
from pointsman.meta.grades import Grade
from pointsman.meta.grading import answer_record, grade_selector
from pointsman.meta.live import LivePart, attach_live
from pointsman.meta.performance_estimates import grade_estimates
from pointsman.meta.records import FIRST_LIVE, OutOfSamplePredictions, make_rows, predict_outputs
from pointsman.meta.selector_store import StoredSelector, load_stored_selector
from pointsman.meta.store import load_records
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.readings import Readings
from pointsman.model_zoo.reference import InputReference
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.pipeline.drift.detection import WatchedLosses
from pointsman.pipeline.drift.reference import Reference
from pointsman.pipeline.preparation.capacity import limit_rows
from pointsman.pipeline.preparation.features import EngineeredBatches, find_seasons
from pointsman.pipeline.training.data import TrainingData
from pointsman.pipeline.training.out_of_fold import BACKFILLED, EvaluationTable
from pointsman.pipeline.validation.prequential import Score, score_batch
from pointsman.pipeline.validation.records import load_first_rows
from pointsman.registry.generations import Generation
from pointsman.registry.loading import load_models
from pointsman.registry.update_run import UpdateRun
from pointsman.registry.versions import ModelShelf

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PrequentialResult:
    """The active models, by name, and what they predict for a batch before anyone learns it.

    table:  the rows of the batch, with features, that they are evaluated on
    record: what they predicted for these rows
    stored: records of earlier batches, oldest first
    """

    shelf: ModelShelf
    models: Mapping[str, Model]
    table: EvaluationTable
    record: OutOfSamplePredictions
    stored: list[OutOfSamplePredictions]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What is known of a batch before anyone learns it.

    result:    what models and ensembles predict for it
    selector:  the selector so far, None before there is one
    drift_reference: distribution of the inputs that models learned; None before any did
    outputs:   what the selector answers for the rows of the record; None without one
    grades:    how good its choice was; ``estimates``, rows of the table, what was expected of it without labels
    """

    result: PrequentialResult
    selector: StoredSelector | None
    drift_reference: Reference | None
    scores: list[Score]
    grades: list[Grade]
    outputs: np.ndarray | None
    estimates: list[dict[str, Any]]

    @property
    def reference(self) -> InputReference | None:
        """What counts as normal input so far."""
        return self.selector.reference if self.selector else None

    def with_live(self, live: Sequence[LivePart]) -> "Evaluated":
        """Return the same with served rows, whose labels have come by now, beside the record."""
        return replace(self, result=replace(self.result, record=attach_live(self.result.record, live)))


def evaluate_batch(run: UpdateRun, data: TrainingData) -> tuple[UpdateRun, Evaluated]:
    """Evaluate every active model on the newest batch, which none learned; return the run without what is broken."""
    with run.watch.stage("prequential"):
        before, selector, drift_reference = load_sound(run.state, run.before)
        result = evaluate_before_learning(replace(run, before=before), data, selector)
        reference = selector.reference if selector else None
        scores = score_batch(before, result.models, result.record, data.training_set, reference)
        grades, outputs = grade_plan(selector, before, result.record)
        estimates = grade_estimates(selector, result.record, outputs)
    return replace(run, before=before), Evaluated(result, selector, drift_reference, scores, grades, outputs, estimates)


def evaluate_before_learning(run: UpdateRun, data: TrainingData, selector: StoredSelector | None) -> PrequentialResult:
    """Let every active version and ensemble predict the newest batch of the window."""
    before, shelf = run.before, ModelShelf(run.state.files)
    table = make_evaluation_table(run, data, selector)
    blind = find_blind(before, table)
    models = {line: model for line, model in load_models(shelf, before).items() if line not in blind}
    record = answer_table(before, models, table, run.config.workers.count)
    return PrequentialResult(shelf, models, table, record, load_records(run.state, run.schema))


def find_blind(before: Generation, table: EvaluationTable) -> dict[str, str]:
    """Return, by name, the models that read a feature which is no longer made, and that feature.

    Such a model would find it missing in every row; its candidate may enter again and learn the present features.
    """
    made = set(map(str, table.features))
    unmade = {version.line: [name for name in version.inputs if name not in made] for version in before.versions}
    return {line: names[0] for line, names in unmade.items() if names}


def load_sound(state: State, before: Generation) -> tuple[Generation, StoredSelector | None, Reference | None]:
    """Return the generation, its selector and its drift reference; what cannot be read is None, and is left out of it.

    The batch is then judged without it, and the update makes a new one.
    """
    sound, selector, drift_reference = before, None, None
    if before.selector:
        try:
            selector = load_stored_selector(state, before)
        except StateError as error:
            log.warning("%s", error)
            sound = replace(sound, selector=None)
    if before.reference:
        try:
            drift_reference = Reference.from_json(state.files.load(before.reference))
        except Exception as error:  # stored bytes may be anything
            log.warning("drift of this batch is not judged, its reference cannot be read: %s", first_line(error))
            sound = replace(sound, reference=None)
    return sound, selector, drift_reference


def make_evaluation_table(run: UpdateRun, data: TrainingData, selector: StoredSelector | None) -> EvaluationTable:
    """Return the rows to evaluate on: the newest batch or, of the very first one, the newer half of what is learned."""
    newest, config = data.newest, run.config
    if selector:
        return build_evaluation_table(config, data.engineered, newest, 0, selector.reference)
    learned = min(len(newest), limit_rows(config.training, newest.inputs.shape[1]))
    half = len(newest) - learned + learned // 2
    features = data.engineered.of(newest).iloc[: max(1, half)]
    normal = fit_input_reference(features.drop(columns=list(find_seasons(run.schema, config.features))))
    return build_evaluation_table(config, data.engineered, newest, half, normal)


def build_evaluation_table(
    config: Config, engineered: EngineeredBatches, batch: LabelledBatch, first_row: int, reference: InputReference
) -> EvaluationTable:
    """Return the rows of a batch to evaluate on, from ``first_row`` on; the same rows whenever it is called."""
    features, schema = engineered.of(batch).iloc[first_row:], engineered.schema
    rows, damaged = make_rows(
        batch.number, features, batch.target[first_row:], schema.task, schema.classes, reference, config.seed
    )
    return EvaluationTable(rows, damaged, first_row, len(features))


def rebuild_evaluation_tables(run: UpdateRun, data: TrainingData) -> list[EvaluationTable]:
    """Return the rows of the batches just before the newest, for newcomers to predict.

    The stored records know the flags of these rows, so no reference is needed here.
    """
    first_rows = load_first_rows(run.state)
    wanted = [batch for batch in data.window[-BACKFILLED:-1] if batch.number in first_rows]
    nothing = InputReference({}, {})
    return [
        build_evaluation_table(run.config, data.engineered, batch, first_rows[batch.number], nothing)
        for batch in wanted
    ]


def answer_table(
    before: Generation, models: Mapping[str, Model], table: EvaluationTable, threads: int | None = None
) -> OutOfSamplePredictions:
    """Return what every active version and ensemble predicts for rows that none learned; one that fails is left out.

    As many ``threads`` as there are cores predict beside each other, where nothing else is said.
    """
    readings = Readings(table.features)

    def predict(line: str) -> np.ndarray | None:
        try:
            return predict_outputs(models[line], readings.of(models[line]), table.rows.classes)
        except Exception as error:  # a version may fail in any library: it has no record of this batch then
            log.warning("the model %s could not predict batch %d: %s", line, table.rows.batch, error)
            return None

    answers = zip(models, map_in_threads(predict, list(models), threads), strict=True)
    outputs = {line: predicted for line, predicted in answers if predicted is not None}
    return OutOfSamplePredictions(table.rows, {**outputs, **mix_ensembles(before, outputs, table.rows.kinds)})


def grade_plan(
    stored: StoredSelector | None, before: Generation, record: OutOfSamplePredictions
) -> tuple[list[Grade], np.ndarray | None]:
    """Return the grades of the stored selector on this batch, and what it answers for the rows of the record."""
    if stored is None or not any(version.line in record.predicted for version in before.versions):
        return [], None
    return grade_selector(stored.selector, record), answer_record(stored.selector, record)


def watch_losses(before: Generation, tested: PrequentialResult) -> WatchedLosses:
    """Return the champion's row losses on the newest batch and on earlier ones; empty where it has no record."""
    if before.champion is None or before.champion.line not in tested.record.predicted:
        return WatchedLosses(np.empty(0), np.empty(0), np.empty(0, dtype=int))
    line = before.champion.line
    known = [part for one in tested.stored for part in (*one.live, one) if line in part.predicted]
    earlier = [_compute_row_losses(one, line) for one in known]
    newest = _compute_row_losses(tested.record, line)
    rows = tested.table.first_row + spread_rows(tested.table.covered, len(newest))
    return WatchedLosses(newest, np.concatenate([np.empty(0), *earlier]), rows)


def _compute_row_losses(record: OutOfSamplePredictions, line: str) -> np.ndarray:
    rows = record.rows
    clean = rows.clean | (rows.part >= FIRST_LIVE)
    outputs = record.predicted[line][clean]
    return compute_row_losses(rows.task, rows.target[clean], outputs)
