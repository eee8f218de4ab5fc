"""The report's template with everything there, with nothing, and with each part missing: no name in it is undefined."""

import re
from dataclasses import replace
from datetime import date

import pytest
from jinja2 import StrictUndefined, UndefinedError
from made_figures import list_kinds, make_figure, vary_report

from pointsman.pipeline.reporting import page
from pointsman.pipeline.reporting.charts.chart import Chart
from pointsman.pipeline.reporting.charts.timeline import Marker, Span, Timeline
from pointsman.pipeline.reporting.page import fill_template

PIECES = {path.stem: path.read_text(encoding="utf-8") for path in (page.FOLDER / "sections").glob("*.html")}
CHARTS = {
    name: Chart(name, {}, {"x": [1]}, "a chart", "a note")
    for piece in PIECES.values()
    for name in re.findall(r'chart\("([a-z0-9-]+)"\)', piece)
}
SPAN = Span("A", Marker("name", date(2020, 1, 1), date(2020, 1, 2), "description"), 0, 1)
MARKED = Timeline((1, 2), {1: "Jan 20", 2: "Feb 20"}, (SPAN,), 0)
BARE = Timeline((), {}, (), 0)
KINDS = list_kinds()
EMPTY = {key: make_figure(kind, full=False) for key, kind in KINDS.items()}
FULL = {key: make_figure(kind) for key, kind in KINDS.items()}
FULL["backtest"] = replace(
    FULL["backtest"],
    replayed={"candidate": "linear", "first": 4, "last": 9, "loss": "log-loss"},
    advice={
        "given_at": 6,
        "recommended": {"name": "never"},
        "best": {"name": "always"},
        "lost": 0.1,
        "trainings": 1.0,
        "trainings_always": 3.0,
    },
)


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
    assert fill_template(report, charts, MARKED if charts else BARE).rstrip().endswith("</html>")


def test_each_part_may_be_missing():
    always_there = ("backtest.replayed", "performance.service.requests")
    cases = [(name, report) for name, report in vary_report(FULL, KINDS) if name not in always_there]
    assert len(cases) > 200
    for name, report in cases:
        try:
            fill_template(report, CHARTS, MARKED)
        except UndefinedError as error:
            pytest.fail(f"without {name}: {error}")


def test_each_part_may_be_all_there_is():
    for name in KINDS:
        for charts in (CHARTS, {}):
            fill_template({**EMPTY, name: FULL[name]}, charts, BARE)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_task(task):
    told = fill_template({**FULL, "task": task}, CHARTS, MARKED)
    assert (">Threshold<" in told) == (task == "binary")
    assert ("is in the unit of" in told) == (task == "regression")


@pytest.mark.parametrize(("gap", "said"), [("0s", "kept no gap between"), ("90s", "kept a gap of 90s between")])
def test_no_gap_is_not_a_gap_of_nothing(gap, said):
    labels = FULL["labels"]
    told = fill_template({**FULL, "labels": replace(labels, gap=gap)}, CHARTS, MARKED)
    assert said in " ".join(told.split())
