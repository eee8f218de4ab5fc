"""report.json against its schema: reports of several states, and the schema against the types of the figures."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jsonschema_rs
import pytest
import small_stream
from made_state import MadeState

from pointsman.common.storage.state import open_state
from pointsman.pipeline.reporting.explanation.contributions import Explanation
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.json_schema import PATH, SchemaWriter, describe_report, write_schema
from pointsman.pipeline.reporting.page import write_figures
from pointsman.pipeline.reporting.production_shap import explain_production
from pointsman.pipeline.reporting.report import PROTOCOL, compute_report
from pointsman.pipeline.summary import summarise
from pointsman.registry.generations import load_generation

DATE = datetime(2026, 1, 2, 3, 4)


def close(schema: Any) -> Any:
    """The schema under which a record may hold nothing that it does not name."""
    if isinstance(schema, dict):
        closed = {name: close(inner) for name, inner in schema.items()}
        return closed | ({"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {})
    return [close(inner) for inner in schema] if isinstance(schema, list) else schema


@pytest.fixture(scope="module")
def validator():
    return jsonschema_rs.validator_for(close(json.loads(PATH.read_text(encoding="utf-8"))))


def list_faults(validator, report):
    return [f"{list(one.instance_path)}: {one.message}" for one in validator.iter_errors(report)]


def report_on(made):
    with open_state(made.config) as state:
        history = History(made.config, state, load_generation(state), DATE, dict(KNOWN))
        return json.loads(write_figures(compute_report(history)))


KNOWN = {explain_production: Explanation(None, None, 0, None, "not asked for")}
STATES = {
    "several batches, requests answered": lambda folder: MadeState(folder).add(4).answer(110).answer(60, "selected"),
    "one batch": lambda folder: MadeState(folder).add(1),
    "a rejected batch": lambda folder: MadeState(folder).add(2).reject("half of its labels are missing"),
    "nothing but a rejected batch": lambda folder: MadeState(folder).reject("no labels"),
    "a tree": lambda folder: MadeState(folder, family="tree").add(3),
}


@pytest.mark.parametrize("name", STATES)
def test_reports_of_several_states_are_as_the_schema_says(tmp_path, validator, name):
    report = report_on(STATES[name](tmp_path))
    assert report["protocol"] == PROTOCOL
    assert list_faults(validator, report) == []


@pytest.mark.slow
def test_a_report_as_the_command_writes_it_is_as_the_schema_says(linear_stream, tmp_path, validator):
    config = small_stream.configure(linear_stream, small_stream.LINEAR)
    report = json.loads(summarise(config, DATE, tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["shap"]["features"]
    assert list_faults(validator, report) == []


def test_a_report_that_lacks_something_or_has_it_otherwise_is_none(tmp_path, validator):
    report = report_on(MadeState(tmp_path).add(2))
    changes = ({"protocol": PROTOCOL + 1}, {"batches": {}}, {"stranger": 1}, {"target": 7})
    for change in changes:
        assert list_faults(validator, report | change), change
    assert list_faults(validator, {name: figure for name, figure in report.items() if name != "headline"})
    report["batches"][0]["rows"] = "many"
    assert list_faults(validator, report)


def test_the_committed_schema_is_that_of_the_figures():
    assert PATH.read_text(encoding="utf-8") == write_schema(), (
        "a figure has changed: write the schema anew by 'python -m pointsman.pipeline.reporting.json_schema', and see "
        "docs/report_json.md whether PROTOCOL rises"
    )
    jsonschema_rs.meta.validate(describe_report())


def test_types_become_what_their_json_is():
    @dataclass(frozen=True)
    class Inner:
        """An inner one."""

        share: float
        names: tuple[str, ...]

    writer = SchemaWriter()
    assert writer.describe(float) == {"type": ["number", "null"]}
    assert writer.describe(int | None) == {"type": ["integer", "null"]}
    assert writer.describe(tuple[int, str]) == {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "items": False,
    }
    assert writer.describe(dict[str, Any]) == {"type": "object", "additionalProperties": {}}
    assert writer.describe(Inner | None) == {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]}
    assert writer.shapes["Inner"]["required"] == ["share", "names"]
    assert writer.shapes["Inner"]["description"] == "An inner one."
