"""The list of sections: nothing in their room is missing from it, and each is on the page and in report.json."""

import re
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import jinja2
import pytest
import sqlalchemy as sa
from made_state import MadeState

from pointsman.common.storage.state import open_state
from pointsman.pipeline.reporting import page
from pointsman.pipeline.reporting.contents import CHAPTERS, SECTIONS
from pointsman.pipeline.reporting.explanation.contributions import Explanation
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.page import draw_charts, render_page
from pointsman.pipeline.reporting.production_shap import explain_production
from pointsman.pipeline.reporting.report import ORDER, compute_report, describe_subject
from pointsman.pipeline.reporting.section import Section
from pointsman.registry.generations import load_generation

NAMES = [section.name for section in SECTIONS]
ROOM = page.FOLDER / "sections"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> MadeState:
    return MadeState(tmp_path_factory.mktemp("contents")).add(4).answer(110)


@contextmanager
def open_history(made: MadeState):
    known = {explain_production: Explanation(None, None, 0, None, "not asked for")}
    with open_state(made.config) as state:
        yield History(made.config, state, load_generation(state), datetime(2026, 1, 2), known)


def test_every_file_of_the_room_is_a_section_with_a_piece_of_the_template():
    assert len(NAMES) > 20
    assert sorted(path.stem for path in ROOM.glob("*.py") if path.stem != "__init__") == sorted(NAMES)
    assert sorted(path.stem for path in ROOM.glob("*.html")) == sorted(NAMES)


def test_a_section_has_the_name_of_its_file():
    for section in SECTIONS:
        found = (ROOM / f"{section.name}.py").read_text(encoding="utf-8").split("\nSECTION = Section(")[1].lstrip()
        assert found.startswith(f'"{section.name}"')


def test_every_key_belongs_to_one_section_and_has_its_place():
    keys = Counter(key for section in SECTIONS for key in section.figures)
    assert set(keys.values()) == {1}
    assert set(ORDER) >= set(keys)
    assert len(ORDER) == len(set(ORDER))


def test_every_section_is_on_the_page_in_reading_order(made, monkeypatch):
    class Loader(jinja2.FileSystemLoader):
        """Puts the name of every piece in front of it."""

        def get_source(self, environment, template):
            source, *rest = super().get_source(environment, template)
            return f"<!--{Path(template).stem}-->{source}", *rest

    monkeypatch.setattr(jinja2, "FileSystemLoader", Loader)
    with open_history(made) as history:
        html = render_page(history, compute_report(history))
    assert re.findall("<!--([a-z]+)-->", html) == ["shell", "template", *NAMES]
    assert re.findall('<details class="chapter" id="([a-z]+)">', html) == [chapter.anchor for chapter in CHAPTERS]
    assert re.findall('<section id="([a-z/]+)"', html) == [
        f"{one.anchor}/{own.name}" for one in CHAPTERS for own in one.sections
    ]


def test_every_section_is_in_the_figures(made):
    with open_history(made) as history:
        report = compute_report(history)
        subject = vars(describe_subject(history))
    assert list(report) == [key for key in ORDER if key in report]
    assert set(report) == {key for section in SECTIONS for key in section.figures} | set(subject)
    assert [section.name for section in SECTIONS if not section.figures] == ["settings"]  # it belongs to the search


def test_a_new_figure_follows_those_of_before(made, monkeypatch):
    new = Section("newest", figures={"news": lambda _: 1, "olds": lambda _: 2})
    monkeypatch.setattr("pointsman.pipeline.reporting.report.SECTIONS", (new, *SECTIONS))
    with open_history(made) as history:
        assert list(compute_report(history))[-3:] == ["segments", "news", "olds"]


def test_all_that_figures_and_charts_ask_for_is_read_before_them(made):
    queries = []
    with open_history(made) as history:
        history.load(read for section in SECTIONS for read in section.reads)
        sa.event.listen(history.state.engine, "before_cursor_execute", lambda *asked: queries.append(asked[2]))
        compute_report(history)
        drawn = [chart.name for chart in draw_charts(history)]
    assert queries == []
    assert len(drawn) == len(set(drawn)) > 12
