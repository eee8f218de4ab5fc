"""Exact SHAP values of symmetric trees, equal to those that CatBoost computes itself (its ``ShapValues``) but for how a
combination of columns is shared out among them.

A column's share is its mean effect over all orders in which the columns of a row become known; what is not known yet is
averaged over the training rows that got there. A symmetric tree asks a handful of questions, so expectations for all
sets of known answers are worked out question by question, each time for twice as many sets over half as many nodes.
Source: Lundberg et al. (2020), "From local explanations to global understanding with explainable AI for trees".
"""

from collections.abc import Sequence
from functools import cache
from math import factorial

import numpy as np

from pointsman.model_zoo.symmetric_trees import LEAST_WEIGHT, SymmetricTrees
from pointsman.model_zoo.terms import Terms


def explain_trees(trees: SymmetricTrees, values: np.ndarray) -> Terms:
    """Return what each column of encoded rows (n_rows, n_columns) adds to the margins.

    A combination of columns counts as one, whose share is theirs in equal parts.
    """
    derived = trees.derive(values)
    parts = np.zeros((*values.shape, trees.leaves.shape[1]))
    base = np.zeros(trees.leaves.shape[1])
    for asked, thresholds, leaves, weights in trees.list_trees():
        sources = [trees.sources[column] for column in asked]
        groups = list(dict.fromkeys(sources))
        expected = _expect(derived[:, asked] > thresholds, leaves, weights)
        base += expected[0, 0]
        if groups:
            shares = weigh_sets(tuple(groups.index(source) for source in sources))
            effects = np.einsum("gs,rso->rgo", shares, expected)
            for place, columns in enumerate(groups):
                parts[:, columns] += effects[:, [place]] / len(columns)
    return Terms(parts, base)


def _expect(answers: np.ndarray, leaves: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the expected margins (n_rows, n_sets, n_outputs) of a tree given a set of its questions' answers.

    answers: (n_rows, n_questions) bool; bit i of a set's position says whether the answer of question i is known
    """
    n_rows, depth = answers.shape
    rows, weight = np.arange(n_rows), np.maximum(weights, LEAST_WEIGHT)
    expected = np.broadcast_to(leaves, (n_rows, 1, *leaves.shape))
    for question in range(depth):  # CatBoost takes the last question for the root
        sides = expected.reshape(n_rows, expected.shape[1], -1, 2, leaves.shape[1])
        pairs = weight.reshape(-1, 2)
        weight = pairs.sum(axis=1)
        unknown = np.einsum("rspbo,pb->rspo", sides, pairs / weight[:, None])
        known = sides[rows, :, :, answers[:, question].astype(int)]
        expected = np.concatenate([unknown, known], axis=1)
    return expected[:, :, 0]


@cache
def weigh_sets(groups: Sequence[int]) -> np.ndarray:
    """Return by how much the expectation for each set of known questions counts in each group's share.

    ``groups`` tells the group of each question; the answer is (n_groups, 2 ** n_questions). Sets that know a group in
    part count nothing.

    >>> weigh_sets((0, 1)).tolist()
    [[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]]
    """
    n_groups = max(groups) + 1
    shares = np.zeros((n_groups, 2 ** len(groups)))
    for known in range(2**n_groups):
        place = sum(1 << question for question, group in enumerate(groups) if known >> group & 1)
        n_known = known.bit_count()
        for group in range(n_groups):
            among = n_known - 1 if known >> group & 1 else n_known
            weight = factorial(among) * factorial(n_groups - among - 1) / factorial(n_groups)
            shares[group, place] += weight if known >> group & 1 else -weight
    return shares
