"""Exact SHAP values of decision trees (path-dependent TreeSHAP), for all nodes of all trees at once.

A leaf answers where a row fulfils every split on the way to it; where a feature is not known, its splits pass on the
share of the training rows instead. So what a leaf adds is a product of one factor a feature, and the Shapley value of a
feature is the mean over ``t`` in (0, 1) of the slope of that product, if every feature is known with probability ``t``.
That is a polynomial, so a few points of Gauss and Legendre's give it exactly; sums over leaves run up the trees.

Source: Lundberg et al. (2020), "From local explanations to global understanding with explainable AI for trees"; Owen
(1972), "Multilinear extensions of games", for the mean over t; Yu et al. (2022), "Linear TreeSHAP", for sums by nodes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pointsman.model_zoo.forest import LEAF, Forest
from pointsman.model_zoo.terms import Terms

CHUNK_CELLS = 1_000_000
"""Numbers that are held for some rows at a time: nodes times rows times points."""

LEAST_SHARE = 1e-12
"""Of a split's rows that a side passes on, so that nothing is divided by 0."""

CASES = ((0, 0), (0, 1), (1, 1))
"""Whether a row fulfils all splits of a feature down to a node, and whether it fulfils those above the last one."""


@dataclass(frozen=True, eq=False)
class Splits:
    """The nodes of a forest below its roots, level by level, the two children of a node side by side.

    levels:  where each level begins, and the number of nodes at last
    parent:  (n_nodes,) the place of the parent; on the first level it means nothing
    before:  (n_nodes,) the last node above for which the same feature is asked, -1 without one
    column:  (n_nodes,) what is asked at the parent, ``threshold`` and ``to_left`` as in Forest, ``is_left`` the side
    factors: (3, n_nodes, n_points) by CASES: the feature's factor down to the node over that down to ``before``
    slopes:  (3, n_nodes, n_points) by CASES: the factor's slope over the factor, less that of ``before``, weighted
    answers: (n_nodes, n_outputs) of leaves, divided by the number of trees; 0 of other nodes
    """

    levels: tuple[int, ...]
    parent: np.ndarray
    before: np.ndarray
    column: np.ndarray
    threshold: np.ndarray
    to_left: np.ndarray
    is_left: np.ndarray
    factors: np.ndarray
    slopes: np.ndarray
    answers: np.ndarray

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where each level begins and ends."""
        return list(pairwise(self.levels))


def compute_shap(forest: Forest, values: np.ndarray) -> Terms:
    """Return what columns add to the mean answer of the trees to rows (n_rows, n_columns) float32.

    Of two classes only the second is worked out: their shares sum to 1.
    """
    splits = lay_out_splits(forest)
    two = forest.answers.shape[1] == 2 and np.allclose(forest.answers.sum(axis=1), 1)
    if two:
        splits = replace(splits, answers=splits.answers[:, 1:])
    parts = np.zeros((*values.shape, splits.answers.shape[1]))
    if len(splits.parent):
        rows = max(1, CHUNK_CELLS // splits.factors[0].size)
        for start in range(0, len(values), rows):
            parts[start : start + rows] = _explain(splits, values[start : start + rows])
    return Terms(
        np.concatenate([-parts, parts], axis=2) if two else parts, forest.answers[forest.starts[:-1]].mean(axis=0)
    )


def _explain(splits: Splits, values: np.ndarray) -> np.ndarray:
    """Return the parts (n_rows, n_columns, n_outputs) of a few rows."""
    found = _follow(splits, values) * len(splits.parent) + np.arange(len(splits.parent))[:, None]
    reached, slopes = (  # (n_nodes, n_rows, n_points)
        table.reshape(-1, table.shape[-1]).take(found, axis=0) for table in (splits.factors, splits.slopes)
    )
    for start, end in splits.spans[1:]:
        reached[start:end] *= reached[splits.parent[start:end]]
    order = np.argsort(splits.column, kind="stable")
    columns, starts = np.unique(splits.column[order], return_index=True)
    explained = np.zeros((len(values), values.shape[1], splits.answers.shape[1]))
    for output in range(splits.answers.shape[1]):
        below = reached * splits.answers[:, output, None, None]
        for start, end in reversed(splits.spans[1:]):
            below[splits.parent[start:end:2]] = below[start:end:2] + below[start + 1 : end : 2]
        each = np.einsum("nrk,nrk->nr", below, slopes)
        explained[:, columns, output] = np.add.reduceat(each[order], starts, axis=0).T
    return explained


def _follow(splits: Splits, values: np.ndarray) -> np.ndarray:
    """Return the position in CASES of each node and row (n_nodes, n_rows)."""
    asked = values[:, splits.column].T
    left = np.where(np.isnan(asked), splits.to_left[:, None], asked <= splits.threshold[:, None])
    fulfilled = left == splits.is_left[:, None]
    above = np.ones_like(fulfilled)
    for start, end in splits.spans[1:]:
        again = start + np.flatnonzero(splits.before[start:end] >= 0)
        above[again] = fulfilled[splits.before[again]]
        fulfilled[again] &= above[again]
    return fulfilled.astype(int) + above


def lay_out_splits(forest: Forest) -> Splits:
    """Return the nodes of a forest in the order in which ``compute_shap`` goes through them."""
    places, parents, befores, levels = [], [], [], [0]
    for place, parent, before in _go_down(forest):
        places.append(place)
        parents.append(parent)
        befores.append(before)
        levels.append(levels[-1] + len(place))
    at, parent, before = (np.concatenate([*parts, np.zeros(0, dtype=int)]) for parts in (places, parents, befores))
    roots = forest.starts[:-1]
    first = levels[min(1, len(levels) - 1)]
    split = at[parent]
    split[:first] = np.repeat(roots[forest.left[roots] != LEAF], 2)
    share = np.maximum(forest.weight[at] / forest.weight[split], LEAST_SHARE)
    known, depth = _follow_features(tuple(levels), parent, before, share)
    points, weights = np.polynomial.legendre.leggauss(max(1, (depth.max(initial=0) + 1) // 2))
    factors, slopes = _weigh(known, before, (points + 1) / 2, weights / 2)
    leaves = forest.left[at] == LEAF
    return Splits(
        levels=tuple(levels),
        parent=parent,
        before=before,
        column=forest.feature[split],
        threshold=forest.threshold[split],
        to_left=forest.to_left[split],
        is_left=np.arange(len(at)) % 2 == 0,
        factors=factors,
        slopes=slopes,
        answers=np.where(leaves[:, None], forest.answers[at], 0.0) / len(forest),
    )


def _follow_features(
    levels: tuple[int, ...], parent: np.ndarray, before: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return by node what a feature's splits down to it pass on unseen, and how many features were asked for."""
    known, depth = np.ones(len(parent)), np.ones(len(parent), dtype=int)
    for start, end in pairwise(levels):
        own, last = slice(start, end), before[start:end]
        known[own] = share[own] * np.where(last >= 0, known[last], 1.0)
        depth[own] = (depth[parent[own]] if start else 0) + (last < 0)
    return known, depth


def _go_down(forest: Forest) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, level by level, the nodes' places in the forest and in the layout their parents and ``before``."""
    first = np.repeat(forest.starts[:-1], np.diff(forest.starts))
    children = np.stack([first + forest.left, first + forest.right], axis=1)
    at, start, end = forest.starts[:-1], 0, 0
    asked = np.full((len(at), int(forest.columns)), -1)  # by feature, the last node on the way for which it was asked
    while len(splitting := np.flatnonzero(forest.left[at] != LEAF)):
        split = at[splitting]
        column, parent = np.repeat(forest.feature[split], 2), np.repeat(start + splitting, 2)
        at, asked = children[split].ravel(), np.repeat(asked[splitting], 2, axis=0)
        own = np.arange(len(at))
        start, end = end, end + len(at)
        yield at, parent, asked[own, column]
        asked[own, column] = start + own


def _weigh(
    known: np.ndarray, before: np.ndarray, points: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return factors and slopes; ``known`` (n_nodes,) is what a feature's splits down to a node pass on unseen."""
    above = np.where(before >= 0, known[before], 1.0)
    factors, slopes = [], []
    for own, earlier in CASES:
        factor = known[:, None] * (1 - points) + points * own
        last = above[:, None] * (1 - points) + points * earlier
        factors.append(factor / last)
        slopes.append(((own - known[:, None]) / factor - (earlier - above[:, None]) / last) * weights)
    return np.stack(factors), np.stack(slopes)
