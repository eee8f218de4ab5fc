"""The report's template with everything there, with nothing, and with each part missing: no name in it is undefined."""

import re
from dataclasses import replace
from typing import get_type_hints

import pytest
from jinja2 import StrictUndefined, UndefinedError
from made_figures import make_figure, vary

from pointsman.pipeline.reporting import page
from pointsman.pipeline.reporting.charts.svg import Chart
from pointsman.pipeline.reporting.page import MarkedEvent, fill_template
from pointsman.pipeline.reporting.report import Report

TEMPLATE = (page.FOLDER / "template.html").read_text(encoding="utf-8")
CHARTS = {
    name: Chart(name, "<svg></svg>", "a chart", "a note") for name in re.findall(r'chart\("([a-z0-9-]+)"\)', TEMPLATE)
}
MARKED = [MarkedEvent("A", "name", "description", "1 Jan", "2 Jan")]
EMPTY = make_figure(Report, full=False)
FULL = make_figure(Report)
FULL = replace(
    FULL,
    backtest=replace(
        FULL.backtest,
        replayed={"candidate": "linear", "first": 4, "last": 9, "loss": "log-loss"},
        advice={
            "given_at": 6,
            "recommended": {"name": "never"},
            "best": {"name": "always"},
            "lost": 0.1,
            "trainings": 1.0,
            "trainings_always": 3.0,
        },
    ),
)
HINTS = get_type_hints(Report)


@pytest.fixture(autouse=True)
def once_compiled(monkeypatch):
    """Every page of a test shares one compiled template."""
    import jinja2

    known = {}

    class Environment(jinja2.Environment):
        def get_template(self, name, *_rest):
            assert self.undefined is StrictUndefined
            if name not in known:
                known[name] = super().get_template(name)
            return known[name]

    monkeypatch.setattr(jinja2, "Environment", Environment)


def test_there_are_charts_to_leave_out():
    assert len(CHARTS) > 15


@pytest.mark.parametrize("charts", [CHARTS, {}], ids=["charts", "none"])
@pytest.mark.parametrize("report", [FULL, EMPTY], ids=["full", "empty"])
def test_everything_and_nothing(report, charts):
    assert fill_template(report, charts, MARKED if charts else []).rstrip().endswith("</html>")


def test_each_part_may_be_missing():
    always_there = ("backtest.replayed", "performance.service.requests")
    cases = [(name, report) for name, report in vary(FULL, HINTS) if name not in always_there]
    assert len(cases) > 200
    for name, report in cases:
        try:
            fill_template(report, CHARTS, MARKED)
        except UndefinedError as error:
            pytest.fail(f"without {name}: {error}")


def test_each_part_may_be_all_there_is():
    for name in HINTS:
        for charts in (CHARTS, {}):
            fill_template(replace(EMPTY, **{name: getattr(FULL, name)}), charts, [])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_task(task):
    told = fill_template(replace(FULL, task=task), CHARTS, MARKED)
    assert (">Threshold<" in told) == (task == "binary")
