"""The page of an exploration in every case its template knows; the table of columns, made by skrub, stands aside."""

from dataclasses import replace
from datetime import datetime

import pandas as pd
import pytest

from pointsman.pipeline.quality.stored import drift_table, quality_table
from pointsman.pipeline.reporting.eda.page import MOST_RELATIONS, Exploration, render_exploration
from pointsman.pipeline.reporting.eda.target import ColumnRelation, Level

FROM, TO = datetime(2020, 1, 1), datetime(2020, 3, 1)
NO_CHECKS = pd.DataFrame(columns=[column.name for column in quality_table.columns])
NO_DRIFT = pd.DataFrame(columns=[column.name for column in drift_table.columns])
CHECK = {
    "batch": 1,
    "position": 0,
    "code": "DQ001",
    "dimension": "completeness",
    "column": "size",
    "share": 0.4,
    "threshold": 0.5,
    "passed": False,
    "severity": "warning",
    "message": "much is missing",
}
MOVED = {
    "batch": 2,
    "column": "size",
    "role": "numeric",
    "distance": 0.3,
    "noise": 0.02,
    "detail": {
        "missing_before": 0.1,
        "missing_after": 0.2,
        "moved": "above 9",
        "moved_before": 0.1,
        "moved_after": 0.3,
        "mean_before": 10.0,
        "mean_after": 15.0,
        "new_levels": [],
        "new_share": 0.0,
    },
}


@pytest.fixture(autouse=True)
def without_skrub(monkeypatch):
    monkeypatch.setattr("pointsman.pipeline.reporting.eda.page.render_table", lambda _: "<table></table>")


def make_level(names, label="1", unknown=1, mean=0.25):
    return Level(label, 30, unknown, (mean,) * len(names), FROM, TO)


def explore(task="binary", names=("yes",), relations=2, unit="batch"):
    """Labelled rows with all there is to say of them."""
    groups = (make_level(names), make_level(names, "other", mean=float("nan")))
    return Exploration(
        title="All 2 batches",
        origin="stream.csv",
        rows=60,
        start=FROM,
        end=TO,
        table=pd.DataFrame({"size": range(60)}),
        notes=("Batch 3 was rejected.",),
        target="sold",
        task=task,
        names=names,
        overall=make_level(names),
        course=(make_level(names), make_level(names, "2")),
        unit=unit,
        relations=tuple(
            ColumnRelation(f"input {number}", 0.1 if number else None, groups) for number in range(relations)
        ),
        checks=pd.DataFrame([CHECK]),
        drift=pd.DataFrame([MOVED]),
    )


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
