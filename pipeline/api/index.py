"""The page at /: what can be asked here, and with which columns."""

from html import escape

from pointsman.common.redaction import as_told
from pointsman.pipeline.api.access import ROUTES
from pointsman.pipeline.api.current import Served


def write_index(served: Served | None, reason: str) -> str:
    """Return the page, which needs no script and no other file."""
    links = "".join(f"<li><a href='{route}'>{route}</a></li>" for route in ROUTES[1:])
    if served is None:
        about = escape(as_told(reason))
    else:
        schema = served.predictor.schema
        kinds = {"numbers": schema.numeric, "texts": schema.categorical, "dates": schema.dates}
        listed = "".join(f"<li>{kind}: {escape(', '.join(names))}</li>" for kind, names in kinds.items() if names)
        about = f"Generation {served.generation} predicts {escape(schema.target)} from<ul>{listed}</ul>"
    return (
        f"<!doctype html><meta charset=utf-8><title>Pointsman</title><h1>Pointsman</h1><p>{about}</p><ul>{links}</ul>"
    )
