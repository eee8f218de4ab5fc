"""Long words on a page: the style cuts them for the eye; hovering tells them, and copying takes them whole."""

import re

LONGEST = 60
"""Characters of a word that is shown whole."""
MOST = 800
"""Characters of a text, between two tags, of which all lines are shown."""

_LEFT = "title|script|style|template|code|pre|option|textarea"
_TAGS = re.compile(rf"<(?P<name>{_LEFT})\b.*?</(?P=name)>|<[^>]*>", re.DOTALL)
_WORD = re.compile(rf"\S{{{LONGEST},}}")


def cut_long_words(html: str) -> str:
    """Return markup, whose cells are escaped, with long words and texts in elements that the style cuts.

    >>> word = 60 * "x"
    >>> cut_long_words(f"<p>of {word}</p>") == f'<p>of <span class="cut" title="{word}">{word}</span></p>'
    True
    >>> cut_long_words(f"<p>as it is</p><code>{word}</code>").count("cut")
    0
    """
    parts, end = [], 0
    for tag in _TAGS.finditer(html):
        parts += [_cut(html[end : tag.start()]), tag[0]]
        end = tag.end()
    return "".join([*parts, _cut(html[end:])])


def _cut(text: str) -> str:
    cut = _WORD.sub(lambda word: _wrap("cut", word[0], word[0]), text)
    return _wrap("clamp", text, cut) if len(_WORD.sub("", text)) > MOST else cut


def _wrap(kind: str, whole: str, inner: str) -> str:
    title = whole.strip().replace('"', "&#34;")
    return f'<span class="{kind}" title="{title}">{inner}</span>'
