"""LightGBM's text format, looked through before LightGBM reads it.

LightGBM ends the whole process on a text that is cut or edited, and follows an index that points outside a tree into
foreign memory. ``read_text`` holds what it relies on against the text itself.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

FOLLOWED = ("split_feature", "decision_type", "left_child", "right_child")
"""Lists that LightGBM uses as positions. Of others only the length is checked: it reports itself what is no number."""

OF_SPLITS = ("split_gain", "threshold", "internal_value", "internal_weight", "internal_count")
OF_LEAVES = ("leaf_weight", "leaf_count")
WHOLE_SIGNS = b"0123456789- "

GAPS = ("  ", " \n", "= ", "\t", "\r", "\0")

SETTING = re.compile(r"\[[a-z0-9_]+: [^\[\]]*\]|")

CATEGORICAL = 1
"""The bit of a decision type that says that the threshold is the number of a set of categories."""


def read_text(stored: bytes) -> str:
    """Return a stored text as LightGBM may read it; ValueError where it cannot be followed safely.

    Without its line of sizes LightGBM reads tree after tree and can say what is wrong with one; otherwise it reads them
    in threads, where an error ends the process.

    >>> read_text(b"garbage")
    Traceback (most recent call last):
    ValueError: the LightGBM text is damaged: it has no trees
    """
    text = stored.decode("ascii")
    head, _, body = text.partition("\n\n")
    trees = [_read_lines(block.strip("\n").split("\n")) for block in _cut_trees(body)]
    header = _read_lines(line for line in head.split("\n") if "=" in line)
    n_classes, per_round, last_feature = (
        _read_count(header, name) for name in ("num_class", "num_tree_per_iteration", "max_feature_idx")
    )
    # The number of classes stands in three places; a text in which they disagree was edited.
    told = [word.partition(":")[2] for word in _get(header, "objective").split() if word.startswith("num_class:")]
    agrees = n_classes == per_round >= 1 and all(number == str(n_classes) for number in told)
    _require(agrees and len(trees) % per_round == 0, "its classes and trees do not agree")
    leaves = np.array([_read_count(tree, "num_leaves") for tree in trees], dtype=np.int64)
    _require(bool((leaves >= 1).all()), "a tree has no leaf")
    # No fit here makes linear trees, and the lists that only they have are not checked.
    _require(all(tree.get("is_linear", "0") == "0" for tree in trees), "a tree is linear")
    _list_cells(trees, "leaf_value", leaves)
    for name in OF_SPLITS:
        _list_cells(trees, name, leaves - 1)
    for name in OF_LEAVES:  # which LightGBM leaves out of a tree of one leaf
        _list_cells([tree for tree in trees if tree["num_leaves"] != "1"], name, leaves[leaves > 1])
    splits = {name: _read_positions(trees, name, leaves - 1) for name in FOLLOWED}
    _check_splits(splits, leaves, last_feature)
    _check_categories(trees, splits["decision_type"], leaves)
    _check_settings(body)
    unsized = [line for line in head.split("\n") if not line.startswith("tree_sizes")]
    return "\n".join(unsized) + "\n\n" + body


def _cut_trees(body: str) -> list[str]:
    of_trees, end, _ = body.partition("\nend of trees\n")
    blocks = [block for block in of_trees.split("\n\n") if block.strip("\n")]
    _require(bool(end), "it has no trees")
    _require(not any(gap in of_trees for gap in GAPS), "its cells are not one space apart")
    names = [block.lstrip("\n").partition("\n")[0] for block in blocks]
    _require(names == [f"Tree={number}" for number in range(len(blocks))], "its trees are not in order")
    return blocks


def _check_settings(body: str) -> None:
    """Require that the parameters after the trees stand in brackets, one a line, as LightGBM takes for granted."""
    _, begin, settings = body.partition("\nparameters:\n")
    lines = settings.partition("\nend of parameters\n")[0].split("\n") if begin else []
    _require(all(SETTING.fullmatch(line) for line in lines), "its parameters are not in brackets")


def _check_splits(numbers: Mapping[str, np.ndarray], leaves: np.ndarray, last_feature: int) -> None:
    """Require that every split leads to a later split or a leaf of its own tree, and asks for an existing column."""
    own = np.concatenate([np.arange(count - 1) for count in leaves])
    count = np.repeat(leaves, leaves - 1)
    for side in ("left_child", "right_child"):
        child = numbers[side]
        later = (child > own) & (child < count - 1)
        leaf = (child < 0) & (child >= -count)
        _require(bool((later | leaf).all()), "a split leads out of its tree")
    feature = numbers["split_feature"]
    _require(bool(((feature >= 0) & (feature <= last_feature)).all()), "a split asks for a column that is not there")


def _check_categories(trees: Sequence[Mapping[str, str]], decisions: np.ndarray, leaves: np.ndarray) -> None:
    """Require that every set of categories that a split names exists and lies within its tree's list."""
    sets = np.array([_read_count(tree, "num_cat") for tree in trees], dtype=np.int64)
    owner = np.repeat(np.arange(len(trees)), leaves - 1)
    named = (decisions & CATEGORICAL) == CATEGORICAL
    asking = np.unique(owner[named])
    if len(asking):
        thresholds = np.fromstring(" ".join(_get(trees[place], "threshold") for place in asking), sep=" ")
        own = np.isin(owner, asking)
        _require(len(thresholds) == own.sum(), "a tree has too few or too many 'threshold'")
        chosen = thresholds[named[own]]
        there = (chosen >= 0) & (chosen < sets[owner[named]])
        _require(bool(there.all()), "a split names categories that are not there")
    listing = [tree for tree, count in zip(trees, sets, strict=True) if count]
    if listing:
        counts = sets[sets > 0] + 1
        bounds = _read_positions(listing, "cat_boundaries", counts)
        ends = np.cumsum(counts)
        rises = np.diff(bounds) >= 0
        rises[ends[:-1] - 1] = True  # from one tree's last to the next one's first
        _require(not bounds[ends - counts].any() and bool(rises.all()), "a set of categories has no bounds")
        _list_cells(listing, "cat_threshold", bounds[ends - 1])


def _read_positions(trees: Sequence[Mapping[str, str]], name: str, counts: np.ndarray) -> np.ndarray:
    """Return the whole numbers of all trees under a name, one after another."""
    joined = " ".join(line for line in _list_cells(trees, name, counts) if line)
    _require(not joined.encode().translate(None, WHOLE_SIGNS), f"'{name}' holds what is no position")
    numbers = np.fromstring(joined, dtype=np.int64, sep=" ")
    _require(len(numbers) == counts.sum(), f"a tree has too few or too many '{name}'")
    return numbers


def _list_cells(trees: Sequence[Mapping[str, str]], name: str, counts: np.ndarray) -> list[str]:
    """Return each tree's cells under a name, if it has as many as it should: LightGBM does not count them."""
    lines = [_get(tree, name) for tree in trees]
    found = [line.count(" ") + 1 if line else 0 for line in lines]
    _require(found == counts.tolist(), f"a tree has too few or too many '{name}'")
    return lines


def _read_lines(lines: Iterable[str]) -> dict[str, str]:
    """Return the lines by their names; LightGBM reads on for ever where a line has none."""
    found: dict[str, str] = {}
    for line in lines:
        name, equals, cells = line.partition("=")
        _require(bool(equals) and name not in found, f"the line '{name[:40]}' has no place in it")
        found[name] = cells
    return found


def _read_count(lines: Mapping[str, str], name: str) -> int:
    count = _get(lines, name)
    _require(count.isdecimal() and len(count) < 10, f"its '{name}' is '{count[:40]}'")
    return int(count)


def _get(lines: Mapping[str, str], name: str) -> str:
    _require(name in lines, f"it has no '{name}'")
    return lines[name]


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise ValueError(f"the LightGBM text is damaged: {complaint}")
