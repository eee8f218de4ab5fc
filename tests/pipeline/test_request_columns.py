"""What is told of the columns of a file to predict: those that are absent, strange, or the target's."""

from pathlib import Path

import pandas as pd
import pytest

from pointsman.common.schema import Schema
from pointsman.common.task import Task
from pointsman.pipeline.serving.request_files import check_request

SCHEMA = Schema("day", "paid", Task.REGRESSION, numeric=("age", "km", "seats"), unused={"id": "names rows"})


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (["day", "age", "km", "seats", "id"], []),
        (["age"], ["'new.csv' has no column 'km', 'seats'; they count as missing"]),
        (["day", "age", "seats"], ["'new.csv' has no column 'km'; it counts as missing"]),
        (
            ["day", "age", "km", "seats", "hue"],
            ["'new.csv' has the column 'hue', which the stream does not have; it is not read"],
        ),
        (
            ["day", "age", "km", "seats", "hue", "paid", "x"],
            [
                "'new.csv' has the columns 'hue' and 'x', which the stream does not have; they are not read",
                "'new.csv' has the target's column 'paid', which is not read to predict it",
            ],
        ),
    ],
)
def test_columns_that_models_do_not_read_are_told_of_by_name(caplog, columns, told):
    check_request(Path("new.csv"), pd.DataFrame([dict.fromkeys(columns, 1)]), SCHEMA)
    assert caplog.messages == told
