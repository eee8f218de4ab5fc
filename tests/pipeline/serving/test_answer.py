"""Every row is answered by its plan; members that fail drop out, and the rest is reweighted."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.errors import PointsmanError
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.meta.alarm import Alarm
from pointsman.meta.plan import Expectation, Plan
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.readings import Readings
from pointsman.pipeline.serving.answer import Answerers, add_answer, answer_request

SCHEMA = Schema(time="t", target="y", task=Task.BINARY, classes=("no", "yes"), numeric=("a",))
ENCODER = object()
FEATURES = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
KINDS = np.array([0, 1, 0, 2])
SHARES = {"good": 0.9, "sturdy": 0.2, "nan": np.nan}
LIMITS = {"mixed": 0.5, "good": 0.95, "sturdy": 0.15, "nan": 0.5, "broken": 0.5}
"""By line, the least probability of a positive answer: each model has its own."""


@pytest.fixture(autouse=True, params=[5_000, 1], ids=["one after another", "beside each other"])
def many_rows(request, monkeypatch):
    """Members answer alike one after another and in threads."""
    monkeypatch.setattr("pointsman.pipeline.serving.answer.MANY_ROWS", request.param)


def make_versions(**limits):
    return {
        line: SimpleNamespace(id=f"{line}-0001", line=line, threshold=limit)
        for line, limit in (LIMITS | limits).items()
    }


def encode(cells, _drifting=None):
    return EncodedTable.build(cells.numbers, ["a"])


def load(version):
    if version.line not in SHARES:
        raise ValueError("damaged file")
    share = SHARES[version.line]

    def predict(table):
        return np.tile([1 - share, share], (len(table), 1))

    return SimpleNamespace(
        encode=encode,
        predict_encoded=predict,
        encoder=ENCODER,
        normal=None,
        classes=SCHEMA.classes,
        threshold=0.5,
        task=Task.BINARY,
    )


def make_plan(*weights, model="mixed"):
    return Plan(
        model=model,
        weights=weights,
        reasons=("selected", "fallback:sparse", "fallback:anomalous"),
        why="",
        alarm=Alarm(),
        champion="good",
        ranking=(),
        expected=Expectation(),
    )


def answer(*weights, resorts=(), model="mixed", **limits):
    answerers = Answerers(make_versions(**limits), load, resorts)
    return answer_request(Readings(FEATURES), KINDS, make_plan(*weights, model=model), answerers, SCHEMA)


MIXED = ({"good": 0.5, "sturdy": 0.5},) * 3


def test_rows_of_each_kind_are_answered_by_its_members_and_carry_the_id_of_the_ensemble():
    answered = answer({"good": 1.0}, {"sturdy": 1.0}, {"good": 0.25, "sturdy": 0.75})
    assert answered.outputs[:, 1] == pytest.approx([0.9, 0.2, 0.9, 0.25 * 0.9 + 0.75 * 0.2])
    assert set(answered.versions) == {"mixed-0001"}
    assert answered.reasons.tolist() == ["selected", "fallback:sparse", "selected", "fallback:anomalous"]
    assert not answered.failures


def test_an_answer_is_decided_at_the_threshold_of_the_model_that_serves_and_at_no_members():
    assert answer(*MIXED, mixed=0.56).decided.tolist() == [0, 0, 0, 0]
    assert answer(*MIXED, mixed=0.54).decided.tolist() == [1, 1, 1, 1]
    assert answer(*[{"good": 1.0}] * 3, mixed=0.56).decided.tolist() == [1, 1, 1, 1]
    alone = answer(*[{"good": 1.0}] * 3, model="good")
    assert (alone.decided.tolist(), set(alone.versions)) == ([0, 0, 0, 0], {"good-0001"})


@pytest.mark.parametrize("failing", ["broken", "nan"])
def test_a_member_that_fails_drops_out_the_rest_is_reweighted_and_the_ensemble_still_answers(failing):
    answered = answer(*[{"good": 0.3, failing: 0.6, "sturdy": 0.1}] * 3)
    assert answered.outputs[:, 1] == pytest.approx(0.75 * 0.9 + 0.25 * 0.2)
    assert answered.outputs.sum(axis=1) == pytest.approx(1)
    assert list(answered.failures) == [f"{failing}-0001"]
    assert set(answered.versions) == {"mixed-0001"}
    assert set(answered.reasons) == {"fallback:error"}  # it is not what the ensemble would have answered


def test_rows_that_lose_all_members_go_to_a_last_resort_by_its_own_name_and_threshold():
    answered = answer({"broken": 1.0}, {"good": 1.0}, {"broken": 0.5, "nan": 0.5}, resorts=["broken", "sturdy"])
    assert answered.reasons.tolist() == ["fallback:error", "fallback:sparse", "fallback:error", "fallback:error"]
    assert answered.versions.tolist() == ["sturdy-0001", "mixed-0001", "sturdy-0001", "sturdy-0001"]
    assert answered.outputs[:, 1].tolist() == [0.2, 0.9, 0.2, 0.2]
    assert answered.decided.tolist() == [1, 1, 1, 1]  # 0.2 lies above the 0.15 of the one that answered
    assert answered.count_served() == {"mixed-0001/fallback:sparse": 1, "sturdy-0001/fallback:error": 3}
    assert set(answered.failures) == {"broken-0001", "nan-0001"}
    higher = answer({"broken": 1.0}, {"good": 1.0}, {"broken": 1.0}, resorts=["sturdy"], sturdy=0.5, mixed=0.1)
    assert higher.decided.tolist() == [0, 1, 0, 0]


def test_a_kind_of_row_without_any_member_goes_to_a_last_resort():
    """So it may be where a member was retired since."""
    answered = answer({"good": 1.0}, {}, {"good": 1.0}, resorts=["sturdy"])
    assert answered.versions.tolist() == ["mixed-0001", "sturdy-0001", "mixed-0001", "mixed-0001"]
    assert answered.reasons[1] == "fallback:error"


def test_last_resorts_are_asked_in_turn_and_none_that_failed_is_asked_again():
    asked = []

    def load_and_tell(version):
        asked.append(version.line)
        return load(version)

    answerers = Answerers(make_versions(), load_and_tell, ["broken", "nan", "good", "sturdy"])
    answered = answer_request(Readings(FEATURES), KINDS, make_plan(*[{"broken": 1.0}] * 3), answerers, SCHEMA)
    assert asked == ["broken", "nan", "good"]
    assert set(answered.versions) == {"good-0001"}


def test_where_all_fail_the_user_is_told():
    with pytest.raises(PointsmanError, match="no version could answer 4 rows"):
        answer(*[{"broken": 1.0}] * 3, resorts=["broken", "nan"])


def test_a_regression_is_mixed_as_numbers():
    schema = Schema(time="t", target="y", task=Task.REGRESSION, numeric=("a",))

    def load_number(version):
        number = {"good": 10.0, "sturdy": 20.0}[version.line]
        return SimpleNamespace(
            encode=encode,
            predict_encoded=lambda table: np.full(len(table), number),
            encoder=ENCODER,
            normal=None,
            task=Task.REGRESSION,
            threshold=0.5,
        )

    plan = make_plan(*[{"good": 0.5, "sturdy": 0.5}] * 3)
    answerers = Answerers(make_versions(), load_number, [])
    answered = answer_request(Readings(FEATURES), KINDS, plan, answerers, schema)
    assert answered.decided.tolist() == [15.0] * 4
    assert list(add_answer(FEATURES, answered, schema)) == ["a", "predict", "predict_model", "predict_reason"]


def test_the_answer_stands_behind_the_request():
    request = pd.DataFrame({"code": ["08", "07", "06", "05"]})
    table = add_answer(request, answer(*[{"good": 1.0}] * 3), SCHEMA)
    assert list(table) == ["code", "predict", "predict_proba", "predict_positive", "predict_model", "predict_reason"]
    assert set(table["predict_positive"]) == {"yes"}
    assert table["code"].tolist() == ["08", "07", "06", "05"]
    assert set(table["predict"]) == {"yes"}


ADDED = ["predict", "predict_proba", "predict_positive", "predict_model", "predict_reason", "predict_id", "reason_1"]


@pytest.mark.parametrize("own", ADDED)
def test_a_column_of_the_request_that_is_named_like_one_of_the_answer_stays_as_it_is(own):
    request = pd.DataFrame({own: ["mine", "yours", "", "x"]})
    more = {"predict_id": list("abcd"), "reason_1": ["why"] * 4}
    table = add_answer(request, answer(*[{"good": 1.0}] * 3), SCHEMA, more)
    assert table[own].tolist() == ["mine", "yours", "", "x"]
    assert list(table) == [own, *(f"{name}_2" for name in ADDED)]
    again = add_answer(table, answer(*[{"good": 1.0}] * 3), SCHEMA, more)
    assert list(again)[: table.shape[1]] == list(table)
    assert list(again)[table.shape[1] :] == [f"{name}_3" for name in ADDED]
