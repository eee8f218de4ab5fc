"""Charts as JSON inside a page, and the scripts that a page carries."""

import json
import re

from pointsman.pipeline.reporting.charts.chart import Chart
from pointsman.pipeline.reporting.charts.layers import bars, colour_by, draw_by_batch, line, measure, tell
from pointsman.pipeline.reporting.charts.scripts import VENDOR, read_library


def test_data_that_looks_like_markup_stays_inside_its_element():
    chart = Chart("name", {}, {"word": ["</script><!-- <script>"]}, "label")
    assert "<" not in chart.source
    assert json.loads(chart.source)["columns"]["word"] == ["</script><!-- <script>"]


def test_a_chart_over_batches_places_every_layer_by_batch_and_keeps_to_the_range():
    columns = {"batch": [1, 2], "score": [0.5, float("inf")]}
    y = measure("score", "score")
    chart = draw_by_batch("name", "label", columns, [line(y, tell("batch")), bars(y)], title="title")
    places = [layer["encoding"]["x"]["field"] for layer in chart.spec["layer"]]
    assert places == ["left", "left", "batch", "left"]
    assert all("first" in layer["encoding"]["x"]["scale"]["domain"]["signal"] for layer in chart.spec["layer"])
    assert json.loads(chart.source)["columns"]["score"] == [0.5, None]


def test_the_words_of_a_chart_are_told_by_the_page_and_left_out_of_its_drawing():
    columns = {"batch": [1], "score": [0.5], "model": ["a"]}
    drawn = line(measure("score", "loss"), tell(("score", "a score")), colour_by("model", ["a", "b"], ["red", "blue"]))
    chart = draw_by_batch("name", "label", columns, [drawn], title="A title")
    assert (chart.title, chart.x_title, chart.y_title) == ("A title", "", "loss")
    assert [(key.name, key.colour, key.dash) for key in chart.keys] == [("a", "red", ""), ("b", "blue", "")]
    spec = json.loads(chart.source)["spec"]
    encoding = spec["layer"][-1]["encoding"]
    assert "title" not in spec
    assert encoding["y"]["axis"]["title"] is None
    assert encoding["color"]["legend"] is None
    assert encoding["tooltip"] == [{"field": "score", "title": "a score"}]


def test_an_axis_with_nothing_but_a_title_has_none_in_the_drawing():
    chart = Chart("name", {"encoding": {"x": {"field": "a", "axis": {"title": "A"}}, "y": {"axis": None}}}, {}, "label")
    assert chart.x_title == "A"
    drawn = json.loads(chart.source)["spec"]["encoding"]
    assert drawn == {"x": {"field": "a", "axis": {"title": None}}, "y": {"axis": None}}


def test_the_library_is_one_script_that_nothing_can_end_early():
    library = read_library()
    assert "window.vegaInterpreter = expression;" in library
    assert not re.search(r"</script|<!--|^(import|export) |sourceMappingURL", library, re.M)
    assert len(library) < 900_000


def test_every_library_comes_with_its_licence():
    kept = {path.name.removesuffix(".js").removesuffix(".min") for path in VENDOR.glob("*.js")}
    assert {path.name.removeprefix("LICENSE-") for path in VENDOR.glob("LICENSE-*")} == kept
