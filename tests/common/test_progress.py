"""Progress is shown of long files alone, on a terminal as a bar and elsewhere as a line now and then."""

import io
import logging
import re
import time
from pathlib import Path

import pytest

from pointsman.common import progress
from pointsman.common.performance import Stopwatch
from pointsman.common.progress import STAGES, Progress, StageProgress

ROOT = Path(__file__).resolve().parents[2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_tells_rows_a_second_and_the_time_left(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Progress("big.csv") as shown:
        shown.add(1_000, 0.25)
        assert shown.bar.total == 4_000
        shown.add(1_000, 0.5)
        shown.bar.refresh()
    assert "big.csv:  50%" in screen.getvalue()
    assert "rows/s" in screen.getvalue()


@pytest.mark.parametrize("screen", [Terminal(), io.StringIO()])
def test_a_file_of_one_chunk_shows_nothing(monkeypatch, screen):
    monkeypatch.setattr("sys.stderr", screen)
    with Progress("small.csv") as shown:
        shown.add(1_000, 1.0)
    assert screen.getvalue() == ""
    assert shown.bar is None


def test_without_a_terminal_a_line_is_logged_now_and_then(monkeypatch, caplog):
    clock = iter([0.0, 10.0, 40.0, 40.0, 50.0])
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    caplog.set_level(logging.INFO)
    with Progress("big.csv") as shown:
        for done in (0.1, 0.2, 0.3):
            shown.add(100, done)
    assert [record.getMessage() for record in caplog.records] == ["big.csv: 200 rows, 5 a second, about 160 s left"]


class TestStages:
    def test_each_has_one_line_with_its_seconds_elsewhere_than_on_a_terminal(self, monkeypatch, caplog):
        monkeypatch.setattr("sys.stderr", io.StringIO())
        monkeypatch.setattr(progress, "TOLD_SECONDS", 0.0)
        caplog.set_level(logging.INFO)
        watch = Stopwatch(progress=StageProgress("batch 3"))
        with watch.stage("training"):
            watch.count(1, 2)
        with pytest.raises(ZeroDivisionError), watch.stage("drift"):
            _ = 1 / 0
        assert caplog.messages == ["batch 3: fitting models: 0.0 s", "batch 3: judging drift: 0.0 s"]

    @pytest.mark.parametrize(("done", "told"), [(0, " s so far"), (1, "1 of 4 done, about "), (4, " s so far")])
    def test_one_that_lasts_breaks_the_silence(self, monkeypatch, caplog, done, told):
        monkeypatch.setattr("sys.stderr", io.StringIO())
        monkeypatch.setattr(progress, "SILENT_SECONDS", 0.001)
        caplog.set_level(logging.INFO)
        shown = StageProgress("batch 3")
        with shown.stage("search"):
            shown.count(done, 4)
            while not any(told in line for line in caplog.messages):
                time.sleep(0.001)
        assert all(line.startswith("batch 3: searching: ") for line in caplog.messages)

    def test_a_terminal_has_a_bar_of_what_is_done_and_planned_and_no_lines(self, monkeypatch, caplog):
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr(progress, "SILENT_SECONDS", 0.001)
        caplog.set_level(logging.INFO)
        shown = StageProgress("batch 3")
        with shown.stage("training"):
            shown.count(5, 12)
            while "| 5/12 [" not in screen.getvalue():
                time.sleep(0.001)
        assert "batch 3: fitting models:  42%" in screen.getvalue()
        assert not caplog.messages

    def test_every_stage_of_an_update_has_words(self):
        flows = [
            ROOT / "pipeline" / name for name in ("update.py", "retraining", "preparation", "training", "validation")
        ]
        files = [path for flow in flows for path in (flow.rglob("*.py") if flow.is_dir() else [flow])]
        found = {name for path in files for name in re.findall(r"""\.stage\("([a-z_ ]+)"\)""", path.read_text())}
        assert found == set(STAGES)
