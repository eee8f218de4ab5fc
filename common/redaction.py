"""What stays secret: passwords, tokens and keys, hidden in everything that leaves the process or is kept.

Two layers, since a message may quote an address in any shape. Where a configuration is read, its secrets are learned
and from then on hidden literally, however they are written (``learn_secrets``). What looks like the password of a URL,
of a parameter or of a connection string is hidden without having been learned (``redact``).
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from pointsman.common.program import as_typed

HIDDEN = "***"
LEAST_LETTERS = 4
"""Shorter secrets are hidden where they stand, in a URL for instance, but not in every text that has these letters."""
LONG = 8
"""A secret of so many letters is hidden inside a longer word, too."""
VARIABLES = (
    "POINTSMAN_API_KEY",
    "SWITCHYARD_API_KEY",
    "PGPASSWORD",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
)
"""Variables of the environment whose values are secrets of this program, or of libraries that it connects by."""

_NAMED = r"[\w.-]{0,30}(?:pass|pwd|secret|token|key|credential|auth|signature)[\w.-]{0,30}"
"""A parameter of a URL that holds a secret."""
_WORDS = r"\w{0,30}(?:passw|passphrase|pwd|secret|token|api_?key|access_?key|account_?key)\w{0,30}"
"""A word of a connection string that holds one, told from the words of a sentence by the sign behind it."""
_USERINFO = r"(://[^\s/:@'\"<>]{0,200}):([^\s'\"<>]{1,2000})@"
_BARE_USERINFO = r"(https?://)([^\s/:@'\"<>]{1,2000})@"
_PARAMETER = rf"([?&]{_NAMED})=([^&\s'\"<>]+)"
_ENCODED = rf"(\b{_WORDS}%3D)(.+?)(?=%3B|%26|%20|\+|[&\s'\"<>]|$)"
_SETTING = rf"(\b{_WORDS}['\"]?\s?[=:]\s?)(?<!: )('[^']*'|\"[^\"]*\"|\{{[^}}]*\}}|[^\s;&'\",<>]+)"
_ENTRY = rf"(['\"]{_WORDS}['\"]: )('[^']*'|\"[^\"]*\")"
PATTERNS = (
    (re.compile(_USERINFO), rf"\1:{HIDDEN}@"),
    (re.compile(_BARE_USERINFO), rf"\1{HIDDEN}@"),
    (re.compile(_PARAMETER, re.IGNORECASE), rf"\1={HIDDEN}"),
    (re.compile(_ENCODED, re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(_SETTING, re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(_ENTRY, re.IGNORECASE), rf"\1{HIDDEN}"),
)
_FROM_ENVIRONMENT = re.compile(r"\$\{\s*oc\.env\s*:\s*(\w+)")
_SECRET_VARIABLE = re.compile(r"pass|pwd|secret|token|key|credential|auth", re.IGNORECASE)

_known: set[str] = set()


def as_told(message: str) -> str:
    """Return a message as it leaves the process: commands as this user types them, and no secret in it."""
    return redact(as_typed(message))


def redact(text: str) -> str:
    """Return a text without secrets.

    >>> redact("postgresql+psycopg://ann:s3:cr@t@host/db?sslpassword=x&user=ann")
    'postgresql+psycopg://ann:***@host/db?sslpassword=***&user=ann'
    >>> redact("host=h user=ann password='my word' port=1"), redact("odbc_connect=UID%3Dann%3BPWD%3Dx%3B")
    ('host=h user=ann password=*** port=1', 'odbc_connect=UID%3Dann%3BPWD%3D***%3B')
    """
    for pattern, hidden in PATTERNS:
        text = pattern.sub(hidden, text)
    known = _match_known(frozenset(_known))
    return known.sub(HIDDEN, text) if known else text


def learn_secrets(tree: Any) -> None:
    """Remember the secrets in all texts of a configuration, whatever their keys and however deep they stand.

    Those that libraries find in the environment are remembered, too.
    """
    for text in _list_texts(tree):
        for secret in find_secrets(text):
            _remember(secret)
    for name in VARIABLES:
        _remember(os.environ.get(name, "").strip())


def find_secrets(text: str) -> Iterator[str]:
    """Yield the secrets in an address, as they are written there; the text is one address, blanks in it included.

    >>> sorted(set(find_secrets("postgresql://ann:p w@host/db?sslpassword=ab")))
    ['ab', 'p w']
    """
    if found := re.search(r"://[^/:@]*:(.*)@", text, re.DOTALL):
        yield found[1]
        if "/" in found[1]:  # the last @ may stand in a parameter: then the password ends before the first one
            yield found[1].partition("@")[0]
    for pattern, _ in PATTERNS[1:]:
        for found in pattern.finditer(text):
            yield found[2].strip("'\"{}")
    decoded = unquote_plus(text)
    if decoded != text:
        yield from find_secrets(decoded)
    for name in _FROM_ENVIRONMENT.findall(text):
        if _SECRET_VARIABLE.search(name):
            yield os.environ.get(name, "")


def _list_texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for name, cell in tree.items():
            # A key that is itself the name of a secret says what its value is.
            if isinstance(cell, str) and re.fullmatch(_WORDS, str(name), re.IGNORECASE):
                _remember(cell)
            yield from _list_texts(cell)
    elif isinstance(tree, list | tuple):
        for cell in tree:
            yield from _list_texts(cell)


def _remember(secret: str) -> None:
    if len(secret) < LEAST_LETTERS or secret == HIDDEN:
        return
    for plain in {secret, unquote(secret), unquote_plus(secret)}:
        _known.update((plain, quote(plain), quote(plain, safe=""), quote_plus(plain)))
        _known.update((repr(plain)[1:-1], json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]))


@lru_cache(maxsize=4)
def _match_known(known: frozenset[str]) -> re.Pattern[str] | None:
    """Return what finds secrets in a text: the longest first, short ones only as words of their own."""
    if not known:
        return None
    parts = []
    for secret in sorted(known, key=lambda one: (-len(one), one)):
        escaped = re.escape(secret)
        alone = rf"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{{2}})){escaped}(?![A-Za-z0-9])"
        parts.append(escaped if len(secret) >= LONG else alone)
    return re.compile("|".join(parts))
