"""The page of an exploration in a real browser, with skrub's part in it: nothing asked, nothing cut, no barrier."""

from dataclasses import replace

import pandas as pd
import pytest
from browser import find_barriers, open_page, wait_until
from made_exploration import CHECK, MOVED, explore

from pointsman.pipeline.reporting.eda.page import render_exploration

pytestmark = pytest.mark.slow

WORD = "x" * 5_000
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def write(path, exploration):
    path.write_text(render_exploration(exploration), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write(tmp_path_factory.mktemp("eda") / "page.html", explore("multiclass", ("a", "b", "c")))


def test_the_chart_is_drawn_tables_sort_and_the_part_by_skrub_runs(browser, address):
    with open_page(browser, address) as page:
        wait_until(page, "!!document.querySelector('#chart-course .plot svg')")
        assert page.locator("#chart-course .keys li").all_inner_texts() == ["a", "b", "c"]
        page.locator("#target summary").click()
        page.get_by_role("button", name="Rows").click()
        assert page.locator("#target th[aria-sort=ascending]").count() == 1
        wait_until(page, "!document.querySelector('.skrub > div').hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_our_parts_have_no_barrier(browser, address, scheme):
    with open_page(browser, address, color_scheme=scheme) as page:
        wait_until(page, "!!document.querySelector('#chart-course .plot svg')")
        page.evaluate("document.querySelector('.skrub').remove()")  # is another project's
        page.locator("#target summary").click()
        assert find_barriers(page) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_long_names_widen_no_page(browser, tmp_path, size):
    made = explore("multiclass", (f"a {WORD}", "b", "c"))
    relations = tuple(replace(one, column=f"{WORD} {place}") for place, one in enumerate(made.relations))
    tables = {"checks": pd.DataFrame([CHECK | {"column": WORD}]), "drift": pd.DataFrame([MOVED | {"column": WORD}])}
    said = {"title": f"File {WORD}", "origin": WORD, "target": WORD, "notes": (f"{WORD} is new.",)}
    named = replace(made, relations=relations, table=pd.DataFrame({WORD: range(60)}), **tables, **said)
    with open_page(browser, write(tmp_path / "page.html", named), viewport=size) as page:
        wait_until(page, "!!document.querySelector('#chart-course .plot svg')")
        page.locator("#target summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert page.evaluate("document.querySelector('header').offsetHeight") < 800
        assert page.locator("#drift .cut").first.get_attribute("title") == WORD
