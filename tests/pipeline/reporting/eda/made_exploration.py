"""Labelled rows with all there is to say of them, for pages of explorations."""

from datetime import datetime

import pandas as pd
from made_state import MOVE

from pointsman.pipeline.quality.stored import drift_table, quality_table
from pointsman.pipeline.reporting.eda.page import Exploration
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
MOVED = {"batch": 2, "column": "size", "role": "numeric", "distance": 0.3, "noise": 0.02, "detail": MOVE}


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
