"""Words as people read them: some are stored as they were at the first release, and are others today."""

SHOWN = {"blend": "ensemble", "blended": "fitted", "damaged champion": "robust champion", "plan": "what was chosen"}
"""By stored word, of a role, an origin, an event, a family or an answerer, the one that is shown."""


def show_word(stored: str) -> str:
    """Return the word that people read for a stored one.

    >>> show_word("blend"), show_word("champion")
    ('ensemble', 'champion')
    """
    return SHOWN.get(stored, stored)
