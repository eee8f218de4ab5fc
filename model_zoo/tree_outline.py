"""The upper part of a decision tree as nested records that can be drawn: what is asked, how many rows, which answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointsman.model_zoo.encoded_columns import EncodedColumn
from pointsman.model_zoo.forest import LEAF, Forest


@dataclass(frozen=True)
class TreeNode:
    """A node: the ``share`` of the training rows that reach it and its ``answer`` to them.

    ``asked`` is what holds of the rows that go on to ``yes``, the others go to ``no``; '' of a leaf. A node below
    which splits are left out has ``hidden`` of them.
    """

    share: float
    answer: float
    asked: str = ""
    yes: "TreeNode | None" = None
    no: "TreeNode | None" = None
    hidden: int = 0


def outline_forest(forest: Forest, place: int, columns: Sequence[EncodedColumn], depth: int) -> TreeNode:
    """Return the upper ``depth`` levels of splits of one tree of a forest; of classes, the answer is the last one's."""
    tree = {
        name: array[forest.starts[place] : forest.starts[place + 1]]
        for name, array in vars(forest).items()
        if isinstance(array, np.ndarray) and name not in ("starts", "columns")
    }
    below = _count_splits(tree)

    def walk(node: int, left: int) -> TreeNode:
        share, answer = float(tree["weight"][node] / tree["weight"][0]), float(tree["answers"][node, -1])
        if tree["left"][node] == LEAF:
            return TreeNode(share, answer)
        if not left:
            return TreeNode(share, answer, hidden=int(below[node]))
        asked = columns[tree["feature"][node]].describe_split(float(tree["threshold"][node]))
        yes, no = (walk(int(tree[side][node]), left - 1) for side in ("left", "right"))
        return TreeNode(share, answer, asked, yes, no)

    return walk(0, depth)


def _count_splits(tree: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return by node how many splits there are from it on; children come after their parents."""
    count = (tree["left"] != LEAF).astype(int)
    for node in reversed(np.flatnonzero(count)):
        count[node] += count[tree["left"][node]] + count[tree["right"][node]]
    return count


def find_typical_tree(forest: Forest, values: np.ndarray) -> int:
    """Return the tree whose answers to rows (n_rows, n_columns) float32 lie nearest to those of the whole forest."""
    parts = [forest.vote(values[start : start + 100]) for start in range(0, len(values), 100)]
    votes = np.concatenate(parts, axis=1)[:, :, -1]
    return int(np.square(votes - votes.mean(axis=0)).sum(axis=1).argmin())


def outline_booster(booster: Any, columns: Sequence[EncodedColumn], depth: int) -> TreeNode:
    """Return the upper levels of a LightGBM model's first tree; answers are what it adds, in log-odds or in units."""
    root = booster.dump_model(num_iteration=1)["tree_info"][0]["tree_structure"]
    total = max(1, root.get("internal_count", root.get("leaf_count", 1)))

    def walk(node: Mapping[str, Any], left: int) -> TreeNode:
        if "split_feature" not in node:
            return TreeNode(node.get("leaf_count", total) / total, float(node["leaf_value"]))
        share, answer = node["internal_count"] / total, float(node["internal_value"])
        if not left:
            return TreeNode(share, answer, hidden=_count_nested(node))
        column = columns[node["split_feature"]]
        if node["decision_type"] == "==":
            asked = column.describe_codes([int(code) for code in str(node["threshold"]).split("||")])
        else:
            asked = column.describe_split(float(node["threshold"]))
        if node["default_left"] and node["missing_type"] == "NaN":
            asked += ", or missing"
        return TreeNode(share, answer, asked, walk(node["left_child"], left - 1), walk(node["right_child"], left - 1))

    return walk(root, depth)


def _count_nested(node: Mapping[str, Any]) -> int:
    if "split_feature" not in node:
        return 0
    return 1 + _count_nested(node["left_child"]) + _count_nested(node["right_child"])
