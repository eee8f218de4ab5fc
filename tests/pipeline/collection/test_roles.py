"""The schema that is inferred from the first batch."""

import logging

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, DataError
from pointsman.common.schema import Schema
from pointsman.common.tabular.reader import read_table
from pointsman.common.task import Task
from pointsman.pipeline.collection.column import ColumnRole
from pointsman.pipeline.collection.column_evidence import decide_column
from pointsman.pipeline.collection.roles import describe_roles, infer_schema

ROWS = 100
TEXT = {
    "day": [f"2020-01-{1 + row % 28:02}" for row in range(ROWS)],
    "y": [str(row % 2) for row in range(ROWS)],
    "amount": [str(row / 4) for row in range(ROWS)],
    "colour": [("red", "blue", "NA")[row % 3] for row in range(ROWS)],
    "ended": [f"{1 + row % 28:02}-FEB-20" for row in range(ROWS)],
    "policy": [f"P{row}" for row in range(ROWS)],
    "empty": [""] * ROWS,
}


def make_config(task="auto", **schema):
    return Config.model_validate({"task": task, "schema": {"time": "day", "target": "y", **schema}})


def infer(task="auto", raw=None, **schema):
    return infer_schema(pd.DataFrame(TEXT) if raw is None else raw, make_config(task, **schema), "rows.csv")


def test_each_column_gets_the_role_of_its_cells():
    schema = infer()
    assert schema.numeric == ("amount", "empty")
    assert schema.categorical == ("colour",)
    assert schema.dates == ("day", "ended")
    assert schema.unused == {"policy": "looks like an identifier"}
    assert (schema.task, schema.classes, schema.time_format) == (Task.BINARY, ("0", "1"), "ISO8601")


def test_the_schema_carries_what_the_configuration_states():
    schema = infer(time_format="%Y-%m-%d", missing_values=["?"], missing_target="0", positive="0", id="policy")
    assert (schema.time_format, schema.missing_values, schema.missing_target) == ("%Y-%m-%d", ("?",), "0")
    assert (schema.positive, schema.classes, schema.id) == ("0", ("1", "0"), "policy")
    assert Schema.from_json(schema.to_json()) == schema


def test_declarations_win_over_what_cells_look_like():
    raw = pd.DataFrame(TEXT).assign(size=[f"{row % 7} cm" if row % 10 else str(row) for row in range(ROWS)])
    schema = infer(raw=raw, numeric=["size"], categorical=["amount", "policy"], dates=["empty"], drop=["ended"])
    assert schema.numeric == ("size",)
    assert schema.categorical == ("amount", "colour", "policy")
    assert schema.dates == ("day", "empty")
    assert schema.unused == {"ended": "listed in schema.drop"}


@pytest.mark.parametrize(("key", "fix"), [("numeric", "schema.numbers"), ("dates", "schema.dates: {colour:")])
def test_a_declared_role_that_no_cell_can_be_read_in_is_refused(key, fix):
    with pytest.raises(DataError, match=rf"schema\.{key} names 'colour', no cell of which.*'red'.*{fix}"):
        infer(**{key: ["colour"]})


def test_id_dropped_columns_and_target_are_no_inputs():
    schema = infer(id="policy", drop=["amount", "day"])
    assert not {"policy", "amount", "day", "y"} & set(schema.inputs)
    assert schema.unused == {
        "amount": "listed in schema.drop",
        "day": "listed in schema.drop",
        "policy": "the id of a row",
    }


def test_a_column_that_is_empty_at_first_is_an_input_and_the_log_says_so(caplog):
    with caplog.at_level(logging.INFO):
        assert "empty" in infer().inputs
    assert any("'empty' is taken as numeric: it is empty in the first batch" in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (["1"] * 95 + ["8R"] * 5, ColumnRole.NUMERIC),
        (["1"] * 94 + ["8R"] * 6, ColumnRole.CATEGORICAL),
        (["1", "NA", "", None], ColumnRole.NUMERIC),
        ([True, False], ColumnRole.CATEGORICAL),
        ([True, None], ColumnRole.CATEGORICAL),
        ([1, 0], ColumnRole.NUMERIC),
        ([1.5, None], ColumnRole.NUMERIC),
        ([None, None], ColumnRole.NUMERIC),
        (pd.to_datetime(["2020-01-01", None]), ColumnRole.DATE),
        (["2020-01-01", "NA"], ColumnRole.DATE),
        (["1/2/2020", "25/12/2020"], ColumnRole.DATE),
        (["20200101", "20200102"], ColumnRole.NUMERIC),
        ([f"P{row}" for row in range(49)], ColumnRole.CATEGORICAL),
        ([f"P{row}" for row in range(50)], ColumnRole.UNUSED),
        ([f"P{row}" for row in range(45)] + ["P0"] * 5, ColumnRole.CATEGORICAL),
        ([f"P{row}" for row in range(60)] + [None] * 60, ColumnRole.UNUSED),
        ([["nested"], ["cells"]], ColumnRole.CATEGORICAL),
    ],
)
def test_a_role_follows_from_the_known_cells(cells, role):
    assert decide_column(pd.Series(cells), "x", make_config().schema_).role is role


@pytest.mark.parametrize("key", ["numeric", "categorical", "dates", "drop"])
def test_a_declared_column_that_is_absent_is_refused_with_the_nearest_name(key):
    with pytest.raises(ConfigError, match=rf"schema\.{key} names the column 'Color'.*'rows\.csv'.*mean 'colour'"):
        infer(**{key: ["Color"]})
    with pytest.raises(ConfigError, match=r"schema\.id names the column 'police'.*mean 'policy'"):
        infer(id="police")


def test_absent_time_and_target_are_refused():
    with pytest.raises(DataError, match=r"'Day' \(schema\.time\).*'day'"):
        infer(time="Day")
    with pytest.raises(DataError, match=r"'why' \(schema\.target\)"):
        infer(target="why")


@pytest.mark.parametrize(
    "declared",
    [{"numeric": ["amount"], "drop": ["amount"]}, {"categorical": ["y"]}, {"id": "policy", "numeric": ["policy"]}],
)
def test_a_column_declared_twice_is_refused(declared):
    with pytest.raises(ConfigError, match=r"is in schema.* and in schema.*; keep it in one"):
        infer(**declared)


def test_a_table_without_inputs_is_refused():
    with pytest.raises(DataError, match="no column to learn from"):
        infer(raw=pd.DataFrame(TEXT)[["day", "y"]])


def test_roles_are_described_line_by_line():
    described = describe_roles(infer())
    assert described == [
        "target y (binary: 0, 1)",
        "time day (ISO8601)",
        "numeric (2): amount, empty",
        "categorical (1): colour",
        "dates (2): day, ended",
        "unused (1): policy (looks like an identifier)",
    ]


def infer_target(cells, task="auto", **schema):
    inferred = infer(task, pd.DataFrame({"day": "2020-01-01", "x": 1, "y": pd.Series(cells)}), **schema)
    return inferred.task, inferred.classes


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["no", "yes", "NA"], (Task.BINARY, ("no", "yes"))),
        ([0, 1, 1], (Task.BINARY, ("0", "1"))),
        ([0.0, 0.0, None], (Task.BINARY, ("0", "1"))),
        (["1", "1"], (Task.BINARY, ("0", "1"))),
        ([True, True], (Task.BINARY, ("False", "True"))),
        (["yes", "yes"], (Task.BINARY, ("yes",))),
        ([3, 7], (Task.BINARY, ("3", "7"))),
        (["b", "a", "c"], (Task.MULTICLASS, ("a", "b", "c"))),
        ([10, 9, 8], (Task.MULTICLASS, ("8", "9", "10"))),
        (range(20), (Task.MULTICLASS, tuple(map(str, range(20))))),
        (range(21), (Task.REGRESSION, ())),
        ([str(row / 8) for row in range(40)] + ["?"], (Task.REGRESSION, ())),
    ],
)
def test_the_task_follows_from_the_labels(cells, expected):
    assert infer_target(cells) == expected


def test_a_rule_makes_the_task_binary():
    assert infer_target(np.arange(50.0), positive="> 10") == (Task.BINARY, ("0", "1"))
    assert infer_target([None, 0.0, None], positive="> 0", missing_target=0) == (Task.BINARY, ("0", "1"))
    for task in ("regression", "multiclass"):
        with pytest.raises(ConfigError, match=r"schema\.positive is the rule '> 10'"):
            infer_target(np.arange(50.0), task, positive="> 10")


def test_a_stated_positive_class_exists_before_it_is_seen():
    assert infer_target(["no", "no"], positive="yes") == (Task.BINARY, ("no", "yes"))
    assert infer_target(["lost", "kept"], positive="kept") == (Task.BINARY, ("lost", "kept"))


def test_a_stated_task_wins():
    assert infer_target([1, 2, 3], "regression") == (Task.REGRESSION, ())
    assert infer_target([0, 1], "multiclass") == (Task.MULTICLASS, ("0", "1"))


def test_missing_labels_that_mean_something_are_labels():
    assert infer_target(["b", None, "NA"], missing_target="none") == (Task.BINARY, ("none", "b"))
    assert infer_target([*range(30), None], missing_target=-1) == (Task.REGRESSION, ())


def test_a_target_that_does_not_fit_the_task_is_refused():
    with pytest.raises(DataError, match=r"'y' of 'rows\.csv' has 3 labels \(a, b, c\)"):
        infer_target(["a", "b", "c"], "binary")
    with pytest.raises(DataError, match="no numbers, such as 'b'"):
        infer_target(["1", "b"], "regression")
    with pytest.raises(DataError, match=r"No label is known in the target column 'y'.*schema\.missing_target"):
        infer_target(["", "NA", None])


REAL = {
    "elec2.csv": ({"time": "date", "target": "price_up"}, Task.BINARY, {"weekday"}),
    "bank.csv": (
        {"time": "contact_date", "target": "y"},
        Task.BINARY,
        {"job", "marital", "education", "default", "housing", "loan", "contact", "day_of_week", "poutcome"},
    ),
    "pm25.csv": ({"time": "timestamp", "target": "pm25"}, Task.REGRESSION, {"cbwd"}),
    "eic_sample.csv": (
        {"time": "INSR_BEGIN", "target": "CLAIM_PAID", "positive": "> 0", "missing_target": 0},
        Task.BINARY,
        {"TYPE_VEHICLE", "MAKE", "USAGE"},
    ),
    "aus_motor.xlsx": (
        {"time": "AccDate", "target": "AggClaim"},
        Task.REGRESSION,
        {"InjType1", "InjType2", "InjType3", "InjType4", "InjType5", "Legal"},
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_roles_of_real_streams(real_data, name):
    stated, task, categorical = REAL[name]
    raw = read_table(real_data(name)).head(4000)
    schema = infer_schema(raw, Config.model_validate({"schema": stated}), name)
    assert schema.task is task
    assert set(schema.categorical) == categorical
    assert schema.dates[0] == stated["time"]
    assert len(schema.inputs) + len(schema.unused) == raw.shape[1] - 1


def test_a_csv_and_a_parquet_file_of_the_same_rows_get_the_same_roles(real_data, tmp_path):
    typed = read_table(real_data("hotel.parquet")).head(5000)
    typed.to_csv(tmp_path / "hotel.csv", index=False)
    config = Config.model_validate({"schema": {"time": "arrival_date", "target": "is_canceled"}})
    assert infer_schema(typed, config, "a") == infer_schema(read_table(tmp_path / "hotel.csv"), config, "b")
