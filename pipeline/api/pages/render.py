"""The service's own pages: templates filled with everything escaped, under a policy that lets nothing else in."""

from pathlib import Path
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse

from pointsman.common.program import as_typed
from pointsman.pipeline.reporting.long_words import cut_long_words
from pointsman.pipeline.reporting.policy import hash_texts
from pointsman.pipeline.reporting.templates import BASE_STYLE, open_templates, read_styles

FOLDER = Path(__file__).parent
TEMPLATES = open_templates(FOLDER)
STYLE = read_styles(BASE_STYLE, FOLDER / "style.css")
"""The style of all pages."""


def show_page(template: str, status: int = 200, headers: dict[str, str] | None = None, **facts: Any) -> Response:
    """Return a page made of one of this folder's templates; it has no script and asks for no other file."""
    page = TEMPLATES.get_template(template).render(css=STYLE, **facts)
    return HTMLResponse(cut_long_words(as_typed(page)), status, {"content-security-policy": POLICY, **(headers or {})})


POLICY = (
    f"default-src 'none'; style-src {hash_texts([STYLE])}; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""What the pages may do: wear their style, send their form to where they came from, and nothing else."""
