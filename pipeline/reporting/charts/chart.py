"""A chart: a Vega-Lite specification and its data, drawn by the page's script when a reader opens its chapter."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

Layer = Mapping[str, Any]
"""A mark and its encoding, as Vega-Lite has them."""


@dataclass(frozen=True)
class Key:
    """A line of a legend: what a colour, or a colour and its dashes, stands for."""

    name: str
    colour: str
    dash: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart for the page, which writes its words itself: in a drawing they neither wrap nor follow the reader's font.

    spec:    Vega-Lite without data; it may use the parameters ``first`` and ``last`` (the batches a reader looks at),
             ``picked`` (the model a reader picked, '' for none) and ``months`` (by batch)
    columns: (n_rows,) numbers, words or None by name: the rows that marks, tooltips and the table of values read
    label:   says in a sentence what it shows; ``note`` what it leaves out, if anything
    titles:  how columns are headed in the table of values; a column without a title is not in it
    """

    name: str
    spec: Mapping[str, Any]
    columns: Mapping[str, Sequence[Any]]
    label: str
    note: str = ""
    wide: bool = True
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The chart without its words, as JSON that may stand inside an element of the page."""
        return dump_json({"spec": _strip_words(self.spec), "columns": self.columns, "titles": self.titles})

    @property
    def title(self) -> str:
        """What stands above it, '' for nothing."""
        return str(self.spec.get("title", ""))

    @property
    def x_title(self) -> str:
        """What is measured from left to right, '' where that is plain."""
        return self._name_axis("x")

    @property
    def y_title(self) -> str:
        """What is measured upwards, '' where that is plain."""
        return self._name_axis("y")

    @property
    def keys(self) -> tuple[Key, ...]:
        """Its legend, in order; empty where colours need none."""
        told = [one for one in _list_channels(self.spec) if one[1].get("legend")]
        dashes = {one["field"]: one["scale"]["range"] for channel, one in told if channel == "strokeDash"}
        return tuple(
            Key(str(name), colour, " ".join(map(str, dashes[one["field"]][place])) if one["field"] in dashes else "")
            for one in [one for channel, one in told if channel == "color"][:1]
            for place, (name, colour) in enumerate(zip(one["scale"]["domain"], one["scale"]["range"], strict=True))
        )

    def _name_axis(self, axis: str) -> str:
        titles = [(one.get("axis") or {}).get("title") for channel, one in _list_channels(self.spec) if channel == axis]
        return next((str(title) for title in titles if title), "")


def _list_channels(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every channel of all layers with its encoding."""
    for layer in (spec, *spec.get("layer", ())):
        for channel, encoding in layer.get("encoding", {}).items():
            if isinstance(encoding, Mapping):
                yield channel, encoding


def _strip_words(part: Any) -> Any:
    """Return a specification whose titles and legends are left to the page; what hovering tells stays."""
    if isinstance(part, list | tuple):
        return [_strip_words(one) for one in part]
    if not isinstance(part, Mapping):
        return part
    left = {name: one if name == "tooltip" else _strip_words(one) for name, one in part.items() if name != "title"}
    left |= {"legend": None} if "legend" in part else {}
    return left | ({"axis": {**left["axis"], "title": None}} if left.get("axis") is not None else {})


def dump_json(figure: Any) -> str:
    r"""Return the shortest JSON of a figure that no element of a page is closed by; numbers have six digits.

    >>> dump_json({"a": [0.123456789, float("nan"), "</script>", np.float64(2.0), date(2020, 1, 2)]})
    '{"a":[0.123457,null,"\\u003c/script>",2,"2020-01-02"]}'
    """
    text = json.dumps(_plain(figure), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


def _plain(figure: Any) -> Any:
    if isinstance(figure, np.generic):
        figure = figure.item()
    if isinstance(figure, float):
        if not math.isfinite(figure):
            return None
        short = float(f"{figure:.6g}")
        return int(short) if short.is_integer() and abs(short) < 1e15 else short
    if isinstance(figure, Mapping):
        return {str(name): _plain(cell) for name, cell in figure.items()}
    if isinstance(figure, list | tuple | range | np.ndarray):
        return [_plain(cell) for cell in figure]
    if isinstance(figure, date):
        return figure.isoformat()
    return figure


def add_rows(columns: Mapping[str, Sequence[Any]], **rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Return columns with more rows below those they have.

    >>> add_rows({"batch": [1]}, batch=[2, 3])
    {'batch': [1, 2, 3]}
    """
    return {name: [*columns[name], *rows[name]] for name in columns}


def to_columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return rows as columns by name; without rows they are there and empty.

    >>> to_columns(("batch", "loss"), [(1, 0.5), (2, 0.25)])
    {'batch': [1, 2], 'loss': [0.5, 0.25]}
    """
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
