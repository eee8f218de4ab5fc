"""The JSON Schema of report.json, made of the types of the figures themselves: it says no more than the code does.

``python -m pointsman.pipeline.reporting.json_schema`` in a checkout writes it to ``report.schema.json``, which the
package carries.
"""

import json
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pointsman.pipeline.reporting.contents import SECTIONS
from pointsman.pipeline.reporting.report import PROTOCOL, Subject

PATH = Path(__file__).parent / "report.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLAIN: Mapping[Any, Mapping[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    # What is not finite becomes null, so a number may always be.
    float: {"type": ["number", "null"]},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    type(None): {"type": "null"},
}
"""Schemas of types that hold no other."""


class SchemaWriter:
    """Describes types; records are described once, under ``shapes``, and referred to."""

    def __init__(self) -> None:
        self.shapes: dict[str, Any] = {}
        self._named: dict[str, type] = {}

    def describe(self, kind: Any) -> dict[str, Any]:
        """Return the schema of what ``to_json`` makes of a type."""
        if kind in PLAIN:
            return dict(PLAIN[kind])
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return self._describe_union(inner)
        if origin is Literal:
            return {"enum": list(inner)}
        if origin is tuple:
            return self._describe_tuple(inner)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.describe(inner[1])}
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return {"type": "array", "items": self.describe(inner[0])}
        if is_dataclass(kind) and isinstance(kind, type):
            return self._refer(kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"enum": [one.value for one in kind]}
        return {}  # Any: whatever JSON holds

    def _describe_union(self, kinds: Sequence[Any]) -> dict[str, Any]:
        described = [self.describe(kind) for kind in kinds]
        single = [one["type"] for one in described if set(one) == {"type"}]
        if len(single) == len(described):
            flat = [word for one in single for word in (one if isinstance(one, list) else [one])]
            return {"type": list(dict.fromkeys(flat))}
        return {"anyOf": described}

    def _describe_tuple(self, kinds: Sequence[Any]) -> dict[str, Any]:
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return {"type": "array", "items": self.describe(kinds[0])}
        return {"type": "array", "prefixItems": [self.describe(kind) for kind in kinds], "items": False}

    def _refer(self, kind: type) -> dict[str, Any]:
        name = kind.__name__
        known = self._named.setdefault(name, kind)
        if known is not kind:  # two records of one name: each under that of its module, too
            name = f"{kind.__module__.rpartition('.')[2]}.{name}"
            self._named.setdefault(name, kind)
        if name not in self.shapes:
            self.shapes[name] = {}  # held, since a record may hold its own kind
            self.shapes[name] = self.describe_record(kind)
        return {"$ref": f"#/$defs/{name}"}

    def describe_record(self, kind: type) -> dict[str, Any]:
        """Return the schema of a record: every field is there; later releases may add more."""
        hints = get_type_hints(kind)
        about = (kind.__doc__ or "").strip().split("\n")[0]
        own = {one.name: self.describe(hints[one.name]) for one in fields(kind)}
        described = {"type": "object", "properties": own, "required": list(own)}
        return ({"description": about} if about and not about.startswith(f"{kind.__name__}(") else {}) | described


def describe_report() -> dict[str, Any]:
    """Return the JSON Schema of report.json. Keys may be added within a protocol, so a reader skips unknown ones."""
    writer = SchemaWriter()
    subject = writer.describe_record(Subject)
    keys = {key: writer.describe(find_answer(answer)) for one in SECTIONS for key, answer in one.figures.items()}
    properties = subject["properties"] | keys | {"protocol": {"const": PROTOCOL}}
    return {
        "$schema": DIALECT,
        "title": "report.json of Pointsman",
        "description": f"Protocol {PROTOCOL}: it rises when a key goes or changes its meaning, not when one is added.",
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "$defs": dict(sorted(writer.shapes.items())),
    }


def find_answer(answer: Callable[..., Any]) -> Any:
    """Return the type of what a function returns."""
    return get_type_hints(answer).get("return", Any)


def write_schema() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(describe_report(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(write_schema(), encoding="utf-8")
