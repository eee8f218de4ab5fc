"""A small stream of policies to break in one place at a time."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from pointsman.common.config import Config
from pointsman.common.reading import read_dates, read_inputs
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.fingerprints import add_levels
from pointsman.pipeline.quality.gate import judge
from pointsman.pipeline.quality.past import PastBatch, QualityPast
from pointsman.pipeline.quality.thresholds import PastShare

SCHEMA = Schema(
    time="begin",
    target="claim",
    task=Task.BINARY,
    classes=("no", "yes"),
    id="vehicle",
    numeric=("premium", "seats"),
    categorical=("make",),
    dates=("begin", "end"),
    missing_values=("", "NA"),
    unused={"vehicle": "the id of a row"},
)


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


def make_config(min_rows=20, period=None, **quality):
    batch = {"min_rows": min_rows, "period": period, "rows": None if period else 5000}
    return Config.model_validate({"schema": {"time": "begin", "target": "claim"}, "batch": batch, "quality": quality})


def judge_frame(frame, schema=SCHEMA, late_rows=0, min_rows=20, past=None, period=None, **quality):
    config = make_config(min_rows, period, **quality)
    raw = make_batch(frame, late_rows)
    inputs = read_inputs(raw.frame, schema)
    cleaned = clean_inputs(inputs, config.quality, schema)
    return judge(CheckedBatch(raw, inputs, cleaned, schema, config, past or QualityPast()))


def breaches(judgement):
    """Code and column of every breached check."""
    return {(check.code, check.column) for check in judgement.checks if not check.passed}


def find_check(judgement, code, column):
    (check,) = [check for check in judgement.checks if (check.code, check.column) == (code, column)]
    return check


def make_past(frames, rules=(), schema=SCHEMA, **quality):
    """What judging ``frames`` one after the other leaves for the next batch, as the catalogue would hand it on."""
    past, clean = QualityPast(rules=rules), []
    for number, frame in enumerate(frames, 1):
        judgement = judge_frame(frame, schema, past=past, **quality)
        shares, places = {key: list(known) for key, known in past.shares.items()}, Counter()
        for check in judgement.checks:
            place = places[check.code, check.column]
            places[check.code, check.column] += 1
            if check.share is not None:
                one = PastShare(len(frame), check.share, check.passed)
                shares.setdefault((check.code, check.column, place), []).append(one)
        profiles = {one.column: (*past.profiles.get(one.column, ()), (len(frame), one)) for one in judgement.profile}
        clean.append(replace(judgement.batch, number=number))
        past = QualityPast(
            batches=(*past.batches, PastBatch(number, len(frame), read_dates(frame["begin"]).max())),
            shares={key: tuple(known) for key, known in shares.items()},
            profiles=profiles,
            levels=add_levels(past.levels, judgement.fingerprint.levels),
            digests={**past.digests, number: judgement.fingerprint.rows},
            rules=rules,
            read_earlier=lambda: reversed(clean),
        )
    return past


def make_stream(batches=6, rows=200, seed=0):
    """Batches of 30 days each, one after the other."""
    return [shift(make_frame(rows, seed + number), 30 * number) for number in range(batches)]


def shift(frame, days):
    """The same policies ``days`` later."""
    later = {
        name: (pd.to_datetime(frame[name]) + pd.Timedelta(days=days)).dt.strftime("%Y-%m-%d")
        for name in ("begin", "end")
    }
    return frame.assign(**later, vehicle=[f"{cell}-{days}" for cell in frame["vehicle"]])
