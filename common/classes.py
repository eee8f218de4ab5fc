"""Which labels are one class, and which of two classes is the positive one."""

from collections import Counter
from collections.abc import Mapping

from pointsman.common.cells.words import fold, read_truth

NEGATIONS = (
    "no ",
    "not ",
    "non ",
    "no-",
    "not-",
    "non-",
    "no_",
    "not_",
    "non_",
    "kein ",
    "nicht ",
    "sin ",
    "sans ",
    "не ",
)
"""Prefixes that make a label the negation of another one. 'un' is not among them: 'unpaid' may be the class of
interest."""


def merge_spellings(counts: Mapping[str, int]) -> Counter[str]:
    """Return how often each label occurs, those that differ only in case and blanks under their most frequent spelling.

    Where all labels are words for yes or no, all words for yes are counted as one label, and all words for no.

    >>> merge_spellings({"Paid": 2, "paid": 5, "open": 1})
    Counter({'paid': 7, 'open': 1})
    >>> merge_spellings({"Y": 5, "Yes": 2, "N": 9, "No": 1})
    Counter({'N': 10, 'Y': 7})
    """
    merged: Counter[str] = Counter()
    spelled: dict[object, str] = {}
    truths = {label: read_truth(label) for label in counts}
    are_truths = None not in truths.values() and len(set(truths.values())) == 2
    for label, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        name = spelled.setdefault(truths[label] if are_truths else fold(label), label)
        merged[name] += count
    return merged


def put_positive_last(classes: tuple[str, ...], counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return two classes, the positive one last: what affirms, what is above 0, else the rarer one.

    >>> put_positive_last(("да", "нет"), {"да": 9, "нет": 5}), put_positive_last(("a", "b"), {"a": 2, "b": 9})
    (('нет', 'да'), ('b', 'a'))
    >>> put_positive_last(("fraud", "no fraud"), {"fraud": 50, "no fraud": 9})
    ('no fraud', 'fraud')
    """
    negative, positive = classes
    truth = {name: read_truth(name) for name in classes}
    signs = {name: _is_above_zero(name) for name in classes}
    if set(truth.values()) == {True, False}:
        positive = next(name for name in classes if truth[name])
    elif set(signs.values()) == {True, False}:
        positive = next(name for name in classes if signs[name])
    elif _denies(positive, negative):
        positive = negative
    elif not _denies(negative, positive):
        positive = min(classes, key=lambda name: (counts.get(name, 0), name == negative))
    return next(name for name in classes if name != positive), positive


def _denies(label: str, other: str) -> bool:
    return fold(label) in {f"{no}{fold(other)}" for no in NEGATIONS}


def _is_above_zero(label: str) -> bool | None:
    try:
        return float(label) > 0
    except ValueError:
        return None
