"""Verdicts, damage and the rows of the catalogue: what is an alarm, what it costs, and that all of it comes back."""

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from claims_batch import SCHEMA, make_frame

from pointsman.common.reading import read_inputs
from pointsman.common.storage.catalogue import Draft, connect, read_rows
from pointsman.pipeline.drift.concept import LEAST_PAST, Deviation, Relation
from pointsman.pipeline.drift.loss_attribution import PRIOR_ROWS, explain_loss
from pointsman.pipeline.drift.reference import fit_reference
from pointsman.pipeline.drift.tables import (
    alarm_rows,
    alarms_table,
    drift_test_rows,
    drift_tests_table,
    responses_table,
    sketches_table,
)
from pointsman.pipeline.drift.verdict import Drift, DriftAlarm, DriftTest, judge_relation

CALM = [(0.1 * (-1) ** number, 0.1) for number in range(2 * LEAST_PAST)]
PAST = {("level", ""): CALM, ("slope", ""): CALM}


def deviate(relation, estimate, reference_model=0):
    return reference_model, Deviation(relation, "", estimate, 0.1)


def test_a_stable_batch_keeps_its_deviations_and_one_alarm_keeps_none_of_them():
    calm = judge_relation([deviate(Relation.LEVEL, 0.1), deviate(Relation.SLOPE, -0.1)], PAST, 0.01, settled=True)
    assert [(test.alarm, test.kept) for test in calm] == [(False, 0.1), (False, -0.1)]
    alarmed = judge_relation([deviate(Relation.LEVEL, 5.0), deviate(Relation.SLOPE, -0.1)], PAST, 0.01, settled=True)
    assert [(test.alarm, test.kept) for test in alarmed] == [(True, None), (False, None)]
    assert alarmed[0].p_value < 0.005 < alarmed[1].p_value


def test_a_batch_beside_a_change_may_raise_an_alarm_and_keeps_nothing():
    near = judge_relation([deviate(Relation.LEVEL, 0.1), deviate(Relation.LEVEL, 5.0, 1)], PAST, 0.01, settled=False)
    assert [(test.part, test.alarm, test.kept) for test in near] == [(0, False, None), (1, True, None)]


def test_what_was_never_looked_at_is_no_alarm_and_is_kept():
    (test,) = judge_relation([(0, Deviation(Relation.ERROR, "", 9.0, 0.1))], PAST, 0.01, settled=True)
    assert (test.p_value, test.alarm, test.kept, test.error) == (None, False, 9.0, 0.1)
    assert judge_relation([], PAST, 0.01, settled=True) == []


def test_more_tests_share_the_chance_of_an_alarm():
    one = deviate(Relation.LEVEL, 0.7)
    assert judge_relation([one], PAST, 0.01, True)[0].alarm
    shared = [one, *(deviate(Relation.SLOPE, 0.0, reference_model) for reference_model in range(2_000))]
    assert not judge_relation(shared, PAST, 0.01, True)[0].alarm


INPUTS = read_inputs(make_frame(2_000, 0), SCHEMA)
REFERENCE = fit_reference(INPUTS, SCHEMA)


def test_damage_is_the_mean_loss_less_the_one_standardised_to_the_reference():
    random = np.random.default_rng(0)
    batch = INPUTS.iloc[random.integers(0, 2_000, 900)].assign(seats=random.choice([2.0, 8.0], 900, p=[0.2, 0.8]))
    losses = np.where(batch["seats"] == 8, 0.9, 0.3)
    counts = {seats: (INPUTS["seats"] == seats).mean() for seats in (2.0, 4.0, 8.0)}
    usual = 0.4
    own = {seats: losses[batch["seats"] == seats] for seats in counts}
    by_bin = {seats: (of.sum() + PRIOR_ROWS * usual) / (len(of) + PRIOR_ROWS) for seats, of in own.items()}
    expected = losses.mean() - sum(counts[seats] * by_bin[seats] for seats in counts)
    assert explain_loss(REFERENCE, batch, losses, "seats", usual) == pytest.approx(expected)
    assert expected > 0.1


@pytest.mark.parametrize("column", ["premium", "seats", "make", "end"])
def test_a_column_that_did_not_move_explains_about_nothing(column):
    losses = np.random.default_rng(0).gamma(1, 0.4, 2_000)
    assert explain_loss(REFERENCE, INPUTS, losses, column, float(losses.mean())) == pytest.approx(0, abs=0.01)


def test_a_column_that_is_lost_explains_the_rise():
    lost = INPUTS.assign(premium=np.nan)
    assert explain_loss(REFERENCE, lost, np.full(2_000, 0.9), "premium", 0.4) == pytest.approx(0.5, abs=0.01)
    new = INPUTS.assign(make=pd.Series("BYD", index=INPUTS.index, dtype="str"))
    assert explain_loss(REFERENCE, new.head(1), np.array([2.0]), "make", 0.4) == pytest.approx(1.6, abs=0.1)


TESTS = (
    DriftTest(Drift.DATA, "premium", "spread", 1, 3.5, 0.0, None, False, 3.5),
    DriftTest(Drift.DATA, "", "all columns together", 1, 0.0, 0.0, 0.5, False, 0.0),
    DriftTest(Drift.CONCEPT, "", "slope", 1, -0.4, 0.2, 1e-300, True, None),
)
ALARMS = (
    DriftAlarm(Drift.CONCEPT, "", ("slope", "level"), 1e-300, 0.25, {"ADWIN": "2020-01-05 00:00:00"}),
    DriftAlarm(Drift.DATA, "premium", ("spread",), 0.0, None, {}),
)


def test_tests_and_alarms_come_back_from_the_catalogue_as_they_were(tmp_path):
    engine = connect(f"sqlite:///{tmp_path / 'catalogue.db'}")
    draft = Draft(1)
    draft.add(drift_tests_table, drift_test_rows(7, TESTS))
    draft.add(alarms_table, alarm_rows(7, ALARMS))
    draft.add(sketches_table, [{"batch": 7, "file": "a.sketch"}])
    draft.add(
        responses_table, [{"batch": 7, "position": 0, "drift": "data", "action": "warn", "cause": "c", "outcome": "o"}]
    )
    draft.commit(engine)
    stored = [row for row in read_rows(engine, sa.select(drift_tests_table)) if row.pop("generation") == 1]
    tests = {DriftTest(**{**row, "drift": Drift(row["drift"])}) for row in stored if row.pop("batch") == 7}
    assert tests == set(TESTS)
    alarms = read_rows(engine, sa.select(alarms_table).order_by(alarms_table.c.rank))
    assert [row.pop("generation") for row in alarms] == [1, 1]
    assert [row.pop("batch") for row in alarms] == [7, 7]
    assert [row.pop("rank") for row in alarms] == [1, 2]
    found = [DriftAlarm(**{**row, "drift": Drift(row["drift"]), "aspects": tuple(row["aspects"])}) for row in alarms]
    assert tuple(found) == ALARMS
