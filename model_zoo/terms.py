"""Answers taken apart: what each encoded column of a row adds to margins, and through a link to the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

STEP = 1e-4
"""Distance of two margins whose answers are compared to learn the slope between them."""
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(8)
NODES, NODE_WEIGHTS = (NODES + 1) / 2, NODE_WEIGHTS / 2


@dataclass(frozen=True, eq=False)
class Terms:
    """What columns add to margins, such as log-odds, which a link turns into an answer.

    ``parts`` is (n_rows, n_columns, n_margins), ``base`` (n_margins,) the margins before anything is known of a row.
    """

    parts: np.ndarray
    base: np.ndarray


def carry(terms: Terms, link: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return what each column adds to the answer (n_rows, n_columns), from the answer to ``base`` on.

    ``link`` maps margins (n_rows, n_margins) to numbers (n_rows,). Its slope is averaged on the straight way from the
    base to the row's margins, so that the parts of a row add up to the difference of the answers whatever the link is.
    Source: integrated gradients, Sundararajan, Taly and Yan (2017), over the link alone.

    >>> carry(Terms(np.array([[[1.0], [1.0]]]), np.array([0.0])), lambda margins: margins[:, 0] ** 2).round(6).tolist()
    [[2.0, 2.0]]
    """
    way = terms.parts.sum(axis=1)
    slopes = np.zeros_like(way)
    for node, weight in zip(NODES, NODE_WEIGHTS, strict=True):
        for margin, step in enumerate(np.eye(len(terms.base)) * STEP):
            middle = terms.base + node * way
            slopes[:, margin] += weight * (link(middle + step) - link(middle - step)) / (2 * STEP)
    carried = np.einsum("rcm,rm->rc", terms.parts, slopes)
    exact = link(terms.base + way) - link(np.broadcast_to(terms.base, way.shape))
    found = carried.sum(axis=1)
    ratio = np.divide(exact, found, out=np.ones_like(found), where=np.abs(found) > STEP)
    return carried * np.clip(ratio, 0.5, 2.0)[:, None]


def sum_by_origin(values: np.ndarray, origins: Sequence[str], features: Sequence[str]) -> np.ndarray:
    """Return contributions by feature (n_rows, n_features, ...) from those by column (n_rows, n_columns, ...).

    Adding up keeps every row's total, so what was additive by column is additive by feature.

    >>> sum_by_origin(np.array([[1.0, 2.0, 4.0]]), ["b", "a", "b"], ["a", "b", "c"]).tolist()
    [[2.0, 5.0, 0.0]]
    """
    place = {name: position for position, name in enumerate(features)}
    summed = np.zeros((len(values), len(features), *values.shape[2:]))
    for column, origin in enumerate(origins):
        summed[:, place[origin]] += values[:, column]
    return summed
