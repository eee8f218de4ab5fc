"""Figures made by their types alone, full or empty, so that a template meets every case that a type allows."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pointsman.pipeline.reporting.contents import SECTIONS
from pointsman.pipeline.reporting.report import Subject

PLAIN = {
    str: ("word", ""),
    int: (3, 0),
    float: (0.5, float("nan")),
    bool: (True, False),
    object: ("x", ""),
    datetime: (datetime(2020, 1, 2, 3, 4),) * 2,
    date: (date(2020, 1, 2),) * 2,
    Any: ("x", ""),
}
"""What stands for a plain type, in full figures and in empty ones."""


def make_figure(kind: Any, full: bool = True, within: tuple[Any, ...] = ()) -> Any:
    """Return a figure of a type: with two entries in every list and nothing unknown, or with as little as it allows.

    A record that may be part of one of its own type is so once; ``within`` are the types around it.
    """
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{field.name: make_figure(hints[field.name], full, (*within, kind)) for field in fields(kind)})
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        known = [one for one in inner if one is not type(None)]
        full = full and within.count(known[0]) < 2
        return make_figure(known[0], full, within) if full or len(known) == len(inner) else None
    if origin is tuple:
        each = inner[:1] * 2 if inner[-1] is Ellipsis else inner
        return tuple(make_figure(one, full, within) for one in each) if full or inner[-1] is not Ellipsis else ()
    if origin is not None and issubclass(origin, Mapping):
        return {name: make_figure(inner[1], full, within) for name in ("selected", "champion")} if full else {}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return PLAIN[kind][0 if full else 1]


def list_kinds() -> dict[str, Any]:
    """Return the type of every key of report.json: those of its subject, and what the sections' functions return."""
    answers = {key: answer for section in SECTIONS for key, answer in section.figures.items()}
    return get_type_hints(Subject) | {key: get_type_hints(answer)["return"] for key, answer in answers.items()}


def vary_report(report: Mapping[str, Any], kinds: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a full report again and again, each time with one of its figures, or a part of one, empty; and which."""
    for key, kind in kinds.items():
        yield key, {**report, key: make_figure(kind, full=False)}
        for name, varied in vary_part(report[key]):
            yield f"{key}.{name}", {**report, key: varied}


def vary_part(part: Any, depth: int = 3) -> Iterator[tuple[str, Any]]:
    """Yield a record, or a list whose first entry is one, again and again, each time with a part of it empty."""
    listed = isinstance(part, tuple) and part and is_dataclass(part[0])
    inner = part[0] if listed else part
    if depth and is_dataclass(inner):
        for name, varied in vary(inner, get_type_hints(type(inner)), depth - 1):
            yield name, (varied, *part[1:]) if listed else varied


def vary(figure: Any, hints: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Yield a full record again and again, each time with one of its parts, or of theirs, empty; and what it was."""
    for field in fields(figure):
        kind = hints[field.name]
        empty = make_figure(kind, full=False)
        yield field.name, replace(figure, **{field.name: empty})
        for name, varied in vary_part(getattr(figure, field.name), depth):
            yield f"{field.name}.{name}", replace(figure, **{field.name: varied})
