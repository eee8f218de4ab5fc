"""Technical words are explained where they stand first, and nothing else of the page changes."""

import re
from datetime import datetime

import pytest
from made_state import MadeState

from pointsman.pipeline.reporting.glossary import GLOSSARY, explain_words
from pointsman.pipeline.summary import summarise

ABBREVIATION = re.compile(r'<abbr title="([^"]+)">([^<]+)</abbr>')


def chapter(inside):
    return f'<details class="chapter" id="x"><summary>The oracle</summary>{inside}</details>'


def test_only_the_first_of_a_word_in_each_chapter_is_explained():
    told = explain_words(f"<p>oracle</p>{chapter('<p>An oracle, an Oracle.</p>')}{chapter('<p>oracle</p>')}")
    assert [word for _, word in ABBREVIATION.findall(told)] == ["oracle", "oracle"]
    assert told.startswith("<p>oracle</p>"), "the first screen has words of its own"


def test_the_longest_word_counts_and_parts_of_others_do_not():
    told = explain_words(chapter("<p>concept drift, unfolds, recalled, priority</p>"))
    assert [word for _, word in ABBREVIATION.findall(told)] == ["concept drift"]


@pytest.mark.parametrize("silent", ["code", "script", "pre", "button", "tbody"])
def test_what_is_no_running_text_stays_as_it_is(silent):
    inside = f"<p><{silent}>SHAP <b>SHAP</b></{silent}></p>"
    assert explain_words(chapter(inside)) == chapter(inside)
    assert explain_words(chapter(f"{inside}<p title='SHAP'>SHAP</p>")).count("<abbr") == 1


def test_the_page_is_the_same_but_for_the_explanations(tmp_path, monkeypatch):
    made = MadeState(tmp_path).add(4).answer(110)
    moment = datetime(2026, 1, 2)
    explained = summarise(made.config, moment).read_text(encoding="utf-8")
    monkeypatch.setattr("pointsman.pipeline.reporting.page.explain_words", lambda body: body)
    plain = summarise(made.config, moment).read_text(encoding="utf-8")
    assert ABBREVIATION.sub(r"\2", explained) == plain
    found = {word.lower(): about for about, word in ABBREVIATION.findall(explained)}
    assert {"log-loss", "oracle", "champion", "prequential", "regret"} <= set(found)
    assert set(found) <= {word.lower() for word in GLOSSARY}
