"""The report in a real browser: fold, deep link, sort, filter, pick, brush, dark, print, narrow, and nothing asked."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from browser import find_barriers, open_page, wait_until
from made_state import MadeState

from pointsman.common.storage.state import open_state
from pointsman.pipeline.summary import summarise

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    made = MadeState(tmp_path_factory.mktemp("browser"), columns=30, mixes=True).add(9).answer(40)
    return summarise(made.config, datetime(2026, 1, 2, 3, 4))


WORD, WORDS = "x" * 5_000, "a name of many words " * 250
COLUMNS = ("alarms", "drift", "drift_tests", "profiles", "quality")


@pytest.fixture(scope="module")
def long_names(tmp_path_factory) -> Path:
    """A page of a state whose target, files, and two columns, of which one drifts and one breaks a rule, are long."""
    made = MadeState(tmp_path_factory.mktemp("long"), columns=30, mixes=True)
    made.schema = replace(made.schema, target=f"of {WORD}")
    made.add(9).answer(40)
    with open_state(made.config) as state, state.engine.begin() as connection:
        for old, new in (("worth", WORD), ("age", WORDS)):
            for table in COLUMNS:
                renamed = sa.text(f'UPDATE {table} SET "column" = :new WHERE "column" = :old')
                connection.execute(renamed, {"old": old, "new": new})
        connection.execute(sa.text("UPDATE batches SET origin = :name"), {"name": f"/data/{WORD}.csv"})
        connection.execute(sa.text("UPDATE quality SET message = :name"), {"name": f"Column '{WORDS}' is broken"})
    return summarise(made.config, datetime(2026, 1, 2, 3, 4))


def unfold(page) -> None:
    page.click("#unfold")
    page.evaluate("document.querySelector('[data-set-mode=expert]').click()")
    page.evaluate(
        "Promise.all([...document.querySelectorAll('figure.chart')].map((one) => charts.draw(one))).then(() => 0)"
    )


def is_seen(page, selector: str) -> bool:
    return page.locator(selector).first.is_visible()


def test_folded_it_is_three_screens_long_and_draws_nothing(browser, path):
    with open_page(browser, path.as_uri()) as page:
        assert page.evaluate("document.documentElement.scrollHeight") <= 3 * 800
        assert page.locator("details.chapter").count() == 6
        assert page.locator("details.chapter[open]").count() == 0
        assert not page.evaluate("'vega' in window")


def test_every_chart_is_drawn_where_its_chapter_is_opened_and_tells_its_values(browser, path):
    with open_page(browser, path.as_uri()) as page:
        unfold(page)
        assert (
            page.locator("figure.chart").count()
            == page.locator("figure.chart .plot > svg, figure.chart .plot svg.marks").count()
            > 12
        )
        page.click("#chart-rows details.values summary")
        assert page.locator("#chart-rows table tbody tr").count() >= 9


def test_an_axis_that_measures_ends_at_a_number(browser, path):
    with open_page(browser, path.as_uri()) as page:
        unfold(page)
        ends = page.evaluate(
            """["metric-log-loss", "gain", "other-metrics", "rows", "target", "best-losses", "stages"].map((name) => {
                const y = charts.views.get(document.getElementById(`chart-${name}`)).scale("y");
                const [ticks, [low, high]] = [y.ticks(5), y.domain()];
                return [name, ticks.includes(low), ticks.includes(high)];
            })"""
        )
        assert [end for end in ends if end[1:] != [True, True]] == []


def test_no_word_of_a_chart_is_cut_on_a_narrow_screen(browser, path):
    with open_page(browser, path.as_uri(), viewport={"width": 390, "height": 800}) as page:
        unfold(page)
        words = ".title, .keys li, .axis, .plot text"
        cut = page.evaluate(
            f"""[...document.querySelectorAll('figure.chart')].flatMap((figure) =>
                [...figure.querySelectorAll('{words}')].filter((one) => {{
                    const [box, room] = [one, figure].map((it) => it.getBoundingClientRect());
                    return box.width && (box.left < room.left - 2 || box.right > room.right + 2);
                }}).map((one) => figure.id + ' ' + one.textContent))"""
        )
        assert cut == []


def test_an_address_opens_what_lies_folded_around_it(browser, path):
    with open_page(browser, path.as_uri() + "#data/quality") as page:
        assert page.locator("details.chapter[open]").count() == 1
        assert is_seen(page, "[id='data/quality']")
        page.evaluate("location.hash = 'appendix/features'")
        wait_until(page, "document.getElementById('appendix').open")
        assert page.evaluate("document.documentElement.dataset.mode") == "expert"


def test_what_experts_ask_for_is_hidden_until_they_do(browser, path):
    with open_page(browser, path.as_uri() + "#appendix") as page:
        assert not is_seen(page, "[id='appendix/comparisons']")
        page.click("#toolbar [data-set-mode=expert]")
        assert is_seen(page, "[id='appendix/comparisons']")


def test_a_table_sorts_by_number_and_filters(browser, path):
    with open_page(browser, path.as_uri() + "#data/quarantine") as page:
        table = page.locator("[id='data/quarantine'] table").filter(has_text="Source").first
        batches = lambda: [int(cell) for cell in table.locator("tbody tr:visible td:first-child").all_inner_texts()]  # noqa: E731
        assert batches() == sorted(batches(), reverse=True)
        table.get_by_role("button", name="Batch").click()
        assert batches() == sorted(batches())
        assert table.locator("th[aria-sort=ascending]").count() == 1
        before = len(batches())
        page.locator("[id='data/quarantine'] input[type=search]").last.fill("no such word")
        assert before > 0
        assert batches() == []


def test_a_range_of_batches_is_followed_by_tables_and_charts(browser, path):
    with open_page(browser, path.as_uri()) as page:
        unfold(page)
        page.evaluate("charts.look(3, 5)")
        assert page.inner_text("#toolbar output") == "3 to 5"
        rows = page.locator("[id='data/quarantine'] table").filter(has_text="Source").locator("tbody tr:visible")
        assert {int(cell) for cell in rows.locator("td:first-child").all_inner_texts()} == {3, 4, 5}
        domain = "charts.views.get(document.getElementById('chart-rows')).scale('x').domain()"
        assert page.evaluate(domain) == [2.4, 5.6]


def test_dragging_across_a_chart_looks_at_its_batches(browser, path):
    with open_page(browser, path.as_uri() + "#data/batches") as page:
        page.wait_for_selector("#chart-rows .plot svg")
        box = page.locator("#chart-rows .plot").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 100, steps=4)
        page.mouse.up()
        state = page.evaluate("charts.state")
        assert 1 < state["first"] < state["last"] < 9


def test_a_picked_model_is_marked_everywhere(browser, path):
    with open_page(browser, path.as_uri()) as page:
        unfold(page)
        page.locator("[id='answers/versions'] button.model").first.click()
        picked = page.evaluate("charts.state.picked")
        assert picked
        assert page.locator("#toolbar select").input_value() == picked
        assert page.locator("tr.picked").count() > 1
        assert page.evaluate("[...charts.views.values()].every((one) => one.signal('picked') === charts.state.picked)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_barrier_in_light_and_dark(browser, path, scheme):
    with open_page(browser, path.as_uri(), color_scheme=scheme) as page:
        assert find_barriers(page) == []
        unfold(page)
        assert find_barriers(page) == []


def test_the_switch_of_colours_wins_over_the_system(browser, path):
    with open_page(browser, path.as_uri(), color_scheme="light") as page:
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(paper)
        page.click("#toolbar [data-set-theme=dark]")
        assert page.evaluate(paper) != light


def test_labels_of_cards_stand_clear_of_each_other(browser, path):
    with open_page(browser, path.as_uri(), viewport={"width": 390, "height": 800}) as page:
        unfold(page)
        # Where a label is longer than its cell's words the cell grows: the next label begins below.
        cells = "[...document.querySelectorAll('table.cards td')].filter((one) => one.offsetParent)"
        assert page.evaluate(f"{cells}.length") > 50
        low = f"{cells}.filter((one) => one.scrollHeight > one.clientHeight + 1).map((one) => one.dataset.label)"
        assert page.evaluate(low) == []
        assert page.locator("table:not(.cards)").filter(visible=True).count() > 5


def test_folded_chapters_stay_out_of_print(browser, path):
    with open_page(browser, path.as_uri() + "#drift") as page:
        page.emulate_media(media="print")
        assert is_seen(page, "#drift")
        assert not is_seen(page, "#data")
        assert not is_seen(page, "#toolbar")


def test_on_paper_charts_are_whole(browser, path):
    with open_page(browser, path.as_uri()) as page:
        unfold(page)
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins
        drawn = "[...document.querySelectorAll('.plot svg')].filter((one) => one.checkVisibility())"
        assert page.evaluate(f"{drawn}.length") > 12
        assert page.evaluate(f"Math.max(...{drawn}.map((one) => one.getBoundingClientRect().right))") <= 718
        assert page.evaluate("getComputedStyle(document.querySelector('figure.chart')).breakInside") == "avoid"


def test_a_narrow_screen_scrolls_down_only_and_cuts_no_table(browser, path):
    with open_page(browser, path.as_uri(), viewport={"width": 390, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        seen = "[...document.querySelectorAll('main td')].filter((one) => one.offsetParent)"
        cut = f"{seen}.filter((one) => one.getBoundingClientRect().right > 391)"
        assert page.evaluate(f"{cut}.map((one) => one.closest('section').id + ' ' + one.textContent)") == []


@pytest.mark.parametrize("width", [1280, 390])
def test_long_names_are_cut_for_the_eye_and_whole_for_the_pointer(browser, long_names, width):
    with open_page(browser, long_names.as_uri(), viewport={"width": width, "height": 844}) as page:
        box = page.locator("#verdict").bounding_box()
        assert box["y"] + box["height"] < 800
        unfold(page)
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        page.wait_for_timeout(100)  # what is opened adds its values a moment later
        assert page.evaluate("document.documentElement.scrollWidth") == width
        widest = "Math.max(...[...document.querySelectorAll('main table')].map((one) => one.offsetWidth))"
        assert page.evaluate(widest) < 3_000
        highest = "Math.max(...[...document.querySelectorAll('main tr, header p, h1')].map((one) => one.offsetHeight))"
        assert page.evaluate(highest) < 700
        titles = page.evaluate("[...document.querySelectorAll('.cut')].map((one) => [one.title, one.textContent])")
        assert [WORD, WORD] in titles
        assert all(title == text for title, text in titles)


def test_the_first_key_skips_to_the_chapters(browser, path):
    with open_page(browser, path.as_uri()) as page:
        page.keyboard.press("Tab")
        skip = page.locator("a.skip")
        assert skip.evaluate("(one) => one === document.activeElement")
        assert skip.bounding_box()["x"] >= 0
        assert skip.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "chapters"


def test_without_scripts_chapters_open_and_tables_read(browser, path):
    with open_page(browser, path.as_uri(), java_script_enabled=False) as page:
        page.click("#data > summary")
        assert is_seen(page, "[id='data/quarantine'] table")
        assert not is_seen(page, "#toolbar")


def test_it_is_light_and_paints(browser, path):
    assert path.stat().st_size < 2_000_000
    with open_page(browser, path.as_uri()) as page:
        wait_until(page, "performance.getEntriesByName('first-contentful-paint').length == 1")
