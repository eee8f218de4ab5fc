"""What a page may do: run its own scripts and wear its own styles, and ask nothing of any network."""

import base64
import hashlib
from collections.abc import Iterable


def write_policy(scripts: Iterable[str], styles: Iterable[str], connect: str = "'none'") -> str:
    """Return a Content-Security-Policy that allows these inlined texts, by their hashes, and nothing else.

    ``connect`` says what scripts may ask: nothing of a file, ``'self'`` of a page that a service shows.

    >>> write_policy(["run()"], []).split("; ")[:3]
    ["default-src 'none'", "script-src 'sha256-P4eqjWybgbQLWJqVIFWfJeR8bcPTYb45eJZJWq+AFI0='", "style-src 'none'"]
    """
    allowed = {"default-src": "'none'", "script-src": _hash(scripts), "style-src": _hash(styles)}
    allowed |= {"img-src": "data:", "connect-src": connect, "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{name} {sources}" for name, sources in allowed.items())


def _hash(texts: Iterable[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
