"""The scripts of a page: the library that draws charts, kept as its makers ship it, and the page's own."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pointsman.pipeline.reporting.charts.chart import dump_json
from pointsman.pipeline.reporting.charts.theme import CONFIG

VENDOR = Path(__file__).parent / "vendor"


@cache
def read_library() -> str:
    """Return Vega, Vega-Lite and the interpreter by which Vega needs no ``eval``, as one script."""
    plain = [_read(VENDOR / name) for name in ("vega.min.js", "vega-lite.min.js")]
    return "\n".join([*plain, _as_plain_script(_read(VENDOR / "vega-interpreter.js"))])


@cache
def read_script(path: Path) -> str:
    """Return one of the page's own scripts."""
    return _read(path)


def describe_charts(
    batches: Sequence[int], months: Mapping[int, str], events: Sequence[Mapping[str, Any]], models: Mapping[str, str]
) -> str:
    """Return as JSON what all charts of a page share, so that it stands there once.

    batches: the numbers that charts show; months: when each of them ended; events: what is marked on their axis, by
    ``left`` and ``right`` (batch numbers), ``letter`` and ``name``; models: the model of every version that is named
    """
    first, last = (min(batches), max(batches)) if batches else (0, 1)
    shared = {"config": CONFIG, "first": first, "last": last, "months": months, "events": events, "models": models}
    return dump_json(shared)


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.M).rstrip() + "\n"


def _as_plain_script(module: str) -> str:
    """Return a module as a script: what it imports are names of Vega, what it exports becomes ``vegaInterpreter``."""
    module = re.sub(r"^import (\{.*?\}) from 'vega-util';$", r"const \1 = vega;", module, flags=re.M)
    module = re.sub(
        r"^export \{ (\w+) as expressionInterpreter \};$", r"window.vegaInterpreter = \1;", module, flags=re.M
    )
    return f"(() => {{\n{module}}})();\n"
