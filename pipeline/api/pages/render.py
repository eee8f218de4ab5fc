"""The service's own pages: templates filled with everything escaped, under a policy that lets nothing else in."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pointsman.common.program import as_typed
from pointsman.pipeline.reporting import formats

FOLDER = Path(__file__).parent
FILTERS = {
    "number": formats.format_number,
    "share": formats.format_share,
    "seconds": formats.format_seconds,
    "date": formats.format_date,
}


def show_page(template: str, status: int = 200, headers: dict[str, str] | None = None, **facts: Any) -> Response:
    """Return a page made of one of this folder's templates; it has no script and asks for no other file."""
    page = read_templates().get_template(template).render(css=read_style(), **facts)
    return HTMLResponse(as_typed(page), status, {"content-security-policy": POLICY, **(headers or {})})


@cache
def read_templates() -> Environment:
    """Return the templates, read once a process."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS
    return environment


@cache
def read_style() -> str:
    """Return the style of all pages."""
    return (FOLDER / "style.css").read_text(encoding="utf-8")


def hash_text(text: str) -> str:
    """Return the source by which a Content-Security-Policy allows an inlined text.

    >>> hash_text("run()")
    "'sha256-AvyuiL0SD1mVY3NNxR+V2uo+lhk6RMFrytWmRt6CrJQ='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {hash_text(read_style())}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
"""What the pages may do: wear their style, send their form to where they came from, and nothing else."""
