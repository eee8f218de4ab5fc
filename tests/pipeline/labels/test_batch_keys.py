"""A served row is in a batch by the columns that name it, or else by all its inputs."""

import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd

from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.labels.batch_keys import RowKeys, digest_rows

SCHEMA = Schema("day", "sold", Task.REGRESSION, numeric=("worth",))


def digits(*numbers):
    return np.array(numbers, dtype=np.uint64)


def test_a_name_goes_before_inputs_and_inputs_stand_in_for_it():
    row_keys = RowKeys(digests=digits(1, 2, 3), keys=digits(11, 12, 0))
    assert row_keys.has(digits(1, 9, 3, 8), digits(0, 12, 13, 99)).tolist() == [True, True, False, False]
    nameless = RowKeys(digests=digits(1, 2), keys=digits(0, 0))
    assert nameless.has(digits(1, 9), digits(12, 12)).tolist() == [True, False]


def test_a_batch_without_its_key_columns_is_told_of(caplog):
    inputs = pd.DataFrame({"worth": [1.0, 2.0]})
    batch = LabelledBatch(7, inputs, pd.Series(pd.to_datetime(["2020-01-01"] * 2)), np.zeros(2))
    config = SimpleNamespace(labels=SimpleNamespace(key_columns=("policy",)))
    with caplog.at_level(logging.WARNING):
        row_keys = digest_rows(config, SCHEMA, batch, inputs)
    assert "batch 7 has no column 'policy' (labels.key_columns)" in caplog.text
    assert not row_keys.keys.any()
    assert len(set(digest_rows(config, SCHEMA, batch, inputs.assign(policy=["a", "b"])).keys)) == 2
