"""Words as people read them: some are stored as they were at the first release, and are others today."""

import re
from collections.abc import Mapping

SHOWN = {
    "blend": "ensemble",
    "blended": "fitted",
    "damaged champion": "robust champion",
    "plan": "what was chosen",
}
"""By stored word, of a role, an origin, an event, a family or an answerer, the one that is shown."""


def show_word(stored: str) -> str:
    """Return the word that people read for a stored one.

    >>> show_word("blend"), show_word("champion")
    ('ensemble', 'champion')
    """
    return SHOWN.get(stored, stored)


def name_versions(sentence: str, ids: Mapping[str, str]) -> str:
    """Return a sentence in which lines are called by their versions.

    >>> name_versions("linear-0002 is predicted to lose less than knn-0003", {"linear-0002": "linear-0017"})
    'linear-0017 is predicted to lose less than knn-0003'
    """
    for line, version in ids.items():
        sentence = re.sub(rf"\b{re.escape(line)}\b", version, sentence)
    return sentence
