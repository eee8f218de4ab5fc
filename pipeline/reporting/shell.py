"""The shell of a page with charts: one file with its style and scripts, and a policy that lets nothing else in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pointsman.pipeline.reporting.charts.scripts import read_library, read_script
from pointsman.pipeline.reporting.policy import ANY_STYLE, hash_texts, write_policy
from pointsman.pipeline.reporting.templates import BASE_STYLE, open_templates, read_styles

FOLDER = Path(__file__).parent
_SCRIPT = re.compile(r"<script(?: type=\"module\")?>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True)
class Parts:
    """What is inlined: the style, what charts share, the library that draws them, and the scripts that run at once."""

    css: str
    base: str
    library: str
    scripts: tuple[str, ...]


def gather_parts(base: str, styles: Iterable[Path], scripts: Iterable[Path]) -> Parts:
    """Return what a page carries besides its body: these styles and scripts, after those that all such pages have."""
    return Parts(
        css=read_styles(BASE_STYLE, FOLDER / "style.css", *styles),
        base=base,
        library=read_library(),
        scripts=tuple(map(read_script, (FOLDER / "charts" / "charts.js", FOLDER / "tables.js", *scripts))),
    )


def wrap_page(title: str, body: str, parts: Parts, is_foreign: bool = False) -> str:
    """Return the page around a body; one with a foreign part runs that part's scripts and wears whatever it wears."""
    scripts = [parts.library, *parts.scripts, *(_SCRIPT.findall(body) if is_foreign else ())]
    policy = write_policy(hash_texts(scripts), ANY_STYLE if is_foreign else hash_texts([parts.css]))
    return open_templates(FOLDER).get_template("shell.html").render(title=title, body=body, page=parts, policy=policy)
