"""A section of the report: one file of ``sections/`` says what it reads, what it computes and what it draws."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pointsman.pipeline.reporting.charts.chart import Chart
from pointsman.pipeline.reporting.history import History, Read


@dataclass(frozen=True)
class Section:
    """A part of the page under one name: that of its file, and of its piece of the template, ``sections/<name>.html``.

    reads:   stored tables, or functions for anything but a whole table; all are read before anything else
    figures: what it computes, by the key of report.json; the same figures are there for every template as ``report``
    draw:    its charts, where there are figures for them; the template shows each by its name
    """

    name: str
    reads: tuple[Read, ...] = ()
    figures: Mapping[str, Callable[[History], Any]] = field(default_factory=dict)
    draw: Callable[[History], Iterable[Chart]] = lambda _history: ()


@dataclass(frozen=True)
class Chapter:
    """Sections that are folded under one heading; ``about`` says in a line what they answer."""

    anchor: str
    title: str
    about: str
    sections: tuple[Section, ...]
