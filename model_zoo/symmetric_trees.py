"""CatBoost's symmetric trees as plain arrays: asked without the library, and safe to load.

CatBoost's own file can end the process where it is damaged, and reading a row into its pool takes longer than its trees
do. Here the trees are a ``Forest`` over *derived* columns: the numbers of the table, indicators of single categories,
and the target means of categories, or of combinations of them, that CatBoost looks up by a hash.

Source: the applier in Python that CatBoost itself exports (``save_model(format="python")``).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.model_zoo.forest import LEAF, Forest

MULTIPLIER = np.uint64(0x4906BA494954CB65)
"""What CatBoost multiplies hashes by where it combines them."""
UNKNOWN = np.uint64(0)
"""The hash of a category that was not learned; no table holds it."""
NOTHING = 2**64 - 1
"""The hash of an empty place in CatBoost's tables."""
LEAST_WEIGHT = 1e-6
"""Weight of a leaf that no training row reached, so that an explanation does not divide by 0."""
KINDS = {
    "codes": np.int64,
    "hashes": np.uint64,
    "depths": np.int64,
    "asked": np.int64,
    "thresholds": np.float64,
    "leaves": np.float64,
    "weights": np.float64,
}
"""The arrays of a stored model beside its tables."""


@dataclass(frozen=True)
class Key:
    """What rows are looked up by: categories, whether numbers lie above borders and whether categories are given ones.

    categories: columns of the table that hold codes; above: (column, border); equal: (column, hash of the category)
    """

    categories: tuple[int, ...]
    above: tuple[tuple[int, float], ...] = ()
    equal: tuple[tuple[int, int], ...] = ()

    @property
    def columns(self) -> tuple[int, ...]:
        """Every column of the table that it reads."""
        return tuple(sorted({*self.categories, *(column for column, _ in (*self.above, *self.equal))}))


@dataclass(frozen=True, eq=False)
class Lookup:
    """A derived column: ``means`` (n_known + 1,) float32 of the learned hashes ``known`` (n_known,), which ascend, and
    at last that of any other hash.
    """

    key: Key
    known: np.ndarray
    means: np.ndarray

    def __post_init__(self) -> None:
        if self.known.ndim != 1 or self.means.shape != (len(self.known) + 1,):
            raise ValueError("a stored table of target means has arrays that do not fit together")


@dataclass(frozen=True, eq=False)
class SymmetricTrees:
    """Trees over derived columns, which are ``numeric``, then ``indicators``, then ``lookups``.

    categorical: columns of the table that hold codes; indicators: (column, hash of the category)
    fills:       (n_columns,) float32, the median of each numeric column that was complete, NaN for any other column
    codes:       (n_codes,) int64, those that were learned, ascending, and their ``hashes`` (n_codes,) uint64
    depths:      (n_trees,) int64, how many questions each tree asks
    asked:       (n_questions,) int64, derived columns, and the ``thresholds`` (n_questions,) float64 to exceed
    leaves:      (n_leaves, n_outputs) float64 margins; bit i of a leaf's position in its tree answers question i
    weights:     (n_leaves,) float64, of the training rows that reached the leaf
    """

    numeric: tuple[int, ...]
    categorical: tuple[int, ...]
    indicators: tuple[tuple[int, int], ...]
    lookups: tuple[Lookup, ...]
    fills: np.ndarray
    codes: np.ndarray
    hashes: np.ndarray
    depths: np.ndarray
    asked: np.ndarray
    thresholds: np.ndarray
    leaves: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        self._check()

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return the margins (n_rows, n_outputs) of encoded rows (n_rows, n_columns) float32."""
        return self.forest.predict(self.derive(values))

    def derive(self, values: np.ndarray) -> np.ndarray:
        """Return the derived columns (n_rows, n_derived) float32; a number that stays missing lies below all others."""
        numbers = values[:, list(self.numeric)]
        fills = self.fills[list(self.numeric)]
        numbers = np.where(np.isnan(numbers), np.where(np.isnan(fills), -np.inf, fills), numbers)
        above = {column: numbers[:, place] for place, column in enumerate(self.numeric)}
        hashed = {column: self._hash(values[:, column]) for column in self.categorical}
        single = [hashed[column] == np.uint64(category) for column, category in self.indicators]
        found: dict[Key, np.ndarray] = {}
        means = []
        for lookup in self.lookups:
            if lookup.key not in found:
                found[lookup.key] = _find(lookup, _combine(lookup.key, hashed, above, len(values)))
            means.append(lookup.means[found[lookup.key]])
        parts = [numbers, *(part[:, None] for part in (*single, *means))]
        return np.ascontiguousarray(np.hstack(parts), dtype=np.float32)

    @cached_property
    def sources(self) -> list[tuple[int, ...]]:
        """The columns of the table that each derived column is made of."""
        single = [(column,) for column in (*self.numeric, *(column for column, _ in self.indicators))]
        return [*single, *(lookup.key.columns for lookup in self.lookups)]

    def list_trees(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield each tree: what it asks, the thresholds, its leaves and their weights."""
        asked, thresholds = (np.split(part, np.cumsum(self.depths)[:-1]) for part in (self.asked, self.thresholds))
        leaves, weights = (np.split(part, np.cumsum(2**self.depths)[:-1]) for part in (self.leaves, self.weights))
        yield from zip(asked, thresholds, leaves, weights, strict=True)

    @cached_property
    def forest(self) -> Forest:
        """The trees with every node of its own, made once a process; the margins are their mean."""
        grown = [_grow(*tree) for tree in self.list_trees()]
        left, right, feature, threshold, leaves = (np.concatenate(parts) for parts in zip(*grown, strict=True))
        return Forest(
            starts=np.cumsum([0, *(2 ** (self.depths + 1) - 1)]).astype(np.int64),
            left=left,
            right=right,
            feature=feature,
            threshold=threshold,
            to_left=np.ones(len(left), dtype=bool),
            weight=np.zeros(len(left)),
            answers=leaves * len(self.depths),
            columns=np.array(self._n_derived, dtype=np.int64),
        )

    @property
    def _n_derived(self) -> int:
        return len(self.numeric) + len(self.indicators) + len(self.lookups)

    def _hash(self, column: np.ndarray) -> np.ndarray:
        """Return the hashes (n_rows,) of category codes; one that is missing is code -1."""
        codes = read_codes(column)
        if not len(self.codes):
            return np.full(len(codes), UNKNOWN)
        place = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[place] == codes, self.hashes[place], UNKNOWN)

    def dump(self) -> dict[str, bytes]:
        """Return the arrays and, in JSON, how columns are read; the same bytes for the same trees."""
        reading = {
            "numeric": self.numeric,
            "categorical": self.categorical,
            "indicators": self.indicators,
            "keys": [asdict(lookup.key) for lookup in self.lookups],
            "fills": [None if np.isnan(fill) else float(fill) for fill in self.fills],
        }
        arrays = {name: getattr(self, name) for name in KINDS}
        for place, lookup in enumerate(self.lookups):
            arrays |= {f"known_{place}": lookup.known, f"means_{place}": lookup.means}
        text = json.dumps(reading, sort_keys=True, separators=(",", ":"))
        return {"catboost.json": text.encode(), "catboost.npz": dump_arrays(**arrays)}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> "SymmetricTrees":
        """Return the trees that ``dump`` stored; ValueError where they lead out of their own arrays."""
        if "catboost.npz" not in parts:
            raise ValueError("it holds a file of CatBoost's own, which is no longer read, so it has to be made again")
        reading, arrays = json.loads(parts["catboost.json"]), load_arrays(parts["catboost.npz"])
        names = [f"{name}_{place}" for place in range(len(reading["keys"])) for name in ("known", "means")]
        if set(arrays) != {*KINDS, *names}:
            raise ValueError("stored symmetric trees hold other arrays than their tables need")
        lookups = [
            Lookup(_read_key(key), arrays[f"known_{place}"].astype(np.uint64), arrays[f"means_{place}"])
            for place, key in enumerate(reading["keys"])
        ]
        return cls(
            numeric=tuple(map(int, reading["numeric"])),
            categorical=tuple(map(int, reading["categorical"])),
            indicators=_read_pairs(reading["indicators"], int),
            lookups=tuple(lookups),
            fills=np.array([np.nan if fill is None else fill for fill in reading["fills"]], dtype=np.float32),
            **{name: arrays[name].astype(kind) for name, kind in KINDS.items()},
        )

    def _check(self) -> None:
        """Raise ValueError where a question or a table leads out of the arrays."""
        n_columns, n_questions = len(self.fills), len(self.asked)
        read = [*self.numeric, *self.categorical]
        fits = (
            sorted(read) == list(range(n_columns))
            and all(column in self.categorical for column, _ in self.indicators)
            and all(
                set(lookup.key.categories) | {column for column, _ in lookup.key.equal} <= set(self.categorical)
                and {column for column, _ in lookup.key.above} <= set(self.numeric)
                for lookup in self.lookups
            )
            and self.codes.shape == self.hashes.shape == (len(self.codes),)
            and len(self.depths) > 0
            and bool(((self.depths >= 0) & (self.depths <= 16)).all())
            and self.asked.shape == self.thresholds.shape == (self.depths.sum(),)
            and (not n_questions or (self.asked.min() >= 0 and self.asked.max() < self._n_derived))
            and self.leaves.ndim == 2
            and len(self.leaves) == len(self.weights) == (2**self.depths).sum()
        )
        if not fits:
            raise ValueError("stored symmetric trees have arrays that do not fit together")


def read_codes(column: np.ndarray) -> np.ndarray:
    """Return category codes (n_rows,) as whole numbers; -1 for others, and from 2 ** 24 on, where float32 rounds them.

    >>> read_codes(np.array([2.0, np.nan, -3.0, 1e12], dtype=np.float32)).tolist()
    [2, -1, -1, -1]
    """
    return np.where((column >= 0) & (column < 2**24), column, -1).astype(np.int64)


def _combine(key: Key, hashed: Mapping[int, np.ndarray], numbers: Mapping[int, np.ndarray], n_rows: int) -> np.ndarray:
    """Return the hash (n_rows,) of each row's categories and answers together."""
    parts = [hashed[column] for column in key.categories]
    parts += [(numbers[column] > border).astype(np.uint64) for column, border in key.above]
    parts += [(hashed[column] == np.uint64(category)).astype(np.uint64) for column, category in key.equal]
    combined: np.ndarray = np.zeros(n_rows, dtype=np.uint64)
    for part in parts:
        combined = MULTIPLIER * (combined + MULTIPLIER * part)
    return combined


def _find(lookup: Lookup, hashes: np.ndarray) -> np.ndarray:
    """Return the place (n_rows,) of each hash in a table; the last one where it is not there."""
    if not len(lookup.known):
        return np.zeros(len(hashes), dtype=np.int64)
    place = np.minimum(np.searchsorted(lookup.known, hashes), len(lookup.known) - 1)
    return np.where(lookup.known[place] == hashes, place, len(lookup.known))


def _grow(
    asked: np.ndarray, thresholds: np.ndarray, leaves: np.ndarray, _weights: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return the nodes of a symmetric tree, level after level: children, question, threshold and margins.

    The node at place p of level l follows from the first l bits of a leaf, which answer the questions so far; a yes is
    the right child, whose place has one more bit. Only leaves have margins.
    """
    depth = len(asked)
    level = np.repeat(np.arange(depth + 1), 2 ** np.arange(depth + 1))
    place, inner = np.arange(len(level)) - (2**level - 1), level < depth
    left = np.where(inner, 2 ** (level + 1) - 1 + place, LEAF).astype(np.int32)
    right = np.where(inner, left + 2**level, LEAF).astype(np.int32)
    feature, threshold = np.zeros(len(level), dtype=np.int32), np.zeros(len(level))
    feature[inner], threshold[inner] = asked[level[inner]], thresholds[level[inner]]
    return left, right, feature, threshold, np.vstack([np.zeros((inner.sum(), leaves.shape[1])), leaves])


def _read_key(stored: Mapping[str, Any]) -> Key:
    categories = tuple(map(int, stored["categories"]))
    return Key(categories, _read_pairs(stored["above"], float), _read_pairs(stored["equal"], int))


def _read_pairs(stored: Sequence[Sequence[Any]], kind: Any) -> tuple[tuple[int, Any], ...]:
    return tuple((int(column), kind(number)) for column, number in stored)
