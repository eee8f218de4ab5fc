"""The report as the service shows it: the same page, with a strip on top that tells what is answered now.

The strip is a frame: it loads itself again every few seconds, while the report below stays as it is. A page allows
nothing that its policy does not name, so the policy moves from the page into the header, with the frame in it.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape

from pointsman.pipeline.reporting.policy import hash_texts

STYLE = (
    "#live{display:block;width:100%;height:3.7rem;border:0;border-bottom:1px solid #8887}"
    "@media(max-width:1000px){#live{height:5.5rem}}@media(max-width:600px){#live{height:9rem}}"
    "@media print{#live{display:none}}"
)
STRIP = f'<style>{STYLE}</style><iframe id="live" src="/live" title="What is answered now"></iframe>'
META = re.compile(r'<meta\s+http-equiv="Content-Security-Policy"\s+content="([^"]*)"\s*/?>', re.IGNORECASE)
BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)
WITHOUT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The policy of a page that states none, as reports of earlier releases do: they have no script."""


@dataclass(frozen=True)
class HomePage:
    """A page with the strip: its bytes, its policy, and a tag by which a browser knows whether it has it already."""

    html: bytes
    policy: str
    tag: str


@lru_cache(maxsize=2)
def add_strip(report: bytes) -> HomePage:
    """Return a report with the strip in it."""
    page = report.decode()
    stated = META.search(page)
    policy = widen_policy(unescape(stated[1]) if stated else WITHOUT)
    page = META.sub("", page, count=1)
    html = BODY.sub(lambda found: found[0] + STRIP, page, count=1).encode()
    return HomePage(html, policy, f'"{hashlib.sha256(html).hexdigest()[:32]}"')


def widen_policy(policy: str) -> str:
    """Return a policy that also allows the strip, its style, and no page but the service's own around it.

    >>> widen_policy("default-src 'none'; style-src 'unsafe-inline'")
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'self'"
    """
    sources = dict(one.strip().partition(" ")[::2] for one in policy.split(";") if one.strip())
    for name in ("style-src", "style-src-elem"):
        # A hash beside 'unsafe-inline' would take that away.
        if name in sources and "'unsafe-inline'" not in sources[name]:
            allowed = sources[name].replace("'none'", "").strip()
            sources[name] = f"{allowed} {hash_texts([STYLE])}".strip()
    sources |= {"frame-src": "'self'", "frame-ancestors": "'self'"}
    return "; ".join(f"{name} {allowed}".strip() for name, allowed in sources.items())
