"""The first screen in a browser: of twelve states the verdict is seen at once, in its colour and with its sentence."""

import pytest
from prepared_states import PREPARED, write_page

from pointsman.pipeline.reporting import page as pages

COLOURS = {"green": "rgb(0, 135, 95)", "amber": "rgb(168, 121, 0)", "red": "rgb(179, 38, 30)"}
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
QUESTIONS = ("#answers-now", "#what-changed", "#what-to-do")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of every prepared state, without its charts, which lie below the first screen and take seconds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "draw_charts", lambda _history: ())
        folder = tmp_path_factory.mktemp("states")
        yield {name: write_page(one.make(folder / name.replace(" ", "-"))) for name, one in PREPARED.items()}


@pytest.mark.parametrize("name", PREPARED)
def test_the_verdict_is_in_the_first_800_pixels_in_its_colour_and_true(name, written, browser):
    prepared, page = PREPARED[name], browser.new_page(viewport=WIDE, color_scheme="light")
    page.goto(written[name].as_uri())
    verdict = page.locator("#verdict")
    box = verdict.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 800
    assert prepared.sentence in verdict.inner_text()
    lamp = page.locator("#verdict .lamp").evaluate("lamp => getComputedStyle(lamp).backgroundColor")
    assert lamp == COLOURS[prepared.level]
    for question in QUESTIONS:
        assert page.locator(question).locator("h2").bounding_box()["y"] < 800, f"{question} begins below"
    assert prepared.quality in page.locator("#answers-now").inner_text()
    assert page.evaluate("document.documentElement.scrollHeight") <= 3 * WIDE["height"]
    page.close()


@pytest.mark.parametrize("name", ["healthy", "broken version"])
def test_on_a_phone_nothing_is_cut_and_in_the_dark_it_stays_readable(name, written, browser):
    page = browser.new_page(viewport=NARROW, color_scheme="dark")
    page.goto(written[name].as_uri())
    header = page.locator("header.first")
    assert header.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert page.locator("#verdict").bounding_box()["y"] < 300
    ink, ground = (
        page.locator("#verdict").evaluate(f"one => getComputedStyle(one).{what}")
        for what in ("color", "backgroundColor")
    )
    assert ink != ground
    page.close()


def test_a_command_is_selected_whole_by_one_click(written, browser):
    page = browser.new_page(viewport=WIDE)
    page.goto(written["broken version"].as_uri())
    command = page.locator("#what-to-do .command").first
    command.click()
    selected = page.evaluate("() => String(getSelection())")
    assert selected.strip() == command.inner_text().strip()
    assert selected.startswith("python run.py models rebuild linear-0007")
    page.close()
