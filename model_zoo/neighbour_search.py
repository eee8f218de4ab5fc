"""Which remembered rows are nearest: compared with all of them, or, where they are many, with those of nearby cells.

The second way is faiss' inverted file (Douze et al., 2024), an optional library: k-means cuts the rows into cells, and
a row is compared with those of its nearest cells alone. It misses few neighbours, those beyond the border of a cell.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pointsman.common.extras import has_extra
from pointsman.common.seeding import derive_seed

LARGE = 100_000
"""Beyond this many rows cells pay off within one request: making them takes a second."""

PROBED = 16
"""Cells that are searched for each row."""

BLOCK = 1_024
"""Rows asked at a time: scikit-learn breaks ties in another way for more, so that a row alone would differ."""

Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""From rows (n_rows, n_columns) float32 and a count to Euclidean distances float64 and positions, both (n_rows, count)
with the nearest first."""


def build_search(rows: np.ndarray) -> Search:
    """Return the search over rows (n_remembered, n_columns) float32: by cells if they are many and faiss is there."""
    return search_cells(rows) if len(rows) > LARGE and has_extra("faiss") else search_all(rows)


def search_all(rows: np.ndarray) -> Search:
    """Return the exact search.

    Scikit-learn compares float32 rows piece by piece and keeps the nearest so far, so that memory does not grow with
    the product of asked and remembered rows.
    """
    from sklearn.neighbors import NearestNeighbors

    remembered = NearestNeighbors(algorithm="brute").fit(rows)

    def search(asked: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        starts = range(0, len(asked), BLOCK)
        found = [remembered.kneighbors(asked[start : start + BLOCK], count) for start in starts]
        return np.concatenate([each[0] for each in found]), np.concatenate([each[1] for each in found])

    return search


def search_cells(rows: np.ndarray) -> Search:
    """Return the search through faiss; needs hundreds of rows. The same rows give the same cells.

    Nearby cells are found exactly, and not by faiss: it rounds otherwise for 20 rows at once than for one, so that a
    row alone might look into other cells than in a file.
    """
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it tells everyone which build of it was loaded
    import faiss

    n_columns = rows.shape[1]
    index: Any = faiss.IndexIVFFlat(faiss.IndexFlatL2(n_columns), n_columns, max(PROBED, round(len(rows) ** 0.5)))
    index.cp.seed = derive_seed(0, "model_zoo", "knn", "cells")
    with _one_thread():
        index.train(rows)
        index.add(rows)
    sizes = [index.get_list_size(cell) for cell in range(index.nlist)]
    filled = np.flatnonzero(sizes)  # few of the cells, where many rows are alike
    index.nprobe = min(PROBED, len(filled))
    find_cells = search_all(index.quantizer.reconstruct_n(0, index.nlist)[filled])

    def search(asked: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        away, cells = find_cells(asked, index.nprobe)
        with _one_thread():
            squares, nearest = index.search_preassigned(asked, count, filled[cells], away.astype(np.float32))
        distances = np.sqrt(squares.astype(np.float64))
        short = (nearest < 0).any(axis=1)  # its cells hold fewer rows than are wanted
        if short.any():
            distances[short], nearest[short] = search_all(rows)(asked[short], count)
        return distances, nearest

    return search


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep faiss to one thread: answers are computed on one core, whatever trains beside them."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
