"""The page of an exploration in every case its template knows; the table of columns, made by skrub, stands aside."""

from dataclasses import replace

import pandas as pd
import pytest
from made_exploration import CHECK, NO_CHECKS, NO_DRIFT, explore, make_level

from pointsman.pipeline.reporting.eda.page import MOST_RELATIONS, render_exploration


@pytest.fixture(autouse=True)
def without_skrub(monkeypatch):
    monkeypatch.setattr("pointsman.pipeline.reporting.eda.page.render_table", lambda _: "<table></table>")


KINDS = [("binary", ("yes",)), ("multiclass", ("a", "b", "c")), ("regression", ("mean",))]


@pytest.mark.parametrize(("task", "names"), KINDS)
@pytest.mark.parametrize("unit", ["batch", "block"])
def test_every_task_by_batch_and_by_block(task, names, unit):
    page = render_exploration(explore(task, names, MOST_RELATIONS + 2, unit))
    assert "Less close: " in page
    assert "nothing to compare" in page
    assert ("Last in batch" in page) == (unit == "batch")
    assert ("classes" in page) == (task == "multiclass")
    assert "Without label" in page


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ({"overall": None, "names": (), "course": (), "relations": (), "target": ""}, "no target that is known"),
        ({"course": (make_level(("yes",)),)}, "<details open>"),
        ({"overall": make_level(("yes",), unknown=0)}, "share of &#39;yes&#39;"),
        ({"start": None, "end": None}, "all of them shown"),
        ({"notes": ()}, "stream.csv"),
        ({"relations": ()}, "nothing to hold the inputs against"),
        ({"checks": NO_CHECKS}, "no check was run"),
        ({"checks": pd.DataFrame([CHECK | {"passed": True}])}, "Every check passed"),
        ({"checks": pd.DataFrame([CHECK | {"column": None}])}, "the batch"),
        ({"drift": NO_DRIFT}, "No drift is stored"),
        ({"rows": 600}, "a systematic sample of 60 is shown"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
@pytest.mark.parametrize(("task", "names"), KINDS[:1])
def test_what_is_not_there_is_said(task, names, missing, says):
    assert says in render_exploration(replace(explore(task, names), **missing))
