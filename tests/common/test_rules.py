"""Rules that cannot be are refused before any row is read, each with the fix."""

import pytest

from pointsman.common.config import QualityConfig
from pointsman.common.errors import ConfigError
from pointsman.common.rules import check_rules
from pointsman.common.schema import Schema
from pointsman.common.task import Task

SCHEMA = Schema(
    time="begin",
    target="y",
    task=Task.BINARY,
    numeric=("seats", "doors"),
    categorical=("make",),
    dates=("begin", "end"),
)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            {"ranges": [{"column": "seat", "min": 0}]},
            "'seat', which is no numeric input; the numeric inputs are: seats",
        ),
        ({"ranges": [{"column": "make", "min": 0}]}, "'make', which is no numeric input"),
        ({"ranges": [{"column": "seats", "min": 9, "max": 1}]}, "min 9 above max 1"),
        ({"allowed": [{"column": "end", "allowed": ["2020"]}]}, "'end', which is no numeric or categorical input"),
        ({"allowed": [{"column": "seats", "allowed": [2, "two"]}]}, "write numbers"),
        ({"orders": [{"earlier": "begin", "later": "make"}]}, "'make', which is no date or numeric input"),
        ({"orders": [{"earlier": "begin", "later": "seats"}]}, "compares a date with a number"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rules, message):
    with pytest.raises(ConfigError, match=message):
        check_rules(QualityConfig.model_validate(rules), SCHEMA)


def test_rules_on_inputs_are_accepted_and_the_time_may_be_ordered_where_it_is_no_input():
    rules = {
        "ranges": [{"column": "seats", "min": 1, "max": 1}],
        "allowed": [{"column": "seats", "allowed": [2, "4.0"]}, {"column": "make", "allowed": ["x"]}],
        "orders": [{"earlier": "begin", "later": "end"}, {"earlier": "doors", "later": "seats"}],
    }
    check_rules(QualityConfig.model_validate(rules), SCHEMA)
    without_time = Schema.from_json({**SCHEMA.to_json(), "dates": ["end"]})
    check_rules(QualityConfig.model_validate(rules), without_time)
