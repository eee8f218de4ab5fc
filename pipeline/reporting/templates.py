"""Templates and styles of pages: everything that comes from a state is escaped, and a name that there is not fails."""

from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.pipeline.reporting import formats
from pointsman.pipeline.reporting.first_verdicts import name_verdicts

if TYPE_CHECKING:
    from jinja2 import Environment

BASE_STYLE = Path(__file__).parent / "base.css"
"""What all pages have in common: colours, type and tables."""

FILTERS = {
    "number": formats.format_number,
    "decimal": formats.format_decimal,
    "share": formats.format_share,
    "seconds": formats.format_seconds,
    "date": formats.format_date,
    "first_verdicts": name_verdicts,
}
"""What the templates of all pages write numbers with."""


def open_templates(*folders: Path) -> "Environment":
    """Return the templates of some folders."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS
    return environment


def read_styles(*paths: Path) -> str:
    """Return the style of a page, whose parts stand in several files."""
    return "".join(path.read_text(encoding="utf-8") for path in paths)
