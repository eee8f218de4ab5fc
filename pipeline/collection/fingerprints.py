"""Rows as 64-bit hashes that are the same in every process, whatever the order and dtypes of their columns.

A cell is hashed as text by SipHash under its column's name (``pandas.util.hash_array``); a missing or empty cell
counts nothing, so a column that other parts lack changes no row. A row's hash mixes the sum over its cells. The digest
of a set of rows is the sum of their hashes: it does not depend on their order and grows row by row.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from pointsman.pipeline.collection.cells import format_cells


def hash_rows(table: pd.DataFrame) -> np.ndarray:
    """Return one uint64 a row, shape (n_rows,).

    >>> read_twice = pd.DataFrame({"a": ["1", "2"]}), pd.DataFrame({"empty": ["", None], "a": [1.0, 2.0]})
    >>> bool((hash_rows(read_twice[0]) == hash_rows(read_twice[1])).all())
    True
    """
    sums = np.zeros(len(table), dtype=np.uint64)
    for name, cells in table.items():
        sums += _hash_cells(cells, str(name))
    return pd.util.hash_array(sums)


def compute_rows_digest(hashes: np.ndarray) -> int:
    """Return the digest of a set of rows, given their hashes: a number below 2**64."""
    return int(hashes.sum(dtype=np.uint64))


def add_digests(first: int, second: int) -> int:
    """Return the digest of two sets of rows put together."""
    return (first + second) % 2**64


class StoredRows:
    """How often each row was stored, as a multiset of hashes from which rows that are found again are struck off."""

    def __init__(self, tables: Iterable[pd.DataFrame]) -> None:
        hashes = [hash_rows(table) for table in tables]
        self._counts = pd.Series(np.concatenate([np.empty(0, dtype=np.uint64), *hashes])).value_counts()

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """Return which rows are stored, shape (n_rows,); each stored row answers for one row only."""
        occurrence = pd.Series(hashes).groupby(hashes).cumcount().to_numpy()
        return occurrence < self._counts.reindex(hashes, fill_value=0).to_numpy()

    def strike_off(self, hashes: np.ndarray) -> np.ndarray:
        """Return which rows are stored, as ``find`` does, and use these stored rows up."""
        found = self.find(hashes)
        struck = pd.Series(hashes[found]).value_counts()
        self._counts = self._counts.sub(struck, fill_value=0).astype("int64")
        return found


def _hash_cells(cells: pd.Series, name: str) -> np.ndarray:
    key = hashlib.sha256(name.encode()).hexdigest()[:16]
    codes, distinct = pd.factorize(format_cells(cells) if cells.dtype == "object" else cells)
    texts = format_cells(pd.Series(distinct))
    hashes = pd.util.hash_array(texts.to_numpy(dtype=object), hash_key=key, categorize=False)
    hashes[texts.eq("").to_numpy(dtype=bool)] = 0
    return np.append(hashes, np.uint64(0))[codes]
