"""A small stream of policies to break in one place at a time."""

import numpy as np
import pandas as pd

from common.config import Config
from common.records import RawBatch
from common.schema import Schema, read_dates, read_inputs
from common.task import Task
from pipeline.analysis.quality.judge import judge
from pipeline.preparation.cleaning import clean_inputs

SCHEMA = Schema(
    time="begin", target="claim", task=Task.BINARY, classes=("no", "yes"), id="vehicle", numeric=("premium", "seats"),
    categorical=("make",), dates=("begin", "end"), missing_values=("", "NA"), unused={"vehicle": "the id of a row"},
)  # fmt: skip


def make_frame(rows=40, seed=0):
    """Text cells as a CSV file brings them, without a fault."""
    random = np.random.default_rng(seed)
    begin = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.sort(random.integers(0, 30, rows)), unit="D")
    return pd.DataFrame(
        {
            "vehicle": [f"V{number}" for number in range(rows)],
            "begin": begin.strftime("%Y-%m-%d"),
            "end": (begin + pd.Timedelta(days=364)).strftime("%Y-%m-%d"),
            "premium": random.gamma(2, 500, rows).round(2).astype(str),
            "seats": random.choice(["2", "4", "8"], rows),
            "make": random.choice(["TOYOTA", "ISUZU", "BAJAJI"], rows),
            "claim": np.resize(["no", "no", "yes"], rows),
        },
        dtype="str",
    )


def make_batch(frame, late_rows=0):
    return RawBatch(7, "policies.csv", frame, read_dates(frame["begin"]), {}, late_rows)


def make_config(min_rows=20, **quality):
    return Config.model_validate(
        {"schema": {"time": "begin", "target": "claim"}, "batch": {"min_rows": min_rows}, "quality": quality}
    )


def judge_frame(frame, schema=SCHEMA, late_rows=0, min_rows=20, **quality):
    config = make_config(min_rows, **quality)
    raw = make_batch(frame, late_rows)
    inputs = read_inputs(raw.frame, schema)
    return judge(raw, inputs, clean_inputs(inputs, config.quality, schema), schema, config)


def breaches(judgement):
    """Code and column of every breached check."""
    return {(check.code, check.column) for check in judgement.checks if not check.passed}


def find_check(judgement, code, column):
    (check,) = [check for check in judgement.checks if (check.code, check.column) == (code, column)]
    return check
