"""Every row is answered by its route, or by the next version where one fails."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from common.errors import SwitchyardError
from common.schema import Schema
from common.task import Task
from pipeline.serving.answer import add_answer, answer_request, plan_routes

SCHEMA = Schema(time="t", target="y", task=Task.BINARY, classes=("no", "yes"), numeric=("a",))
FEATURES = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
VERSIONS = {name: SimpleNamespace(id=f"{name}-0001", line=name) for name in ("good", "sturdy", "broken", "nan")}


def load(version):
    share = {"good": 0.9, "sturdy": 0.2, "nan": np.nan}.get(version.line)
    if share is None:
        raise ValueError("damaged file")

    def predict(features):
        return np.tile([1 - share, share], (len(features), 1))

    return SimpleNamespace(predict=predict, classes=SCHEMA.classes, threshold=0.5)


def answer(chosen, resorts, sparse=(), anomalous=()):
    masks = [np.isin(np.arange(4), positions) for positions in (sparse, anomalous)]
    routes = plan_routes(4, chosen, "champion", {"sparse": "sturdy", "anomalous": "sturdy"}, *masks)
    return answer_request(FEATURES, routes, VERSIONS, resorts, load, SCHEMA)


def test_rows_go_their_routes():
    answered = answer("good", [], sparse=[1], anomalous=[1, 3])
    assert answered.reasons.tolist() == ["champion", "fallback:sparse", "champion", "fallback:anomalous"]
    assert answered.versions.tolist() == ["good-0001", "sturdy-0001", "good-0001", "sturdy-0001"]
    assert answered.predicted[:, 1].tolist() == [0.9, 0.2, 0.9, 0.2]


@pytest.mark.parametrize("chosen", ["broken", "nan"])
def test_a_version_that_fails_hands_its_rows_on(chosen):
    answered = answer(chosen, [chosen, "sturdy"])
    assert set(answered.reasons) == {"fallback:error"}
    assert set(answered.versions) == {"sturdy-0001"}


def test_where_all_fail_the_user_is_told():
    with pytest.raises(SwitchyardError, match="no version could answer"):
        answer("broken", ["broken"])


def test_the_answer_stands_behind_the_request():
    request = pd.DataFrame({"code": ["08", "07", "06", "05"], "predict": 0})
    table = add_answer(request, answer("good", []), SCHEMA)
    assert list(table) == ["code", "predict", "predict_proba", "predict_model", "predict_reason"]
    assert table["code"].tolist() == ["08", "07", "06", "05"]
    assert set(table["predict"]) == {"yes"}
