"""Drift and estimated loss in hindsight: those of an update, and of no batch that came later."""

from pathlib import Path

import numpy as np
import pytest
from made_stream import make_stream

from pointsman.common.config import load_config
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.meta.estimation.fitting import MIN_BATCHES
from pointsman.pipeline.backtest import WARM_UP
from pointsman.pipeline.drift.detection import DriftFound, draft_drift, judge_concept, judge_data
from pointsman.pipeline.drift.reference import describe_window
from pointsman.pipeline.drift.sketch import sketch_inputs
from pointsman.pipeline.drift.store import has_relation_changed, load_sketches
from pointsman.pipeline.drift.verdict import Drift, DriftAlarm
from pointsman.pipeline.retraining.fitting import Fitting
from pointsman.pipeline.retraining.policies import ALWAYS, Policy
from pointsman.pipeline.retraining.simulation import Ledger, replay
from pointsman.pipeline.retraining.stream_drift import ReplayedDrift
from pointsman.pipeline.retraining.stream_loss import ReplayedLoss

ROOT = Path(__file__).resolve().parents[3]
BATCHES, CHANGE = 16, 13


class TestDrift:
    def test_new_inputs_alarm_until_they_are_learned_and_the_relation_is_said_to_stay(self):
        drift = ReplayedDrift(make_stream(Task.BINARY, BATCHES, CHANGE, ["inputs"]))
        later = range(CHANGE, BATCHES + 1)
        assert all(drift.is_drifted(trained, batch) for trained in (3, 8, CHANGE - 1) for batch in later)
        assert not any(drift.is_drifted(trained, batch) for trained in (3, 8) for batch in range(9, CHANGE))
        assert not any(map(drift.has_changed, range(1, BATCHES + 1)))

    def test_a_new_relation_alarms_whoever_has_not_learned_since(self):
        drift = ReplayedDrift(make_stream(Task.BINARY, BATCHES, CHANGE, ["labels"]))
        assert drift.has_changed(CHANGE)
        assert not drift.has_changed(BATCHES)
        assert not any(map(drift.has_changed, range(1, CHANGE)))
        assert drift.is_drifted(CHANGE - 1, BATCHES), "the change is past, and still not learned"
        assert not drift.is_drifted(CHANGE + 1, BATCHES)
        assert not any(drift.has_moved(CHANGE - 1, batch) for batch in range(CHANGE, BATCHES + 1))

    def test_tests_are_those_of_updates_that_learn_every_batch(self, monkeypatch):
        monkeypatch.setattr("pointsman.pipeline.drift.detection.measure_joint_drift", lambda *_: None)
        stream = make_stream(Task.BINARY, BATCHES, CHANGE)
        drift, past, reference = ReplayedDrift(stream), [], None
        for place in range(1, BATCHES + 1):
            window = [stream.load(one) for one in range(1, place + 1)]
            if reference:
                training_set = stream.build_training_set(place)
                sketches = [drift.sketch(one) for one in range(1, place + 1)]
                tests = judge_data(stream.config, training_set, stream.schema, reference, sketches, place - 1, past)
                tests += judge_concept(stream.config, training_set, stream.schema, past, tests)
                assert drift.list_tests(place) == tests
                past += [(window[-1].number, test) for test in tests]
            reference = describe_window(stream.schema, window)
        assert any(test.alarm for _, test in past)


class TestLoss:
    @pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
    def test_it_is_estimated_once_enough_is_known_and_lies_near_what_was_lost(self, task):
        ledger, stream = Ledger(), make_stream(task, 12)
        replay([ALWAYS, Policy("never")], [WARM_UP], 12, Fitting(stream, ledger.met).fit, ledger)
        for (_, batch), evaluation in ledger.met.items():
            assert (evaluation.estimated is None) == (batch - WARM_UP <= MIN_BATCHES)
            if evaluation.estimated is not None:
                realised = evaluation.loss if task.is_classification else np.sqrt(evaluation.loss)
                assert evaluation.estimated == pytest.approx(realised, rel=0.4)

    def test_labels_of_the_batch_itself_do_not_matter_and_those_of_the_one_before_do(self):
        made = []
        for changed_from in (None, 10):
            ledger, stream = Ledger(), make_stream(Task.BINARY, 11, changed_from, ["labels"])
            replay([Policy("never")], [WARM_UP], 11, Fitting(stream, ledger.met).fit, ledger)
            made.append([ledger.met[WARM_UP, batch] for batch in (10, 11)])
        (calm, later), (changed, after) = made
        assert calm.estimated == changed.estimated
        assert calm.loss < changed.loss
        assert later.estimated < after.estimated

    def test_without_a_past_nothing_is_estimated(self):
        assert ReplayedLoss(make_stream(Task.BINARY)).estimate(4, np.full((120, 2), 0.5), {}) is None


def test_an_update_too_looks_at_what_was_learned_and_at_changes_since(tmp_path):
    config = load_config(ROOT / "config.yaml", [f"state_dir={tmp_path}"])
    schema = make_stream(Task.BINARY).schema
    with open_state(config) as state:
        draft = Draft(1)
        for batch in range(1, 7):
            inputs = make_stream(Task.BINARY).load(batch).inputs.head(batch)
            alarm = DriftAlarm(Drift.CONCEPT if batch == 4 else Drift.DATA, "size", ("spread",), 0.0, None, {})
            draft_drift(draft, state, DriftFound(batch, sketch_inputs(inputs, schema), (), (), (alarm,)))
        draft.commit(state.engine)
        assert [one.rows for one in load_sketches(state, most=3, until=4)] == [2, 3, 4]
        assert has_relation_changed(state, since=3)
        assert not has_relation_changed(state, since=4)
