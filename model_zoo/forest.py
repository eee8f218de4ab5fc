"""Decision trees as plain arrays: what scikit-learn grew, stored without its objects and asked without its overhead.

scikit-learn checks a table, starts a pool and locks a sum for every call, which takes ten times as long as its trees
take for one row. Its compiled trees are rebuilt from the arrays and asked directly; answers are the same to the bit.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from pointsman.model_zoo.arrays import dump_arrays, load_arrays

FEW_ROWS = 8
"""Rows that go down all trees at once; more are answered tree by tree, which has a cost for each tree."""
UNLOADED_ROWS, VOTED_ROWS = 2_000, 250
"""Rows that do so, some at a time, where scikit-learn's trees are not loaded yet: that takes as long as 10,000 rows."""

LEAF = -1
"""The child of a node that has none."""


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees one after another, each with its root first; an answer is the mean over them.

    starts:    (n_trees + 1,) int64, where the nodes of each tree begin, and the number of nodes at last
    left:      (n_nodes,) int32, position within its tree of the child for cells up to the threshold, LEAF without one
    right:     (n_nodes,) int32, the same for larger cells
    feature:   (n_nodes,) int32, the column that is asked for
    threshold: (n_nodes,) float64
    to_left:   (n_nodes,) bool, where a missing cell goes
    weight:    (n_nodes,) float64, of the training rows that reached the node
    answers:   (n_nodes, n_outputs) float64, shares of the classes or means of the targets of those rows
    columns:   () int64, how many columns a row has
    """

    starts: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    to_left: np.ndarray
    weight: np.ndarray
    answers: np.ndarray
    columns: np.ndarray

    def __post_init__(self) -> None:
        self._check()

    def __len__(self) -> int:
        return len(self.starts) - 1

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return the mean answer (n_rows, n_outputs) to rows (n_rows, n_columns) float32."""
        if len(values) <= FEW_ROWS or (len(values) <= UNLOADED_ROWS and "sklearn.tree" not in sys.modules):
            starts = range(0, max(1, len(values)), VOTED_ROWS)
            return np.concatenate([self._sum(values[start : start + VOTED_ROWS]) for start in starts]) / len(self)
        total = np.zeros((len(values), self.answers.shape[1]))
        for tree in self._compiled:
            total += tree.predict(values).reshape(total.shape)
        return total / len(self)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of the trees' answers, tree after tree: in another order it has other last digits."""
        summed: np.ndarray = np.add.accumulate(self.vote(values), axis=0)[-1]
        return summed

    def vote(self, values: np.ndarray) -> np.ndarray:
        """Return each tree's answer (n_trees, n_rows, n_outputs) to few rows, which go down all trees at once."""
        children, feature, depth = self._paths
        missing = np.isnan(values)
        some_missing = bool(missing.any())
        rows = np.arange(len(values))
        at = np.repeat(self.starts[:-1, np.newaxis], len(values), axis=1)
        for _ in range(depth):
            asked = feature.take(at)
            to_left = values[rows, asked] <= self.threshold.take(at)
            if some_missing:
                to_left = np.where(missing[rows, asked], self.to_left.take(at), to_left)
            at = children.take(2 * at + to_left)
        return self.answers[at]

    @cached_property
    def _paths(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the right and the left child of each node in turn, what is asked, and the depth of the deepest tree.

        Children are positions among all nodes. A leaf leads to itself, whatever it asks.
        """
        sizes = np.diff(self.starts)
        first = np.repeat(self.starts[:-1], sizes)
        ends, own = self.left == LEAF, np.arange(len(self.left))
        left, right = (np.where(ends, own, first + side) for side in (self.left, self.right))
        depth, level = 0, self.starts[:-1]
        while len(level := level[~ends[level]]):
            depth, level = depth + 1, np.concatenate([left[level], right[level]])
        return np.stack([right, left], axis=1).ravel(), np.where(ends, 0, self.feature), depth

    def list_trees(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield the arrays of each tree under the names of the fields."""
        for start, end in zip(self.starts[:-1], self.starts[1:], strict=True):
            yield {name: getattr(self, name)[start:end] for name in PER_NODE}

    @cached_property
    def _compiled(self) -> list[Any]:
        """scikit-learn's own trees, built once a process."""
        from sklearn.tree._tree import NODE_DTYPE, Tree

        n_outputs = self.answers.shape[1]
        built = []
        for tree in self.list_trees():
            nodes = np.zeros(len(tree["left"]), dtype=NODE_DTYPE)
            nodes["left_child"], nodes["right_child"] = tree["left"], tree["right"]
            nodes["feature"], nodes["threshold"] = tree["feature"], tree["threshold"]
            nodes["missing_go_to_left"] = tree["to_left"]
            one = Tree(int(self.columns), np.ones(n_outputs, dtype=np.intp), n_outputs)
            answers = np.ascontiguousarray(tree["answers"][:, :, np.newaxis])
            one.__setstate__({"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": answers})
            built.append(one)
        return built

    def dump(self) -> bytes:
        """Return the arrays as bytes."""
        return dump_arrays(**{name: getattr(self, name) for name in ALL})

    @classmethod
    def load(cls, stored: bytes) -> "Forest":
        """Return the forest that ``dump`` stored; ValueError where its trees lead out of their own nodes."""
        arrays = load_arrays(stored)
        if set(arrays) != set(ALL):
            raise ValueError(f"a stored forest holds {', '.join(sorted(arrays))} instead of {', '.join(ALL)}")
        return cls(**arrays)

    def _check(self) -> None:
        """Raise ValueError where a tree would lead out of its own nodes or columns, or round in a circle.

        scikit-learn follows positions unchecked, into foreign memory where they are wrong.
        """
        n_nodes, sizes = len(self.left), np.diff(self.starts)
        fits = all(len(getattr(self, name)) == n_nodes for name in PER_NODE) and self.answers.ndim == 2
        if not fits or len(sizes) < 1 or (sizes < 1).any() or self.starts[0] != 0 or self.starts[-1] != n_nodes:
            raise ValueError("a stored decision tree has arrays that do not fit together")
        own = np.arange(n_nodes) - np.repeat(self.starts[:-1], sizes)
        inner = self.left != LEAF
        most = np.repeat(sizes, sizes)[inner]
        follows = all(
            bool(((side[inner] > own[inner]) & (side[inner] < most)).all()) for side in (self.left, self.right)
        )
        asks = bool(((self.feature[inner] >= 0) & (self.feature[inner] < self.columns)).all())
        ends = bool((self.right[~inner] == LEAF).all())
        if not (follows and asks and ends):
            raise ValueError("a stored decision tree leads out of its own nodes or columns")


ALL = tuple(one.name for one in fields(Forest))
PER_NODE = tuple(name for name in ALL if name not in ("starts", "columns"))


def read_trees(trees: Sequence[Any]) -> Forest:
    """Return fitted scikit-learn trees as a forest."""
    nodes = [one.tree_ for one in trees]

    def join(name: str, kind: type) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in nodes]).astype(kind)

    answers = [one.value.reshape(one.node_count, -1) for one in nodes]
    return Forest(
        starts=np.cumsum([0, *(one.node_count for one in nodes)]).astype(np.int64),
        left=join("children_left", np.int32),
        right=join("children_right", np.int32),
        feature=join("feature", np.int32),
        threshold=join("threshold", np.float64),
        to_left=join("missing_go_to_left", np.bool_),
        weight=join("weighted_n_node_samples", np.float64),
        answers=np.concatenate(answers),
        columns=np.array(nodes[0].n_features, dtype=np.int64),
    )
