"""Progress is shown of long files alone, on a terminal as a bar and elsewhere as a line now and then."""

import io
import logging

import pytest

from pointsman.common import progress
from pointsman.common.progress import Progress


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
