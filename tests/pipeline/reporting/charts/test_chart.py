"""Charts as JSON inside a page, and the scripts that a page carries."""

import json
import re

from pointsman.pipeline.reporting.charts.chart import Chart
from pointsman.pipeline.reporting.charts.layers import bars, draw_by_batch, line, measure, tell
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


def test_the_library_is_one_script_that_nothing_can_end_early():
    library = read_library()
    assert "window.vegaInterpreter = expression;" in library
    assert not re.search(r"</script|<!--|^(import|export) |sourceMappingURL", library, re.M)
    assert len(library) < 900_000


def test_every_library_comes_with_its_licence():
    kept = {path.name.removesuffix(".js").removesuffix(".min") for path in VENDOR.glob("*.js")}
    assert {path.name.removeprefix("LICENSE-") for path in VENDOR.glob("LICENSE-*")} == kept
