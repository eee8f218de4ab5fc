"""What health is told in: findings of single rules, and the verdict that they come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is, the worst first; what is green is worth knowing and no cause for concern."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


NAMES = {Level.RED: "Not healthy", Level.AMBER: "Worth a look", Level.GREEN: "Healthy"}
"""Each level in words, for those who do not see its colour."""


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    sentence: what is the matter, in plain words
    action:   what to do about it
    command:  what to type for that
    section:  the section of the report that tells more
    """

    level: Level
    sentence: str
    action: str
    command: str
    section: str


@dataclass(frozen=True)
class Verdict:
    """The worst level, what it is called, one sentence, and all findings, the worst first.

    ``update`` is the command that takes the next batch, which is to be done in any case.
    """

    level: Level
    name: str
    sentence: str
    findings: tuple[Finding, ...]
    update: str


def reach_verdict(findings: Sequence[Finding], well: str, update: str) -> Verdict:
    """Return what findings come to: the sentence of the worst, or ``well`` where none is worse than green.

    >>> dull = Finding(Level.GREEN, "5 rows are in quarantine.", "List them", "quarantine", "quarantine")
    >>> late = Finding(Level.AMBER, "Labels are late.", "Hand them in", "feedback", "labels")
    >>> reach_verdict([dull], "All is well.", "update").sentence
    'All is well.'
    >>> verdict = reach_verdict([dull, late], "All is well.", "update")
    >>> verdict.name, verdict.sentence
    ('Worth a look', 'Labels are late.')
    """
    ranked = sorted(findings, key=lambda one: list(Level).index(one.level))  # stable: the order of rules breaks ties
    level = ranked[0].level if ranked else Level.GREEN
    sentence = well if level is Level.GREEN else ranked[0].sentence
    return Verdict(level, NAMES[level], sentence, tuple(ranked), update)
