"""The page of routes, made of the OpenAPI document itself, so that it needs no script and says no more than that."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pointsman.pipeline.api.reading import CSV

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A line of a table: what is described, of which type it is, and what it means."""

    name: str
    type: str
    about: str = ""
    is_required: bool = True


@dataclass(frozen=True)
class Route:
    """A route and method; ``example`` is a command that asks it, '' where its path says all."""

    path: str
    method: str
    summary: str
    keyed: bool
    example: str
    parameters: tuple[Line, ...]
    bodies: tuple[Line, ...]
    responses: tuple[Line, ...]


@dataclass(frozen=True)
class Shape:
    """A component that bodies refer to, and its fields."""

    name: str
    about: str
    fields: tuple[Line, ...]


def describe_document(document: Json, url: str, label: object) -> dict[str, Any]:
    """Return what the page shows of an OpenAPI document.

    ``url`` is where the service is asked, and ``label`` one that the stream may have, for the example.
    """
    routes = [
        _describe_route(path, method, told, url, label)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    shapes = [_describe_shape(name, shape) for name, shape in document["components"]["schemas"].items()]
    about = document["info"]["description"]
    return {"about": about, "version": document["openapi"], "routes": routes, "shapes": shapes}


def name_type(schema: Json) -> str:
    """Return a type in words.

    >>> name_type({"type": "array", "items": {"$ref": "#/components/schemas/Row"}})
    'list of Row'
    >>> name_type({"anyOf": [{"type": "number"}, {"type": "null"}]}), name_type({"type": "object", "properties": {}})
    ('number or null', 'object')
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(name_type(one) for one in schema["anyOf"]))
    stated = schema.get("type", "anything")
    if isinstance(stated, list):
        return " or ".join(WORDS.get(str(one), str(one)) for one in stated)
    if stated == "array":
        return f"list of {name_type(schema['items'])}"
    if stated == "object" and isinstance(more := schema.get("additionalProperties"), Mapping):
        return f"object of {name_type(more)} by name"
    if stated == "object" and schema.get("properties"):
        return f"object with {', '.join(schema['properties'])}"
    return WORDS.get(str(stated), str(stated))


WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false"}


def _describe_route(path: str, method: str, told: Json, url: str, label: object) -> Route:
    bodies = tuple(
        Line(media_type, name_type(one["schema"]))
        for media_type, one in told.get("requestBody", {}).get("content", {}).items()
    )
    return Route(
        path=path,
        method=method.upper(),
        summary=told["summary"],
        keyed=told.get("security") != [],
        example=_write_example(path, bodies, url, label),
        parameters=tuple(
            Line(one["name"], name_type(one["schema"]), one.get("description", ""))
            for one in told.get("parameters", ())
        ),
        bodies=bodies,
        responses=tuple(_describe_responses(told["responses"])),
    )


def _write_example(path: str, bodies: tuple[Line, ...], url: str, label: object) -> str:
    if not bodies:
        return f"curl -s {url}{path}"
    if any(one.name == CSV for one in bodies):
        return f"curl -s {url}{path} -H 'Content-Type: {CSV}' --data-binary @new.csv"
    labels = json.dumps({"labels": [{"id": "8af1b11501fa475b0986-0", "label": label}]}, ensure_ascii=False)
    return f"curl -s {url}{path} -H 'Content-Type: {bodies[0].name}' -d {shlex.quote(labels)}"


def _describe_responses(responses: Json) -> Iterator[Line]:
    for status, one in responses.items():
        kinds = [f"{name_type(body['schema'])} ({media_type})" for media_type, body in one["content"].items()]
        yield Line(status, " or ".join(kinds), one["description"])


def _describe_shape(name: str, shape: Json) -> Shape:
    required = shape.get("required", ())
    fields = tuple(
        Line(field, name_type(told), told.get("description", ""), field in required)
        for field, told in shape.get("properties", {}).items()
    )
    return Shape(name, shape.get("description", ""), fields)
