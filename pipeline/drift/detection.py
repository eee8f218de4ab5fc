"""Drift of the newest batch: what has changed since models learned, whether that is unusual, and what it costs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.records import ColumnDrift, LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.pipeline.drift.concept import find_changes
from pointsman.pipeline.drift.distance import compute_drift
from pointsman.pipeline.drift.domain_classifier import measure_joint_drift
from pointsman.pipeline.drift.loss_attribution import explain_loss
from pointsman.pipeline.drift.novelty import SPANS, Aspect, Test, compute_scores
from pointsman.pipeline.drift.reference import Reference
from pointsman.pipeline.drift.reference_models import RECENT, compare_relations
from pointsman.pipeline.drift.sketch import Sketch, sketch_inputs
from pointsman.pipeline.drift.store import PastTest, load_sketches, load_tests
from pointsman.pipeline.drift.tables import alarm_rows, alarms_table, drift_test_rows, drift_tests_table, sketches_table
from pointsman.pipeline.drift.verdict import Drift, DriftAlarm, DriftTest, judge_novelty, judge_relation
from pointsman.pipeline.labels.reconciliation import ReconciledLabels
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.quality.stored import drift_rows, drift_table
from pointsman.registry.update_run import UpdateRun

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class WatchedLosses:
    """Losses of what serves, on rows it had not learned: those of the newest batch and all earlier ones.

    rows: (n_rows,) positions in the newest batch of those whose losses are ``newest`` (n_rows,)
    """

    newest: np.ndarray
    earlier: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class DriftFound:
    """What was looked at in a batch and what it means; ``alarms`` come in order of damage."""

    batch: int
    sketch: Sketch
    columns: tuple[ColumnDrift, ...]
    tests: tuple[DriftTest, ...]
    alarms: tuple[DriftAlarm, ...]

    @property
    def is_judged(self) -> bool:
        """Whether enough was known to raise an alarm at all."""
        return any(test.p_value is not None for test in self.tests)


def look_for_drift(
    run: UpdateRun,
    newest: LabelledBatch,
    training_set: TrainingSet,
    reference: Reference | None,
    watched: WatchedLosses,
    reconciled: ReconciledLabels | None = None,
) -> DriftFound:
    """Judge the newest batch: data drift of its columns and rows, concept drift, and what either costs.

    Losses are watched in order of time: served rows whose labels came since the last batch, then the batch's own rows.
    ``reference`` holds the distributions of the inputs that models learned; without it no drift is tested.
    """
    config, state, before, schema = run.config, run.state, run.before, run.schema
    sketch = sketch_inputs(newest.inputs, schema)
    if reference is None:
        return DriftFound(newest.number, sketch, (), (), ())
    past = load_tests(state)
    learned = load_sketches(state, config.training.window_batches, until=before.last_learned)
    waiting = load_sketches(state, max(SPANS) - 1, after=before.last_learned)
    tests = judge_data(config, training_set, schema, reference, [*learned, *waiting, sketch], len(learned), past)
    tests += judge_concept(config, training_set, schema, past, tests)
    alarms = rank_alarms(tests, reference, newest.inputs.iloc[watched.rows], watched.newest, watched.earlier)
    changes, since = list_changes(watched.newest, watched.earlier, newest.times.iloc[watched.rows], reconciled)
    alarms = [replace(alarm, since=since) if alarm.drift is Drift.CONCEPT else alarm for alarm in alarms]
    columns = compute_drift(reference, newest.inputs)
    return DriftFound(newest.number, sketch, columns, (*tests, *changes), tuple(alarms))


def judge_data(
    config: Config,
    training_set: TrainingSet,
    schema: Schema,
    reference: Reference,
    sketches: Sequence[Sketch],
    learned: int,
    past: Sequence[PastTest],
) -> list[DriftTest]:
    """Return the tests of data drift of the newest batch, whose sketch is the last; the first ``learned`` are known."""
    scores = compute_scores(reference, sketches, learned)
    try:
        joint = measure_joint_drift(*_split_newest(training_set, schema), training_set.seed)
    except Exception as error:  # a fit may fail in any library; the columns are judged one by one still
        log.warning("drift of all columns together could not be judged: %s", error)
        joint = None
    if joint:
        scores[Test("", Aspect.JOINT)] = joint
    return judge_novelty(scores, list_kept(past), config.drift.false_alarms, learned == len(sketches) - 1)


def list_kept(past: Sequence[PastTest]) -> dict[Test, list[float]]:
    """Return the scores that later batches are held against by test of data drift, oldest first."""
    kept: dict[Test, list[float]] = {}
    for _, test in past:
        if test.drift is Drift.DATA and test.kept is not None:
            kept.setdefault(Test(test.column, Aspect(test.aspect), test.part), []).append(test.kept)
    return kept


def judge_concept(
    config: Config, training_set: TrainingSet, schema: Schema, past: Sequence[PastTest], tests: Sequence[DriftTest]
) -> list[DriftTest]:
    """Return the tests of concept drift of the newest batch, by reference models without columns that have drifted."""
    rows = training_set.rows
    of_late = [test for batch, test in past if batch >= rows.first_batch]
    # A column whose own drift is in these rows would make a change of the inputs look like one of the relation.
    moved = {test.column for test in [*of_late, *tests] if test.alarm and test.drift is Drift.DATA}
    read = [name for name in (*schema.numeric, *schema.categorical) if name not in moved]
    if not read:
        return []
    own = [(batch, test) for batch, test in past if test.drift is Drift.CONCEPT]
    since = max((batch for batch, test in own if test.alarm), default=0)
    try:
        deviations = compare_relations(
            rows.features[read],
            rows.target,
            rows.batches,
            training_set.task,
            training_set.classes,
            training_set.seed,
            since,
        )
    except Exception as error:  # a fit may fail in any library; the update goes on without this verdict
        log.warning("concept drift could not be judged: %s", error)
        return []
    # What this batch keeps is how stable batches differ, so all batches it is compared with lie after the last change.
    settled = since < np.unique(rows.batches)[-RECENT - 1 : -1].min(initial=rows.last_batch)
    kept: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _, test in own:
        if test.kept is not None:
            kept.setdefault((test.aspect, test.column), []).append((test.kept, test.error))
    return judge_relation(deviations, kept, config.drift.false_alarms, settled)


def rank_alarms(
    tests: Sequence[DriftTest], reference: Reference, inputs: pd.DataFrame, losses: np.ndarray, earlier: np.ndarray
) -> list[DriftAlarm]:
    """Return an alarm for each column, and each class for concept drift, the most damaging first.

    ``losses`` (n_rows,) are those of the serving model on the rows of ``inputs``, ``earlier`` those on earlier batches.
    """
    raised: dict[tuple[Drift, str], list[DriftTest]] = {}
    for test in sorted(tests, key=_chance):
        if test.alarm:
            raised.setdefault((test.drift, test.column), []).append(test)
    alarms = []
    for (drift, column), own in raised.items():
        damage = None
        if len(losses) and len(earlier):
            usual = float(earlier.mean())
            rise = float(losses.mean()) - usual
            of_column = drift is Drift.DATA and column in reference.columns  # a class may be called like a column
            damage = explain_loss(reference, inputs, losses, column, usual) if of_column else rise
        aspects = tuple(dict.fromkeys(test.aspect for test in own))
        alarms.append(DriftAlarm(drift, column, aspects, _chance(own[0]), damage, {}))
    return sorted(alarms, key=lambda one: (-(one.damage or 0.0), one.p_value, one.column))


def list_changes(
    losses: np.ndarray, earlier: np.ndarray, times: pd.Series, labelled: ReconciledLabels | None
) -> tuple[list[DriftTest], dict[str, str]]:
    """Return where detectors saw the serving model's losses (n_rows,) leave those on ``earlier`` rows, and when.

    What was served before the batch comes before its rows. ``part`` is the first such row of the batch, 0 where it was
    a served one, and the score by how much the mean changed there. They are not a verdict: a loss also changes with
    the data.
    """
    if not len(earlier) or not len(losses):
        return [], {}
    before, moments = (labelled.losses, labelled.times) if labelled else (np.empty(0), np.empty(0, "datetime64[us]"))
    served, newest, when = len(before), np.concatenate([before, losses]), [*pd.Series(moments), *times]
    found = find_changes(np.concatenate([earlier, newest]), len(newest))
    tests = [
        DriftTest(
            Drift.CONCEPT,
            "",
            name,
            max(0, row - served),
            float(newest[row:].mean() - earlier.mean()),
            0.0,
            None,
            False,
            None,
        )
        for name, row in found.items()
    ]
    return tests, {name: str(when[row]) for name, row in found.items()}


def draft_drift(draft: Draft, state: State, found: DriftFound) -> None:
    """Add what was found to the draft of the update."""
    draft.add(sketches_table, [{"batch": found.batch, "file": state.files.save(found.sketch.to_bytes(), ".sketch")}])
    draft.add(drift_table, drift_rows(found.batch, found.columns))
    draft.add(drift_tests_table, drift_test_rows(found.batch, found.tests))
    draft.add(alarms_table, alarm_rows(found.batch, found.alarms))


def _split_newest(training_set: TrainingSet, schema: Schema) -> tuple[pd.DataFrame, pd.DataFrame]:
    features = training_set.rows.features[[*schema.numeric, *schema.categorical]]
    is_new = training_set.rows.batches == training_set.rows.last_batch
    return features[~is_new], features[is_new]


def _chance(test: DriftTest) -> float:
    return 1.0 if test.p_value is None else test.p_value
