"""A chart: a Vega-Lite specification and its data, drawn by the page's script when a reader opens its chapter."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

Layer = Mapping[str, Any]
"""A mark and its encoding, as Vega-Lite has them."""


@dataclass(frozen=True)
class Chart:
    """A chart for the page.

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
        """The chart as JSON that may stand inside an element of the page."""
        return dump_json({"spec": self.spec, "columns": self.columns, "titles": self.titles})


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
