"""The page stands alone, is valid enough to be read by any browser, and shows the figures of report.json."""

import json
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_state import MadeState

from pointsman.pipeline.reporting.formats import format_number, format_share
from pointsman.pipeline.summary import summarise

DATE = datetime(2026, 1, 2, 3, 4)
NEVER_CLOSED = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Collects what tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(re.sub("</?abbr[^>]*>", "", html))  # words that are explained are words as any other
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    made = MadeState(tmp_path_factory.mktemp("page"), columns=30).add(5).answer(110)
    return summarise(made.config, DATE)


@pytest.fixture(scope="module")
def html(written) -> str:
    return written.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_it_lies_in_the_state_folder_beside_its_figures(written):
    assert written.name == "report.html"
    names = ["attributions.json", "report.html", "report.json", "report.mark.json"]
    assert sorted(path.name for path in written.parent.iterdir()) == names


def test_it_asks_nothing_of_the_network(page):
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name, value in attributes.items():
            assert not name.startswith("on"), f"<{tag} {name}> is a script"
            if name in ("href", "src", "xlink:href", "srcset", "data", "poster"):
                assert value.startswith(("#", "data:image/png;base64,")), f"<{tag} {name}={value[:40]}>"
    policies = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    assert len(policies) == 1
    assert {"default-src 'none'", "connect-src 'none'", "img-src data:"} <= set(policies[0].split("; "))


def test_every_element_is_closed_and_every_anchor_has_one_target(page):
    assert page.open == []
    ids = [attributes["id"] for _tag, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for _tag, attributes in page.tags if attributes.get("href", "").startswith("#")}
    assert targets <= set(ids)
    assert {"answers", "data", "drift", "requests", "why", "appendix", "data/quality", "why/shap"} <= set(ids)


def test_charts_say_what_they_show(page):
    charts = [attributes for _tag, attributes in page.tags if attributes.get("role") == "img"]
    assert len(charts) >= 16
    assert all(chart["role"] == "img" and len(chart["aria-label"]) > 10 for chart in charts)


def test_it_shows_the_figures_of_the_json(written, page):
    tree = json.loads((written.parent / "report.json").read_text())
    champion = tree["champion"]
    newest = tree["production"]
    for shown in (
        champion["id"],
        format_number(champion["out_of_fold"]["log_loss"]),
        format_number(newest["prior"]["log_loss"]),
        format_share(tree["decisions"]["served"][0]["share"]),
        tree["search"]["failures"][0]["failure"],
        tree["drift"]["moved"][0]["how"],
        *(version["id"] for version in tree["versions"]),
        tree["health"]["name"],
        tree["health"]["sentence"],
        *tree["changes"],
        *(one["text"] for one in tree["headline"]["attention"]),
        *(one["command"] for one in tree["health"]["findings"]),
    ):
        assert " ".join(shown.split()) in page.words, shown


def test_one_word_for_what_serves_an_ensemble(tmp_path):
    """Title, tiles, tables and plots name the same model, with its numbers, and no word of before."""
    written = summarise(MadeState(tmp_path, mixes=True).add(3).answer(110).config, DATE)
    html, tree = written.read_text(encoding="utf-8"), json.loads((written.parent / "report.json").read_text())
    page = Page(html)
    assert "<h1>ensemble-0103 serves claimed</h1>" in html
    assert tree["production"]["id"] == tree["shap"]["version"] == tree["generation"]["production"] == "ensemble-0103"
    assert "Production ensemble-0103 ensemble of 2 for typical requests" in page.words
    shown = format_number(tree["production"]["metrics"]["log_loss"])
    assert f"on unseen rows {shown} batch 3" in page.words
    assert "a mixture of 2 models, since batch 2" in page.words
    assert "SHAP: what the answers of ensemble-0103 rest on" in page.words
    assert tree["shap"]["mixed"] == "linear-0005 75%, prior-0006 25%"
    labels = [attributes["aria-label"] for _tag, attributes in page.tags if attributes.get("role") == "img"]
    assert sum("ensemble-0103" in label for label in labels) == 2
    assert "clean and sparse rows: linear-0005 75" in page.words
    assert not re.search(r"\b(blends?|plans?|damaged champion)\b", f"{page.words} {' '.join(labels)}", re.I)


def test_cells_of_the_data_are_text_and_no_markup(html):
    assert "&lt;b&gt;The column&lt;/b&gt; &#39;age&#39; costs $5 &amp; $6" in html
    assert "<b>The column</b>" not in html


def test_the_same_state_gives_the_same_bytes_apart_from_the_date(written, tmp_path):
    made = MadeState(tmp_path, columns=30)
    made.config = made.config.model_copy(update={"state_dir": written.parent.parent})
    first = written.read_bytes(), (written.parent / "report.json").read_bytes()
    summarise(made.config, DATE)
    assert (written.read_bytes(), (written.parent / "report.json").read_bytes()) == first
    summarise(made.config, datetime(2027, 1, 2, 3, 4))
    assert written.read_bytes() == first[0].replace(b"2 Jan 2026", b"2 Jan 2027")


@pytest.mark.slow
def test_a_long_history_stays_bounded_and_says_what_it_leaves_out(tmp_path):
    written = summarise(MadeState(tmp_path, columns=60).add(130).config, DATE)
    page = Page(written.read_text(encoding="utf-8"))
    assert written.stat().st_size < 6_000_000
    assert "The newest 120 batches; 10 older ones are left out." in page.words
    assert "35 columns that moved less are left out." in page.words


def test_a_state_of_rejected_batches_has_a_page(tmp_path):
    page = Page(summarise(MadeState(tmp_path).reject("no row has a target.").config, DATE).read_text(encoding="utf-8"))
    assert "No model serves yet" in page.words
    assert "no row has a target." in page.words
    assert "There is no SHAP plot: no model serves yet." in page.words


def test_the_prior_as_champion_has_no_shap_plot_and_says_why(tmp_path):
    page = Page(summarise(MadeState(tmp_path, family="prior").add(2).config, DATE).read_text(encoding="utf-8"))
    assert "There is no SHAP plot: it answers every row alike" in page.words
    assert "No model was better than answering every row alike, so that is what serves." in page.words


def test_grades_are_those_of_the_mode_in_force_and_what_a_person_promoted_serves_every_request(tmp_path):
    made = MadeState(tmp_path, selection={"mode": "single"}).add(2)
    made.generation = replace(made.generation, pinned=made.generation.champion.line)
    written = summarise(made.add(1).config, DATE)
    words = Page(written.read_text(encoding="utf-8")).words
    assert "Chosen, mode all Champions Chosen, mode single" in words
    assert (
        "Oracle Better than the champions, mode single 3 damaged" in words
    )  # neither noise nor lines are known of mode single
    assert "promoted by hand, for every request" in words
    figures = json.loads((written.parent / "report.json").read_text(encoding="utf-8"))
    assert figures["mode"] == "single"
    assert {grade["gain_single"] for grade in figures["grades"] if grade["group"] == "clean"} == {0.0}
