"""Registered ensembles: a handful of mixtures, each of a few lines, fitted on the records of all batches so far.

Some answer every row alike: they are fitted for clean input, for any input, for sparse or for anomalous rows, or weigh
lines by decayed record. Others are routed: they hold a set of members for each kind of row. Few members are as good as
many (the weights below the heaviest five of a mixture of eighteen brought nothing on four streams), and can be named.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from common.seeding import random_generator
from meta.decayed import compute_decayed_records, compute_part_losses, soften
from meta.flags import RowKind
from meta.greedy import blend_by_kind, blend_greedily
from meta.past import Past

DEFAULT = "default"
"""The routed ensemble that the chooser leaves only for a predicted gain."""

Members = np.ndarray
"""Weights (3, n_lines) by RowKind; each row sums to 1."""


def fit_ensembles(
    past: Past, guarded: Collection[str], half_life: float, temperature: float, most: int, seed: int
) -> dict[str, Members]:
    """Return the weights (3, n_lines) by RowKind of every ensemble, by its variant; at most ``most`` lines a kind.

    guarded: lines that take impossible cells as missing, or read no cells at all
    """
    generator = random_generator(seed, "ensembles", int(past.batch.max()))
    parts = compute_part_losses(past)
    recent = {
        clean: soften(compute_decayed_records(parts, clean, half_life, returning=True), temperature)
        for clean in (True, False)
    }
    by_kind = blend_by_kind(past, generator)
    mean = (by_kind + np.stack([recent[True], recent[False], recent[False]])) / 2
    trusted = np.array([line in guarded for line in past.lines], dtype=float)
    found = {
        DEFAULT: _restrict(mean, trusted),
        "routed": _restrict(by_kind, trusted),
        "clean": _repeat(blend_greedily(past.take(past.clean), generator)),
        "any": _repeat(blend_greedily(past, generator, balanced=True)),
        "sparse": _repeat(by_kind[RowKind.SPARSE]),
        "anomalous": _repeat(_restrict(by_kind, trusted)[RowKind.ANOMALOUS]),
        "recent clean": _repeat(recent[True]),
        "recent damaged": _repeat(recent[False]),
    }
    return {variant: np.array([cut(weights, most) for weights in members]) for variant, members in found.items()}


def cut(weights: np.ndarray, most: int) -> np.ndarray:
    """Return weights (n_lines,) of which at most ``most``, the heaviest, are left; they sum to 1.

    >>> cut(np.array([0.5, 0.1, 0.3, 0.1]), 2).tolist()
    [0.625, 0.0, 0.375, 0.0]
    """
    left = np.zeros(len(weights))
    heaviest = np.argsort(-weights, kind="stable")[:most]
    left[heaviest] = weights[heaviest]
    return left / left.sum()


def mix_members(
    outputs: Mapping[str, np.ndarray], kinds: np.ndarray, members: Sequence[Mapping[str, float]]
) -> np.ndarray | None:
    """Return what an ensemble answers to rows (n_rows,) of each kind, from its members' outputs (n_rows, n_outputs).

    Members without outputs drop out and the others are reweighted; None where a kind of row has no member left.
    """
    mixed: np.ndarray | None = None
    for kind in np.unique(kinds):
        weights = {line: share for line, share in members[kind].items() if line in outputs}
        if not weights:
            return None
        total, rows = sum(weights.values()), kinds == kind
        answer = sum(outputs[line][rows] * (share / total) for line, share in weights.items())
        if mixed is None:
            mixed = np.zeros((len(kinds), *np.shape(answer)[1:]))
        mixed[rows] = answer
    return mixed


def _repeat(weights: np.ndarray) -> Members:
    """Return the members of an ensemble that answers every kind of row alike."""
    return np.stack([weights] * len(RowKind))


def _restrict(members: Members, trusted: np.ndarray) -> Members:
    """Return members in which half of the weights for anomalous rows come from the guarded lines for sparse ones.

    Past a guard an impossible cell is a missing one, whatever it held; so what is known of missing cells holds for
    damage that no record has shown, too. ``trusted`` (n_lines,) is 1 for guarded lines and 0 for others.
    """
    sparse = members[RowKind.SPARSE]
    kept = sparse * trusted
    kept = kept / kept.sum() if kept.sum() > 0 else sparse
    restricted = members.copy()
    restricted[RowKind.ANOMALOUS] = (members[RowKind.ANOMALOUS] + kept) / 2
    return restricted
