"""Golden rows: a few rows and what a model answered to them when it was new, to be held against it when it is loaded.

Libraries change what a stored model means without an error: a default, a rounding, the order of a sum. A model that
no longer gives its golden answers is not the model that was judged.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.seeding import random_generator
from pointsman.model_zoo.model import Model

ROWS, ANSWERS = "golden/rows.json", "golden/answers.json"
"""Parts of a stored model. Models that were made together and read the same columns share the rows."""

GOLDEN_ROWS = 16
TIMED_ROWS = 300

TOLERANCE = 1e-6
"""How far an answer may be off, as a share of the largest one: orders of summation differ between processors."""


def choose_golden_rows(features: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return a seeded few of the rows (n_rows, n_features), in their order."""
    generator = random_generator(seed, "golden rows")
    few = generator.choice(len(features), size=min(GOLDEN_ROWS, len(features)), replace=False)
    return features.iloc[np.sort(few)].reset_index(drop=True)


def make_golden_parts(model: Model, features: pd.DataFrame, seed: int) -> dict[str, bytes]:
    """Return the golden rows among ``features`` (n_rows, n_features) and the model's answers to them as files."""
    rows = choose_golden_rows(features[list(model.features)], seed)
    return {ROWS: dump_rows(rows), ANSWERS: json.dumps(model.predict(rows).tolist()).encode()}


def measure_predict_us(model: Model, features: pd.DataFrame) -> float:
    """Return the microseconds a row that the model takes for the newest TIMED_ROWS of the rows, encoding included."""
    newest = features.tail(TIMED_ROWS)
    started = time.perf_counter()
    model.predict(newest)
    return (time.perf_counter() - started) / len(newest) * 1e6


def dump_rows(rows: pd.DataFrame) -> bytes:
    """Return a feature table as JSON: the same bytes for the same cells, missing ones and texts kept exactly."""
    columns = [{"name": str(name), "type": str(rows[name].dtype), "cells": _list_cells(rows[name])} for name in rows]
    return json.dumps(columns, separators=(",", ":")).encode()


def load_rows(stored: bytes) -> pd.DataFrame:
    """Return the table that ``dump_rows`` stored; ValueError for anything but columns of numbers and of text.

    >>> table = pd.DataFrame({"worth": [1.5, None], "make": pd.Series(["é", None], dtype="str")})
    >>> load_rows(dump_rows(table)).equals(table)
    True
    """
    return pd.DataFrame({column["name"]: _read_cells(column) for column in json.loads(stored)})


def _list_cells(column: pd.Series) -> list[Any]:
    return [None if missing else cell for cell, missing in zip(column.tolist(), column.isna(), strict=True)]


def _read_cells(column: Mapping[str, Any]) -> pd.Series:
    kind, cells = column["type"], column["cells"]
    if kind != "str" and np.dtype(kind).kind not in "fiub":
        raise ValueError(f"golden rows hold a column of type '{kind}', which is neither numbers nor text")
    return pd.Series(cells, dtype=kind)


def load_answers(stored: bytes) -> np.ndarray:
    """Return what is expected for golden rows: (n_rows, n_classes) or (n_rows,)."""
    return np.array(json.loads(stored), dtype=np.float64)


def find_difference(predicted: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest distance between two arrays of answers, as a share of the largest expected one.

    It is infinite where they cannot be compared.

    >>> find_difference(np.array([2.0, 2.0]), np.array([2.0, 2.5])), find_difference(np.zeros(2), np.zeros(3))
    (0.2, inf)
    """
    if predicted.shape != expected.shape or not np.isfinite(predicted).all():
        return float("inf")
    largest = float(np.abs(expected).max(initial=0.0)) or 1.0
    return float(np.abs(predicted - expected).max(initial=0.0)) / largest
