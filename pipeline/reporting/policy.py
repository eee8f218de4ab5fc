"""What a page may do: run its own scripts and wear its own styles, and ask nothing of any network."""

import base64
import hashlib
from collections.abc import Iterable

ANY_STYLE = "'unsafe-inline'"
"""For a page whose parts are styled where they stand."""


def write_policy(scripts: str, styles: str) -> str:
    """Return a Content-Security-Policy that allows inlined scripts and styles of these sources, and nothing else.

    >>> write_policy(hash_texts(["run()"]), hash_texts([])).split("; ")[:3]
    ["default-src 'none'", "script-src 'sha256-AvyuiL0SD1mVY3NNxR+V2uo+lhk6RMFrytWmRt6CrJQ='", "style-src 'none'"]
    """
    allowed = {"default-src": "'none'", "script-src": scripts, "style-src": styles}
    allowed |= {"img-src": "data:", "connect-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{name} {sources}" for name, sources in allowed.items())


def hash_texts(texts: Iterable[str]) -> str:
    """Return the sources by which a policy allows inlined texts."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
