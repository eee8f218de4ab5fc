"""What a page may do: run its own scripts and wear its own styles, and ask nothing of any network."""

import base64
import hashlib
import re
from collections.abc import Iterable


def write_policy(scripts: Iterable[str], styles: Iterable[str], connect: str = "'none'") -> str:
    """Return a Content-Security-Policy that allows these inlined texts, by their hashes, and nothing else.

    ``connect`` says what scripts may ask: nothing of a file, ``'self'`` of a page that a service shows.

    >>> write_policy(["run()"], []).split("; ")[:3]
    ["default-src 'none'", "script-src 'sha256-AvyuiL0SD1mVY3NNxR+V2uo+lhk6RMFrytWmRt6CrJQ='", "style-src 'none'"]
    """
    allowed = {"default-src": "'none'", "script-src": _hash(scripts), "style-src": _hash(styles)}
    allowed |= {"img-src": "data:", "connect-src": connect, "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{name} {sources}" for name, sources in allowed.items())


def hoist_styles(html: str) -> tuple[str, str]:
    """Return a page's elements with their styles moved into one style sheet, and that sheet.

    A policy knows a style sheet by its hash, and allows no style that stands in an element.

    >>> hoist_styles('<i style="width: 5%"></i><i style="width: 5%"></i>')
    ('<i data-s="0"></i><i data-s="0"></i>', '[data-s="0"]{width: 5%}')
    """
    known: dict[str, int] = {}

    def move(found: re.Match[str]) -> str:
        return f'{found[1]}data-s="{known.setdefault(found[2], len(known))}"'

    # Inside an element only: text and data between elements may say style=, too.
    moved = re.sub(r"<[a-z][^<>]*>", lambda tag: re.sub(r'(\s)style="([^"]*)"', move, tag[0]), html)
    return moved, "\n".join(f'[data-s="{number}"]{{{style}}}' for style, number in known.items())


def _hash(texts: Iterable[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
