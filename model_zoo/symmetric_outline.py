"""CatBoost's symmetric trees in words: what each level asks of all rows, and where the trees' answers part.

What splits are worth is CatBoost's own measure (``PredictionValuesChange``): by how much answers differ on either side
of a question, other answers being equal, weighted by the training rows on each side.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from pointsman.model_zoo.encoded_columns import EncodedColumn, describe_levels
from pointsman.model_zoo.symmetric_trees import LEAST_WEIGHT, SymmetricTrees
from pointsman.model_zoo.tree_outline import TreeNode


def outline_symmetric(
    trees: SymmetricTrees, place: int, columns: Sequence[EncodedColumn], depth: int, scale: float = 1.0
) -> TreeNode:
    """Return the upper ``depth`` levels of one tree; answers are what it adds to the last output, times ``scale``."""
    asked, thresholds, leaves, weights = list(trees.list_trees())[place]
    reached = np.maximum(weights, LEAST_WEIGHT)
    questions = [
        describe_question(trees, int(one), float(cut), columns) for one, cut in zip(asked, thresholds, strict=True)
    ]
    bits = (np.arange(len(leaves))[:, None] >> np.arange(len(asked))) & 1

    def walk(level: int, inside: np.ndarray) -> TreeNode:
        share = float(reached[inside].sum() / reached.sum())
        answer = scale * float(np.average(leaves[inside, -1], weights=reached[inside]))
        if level == len(asked):
            return TreeNode(share, answer)
        if level == depth:
            return TreeNode(share, answer, hidden=2 ** (len(asked) - level) - 1)
        yes, no = (walk(level + 1, inside & (bits[:, level] == bit)) for bit in (1, 0))
        return TreeNode(share, answer, questions[level], yes, no)

    return walk(0, np.ones(len(leaves), dtype=bool))


def describe_question(trees: SymmetricTrees, derived: int, threshold: float, columns: Sequence[EncodedColumn]) -> str:
    """Return in words what holds of rows whose derived column exceeds a threshold."""
    sources = trees.sources[derived]
    column = columns[sources[0]]
    if len(sources) == 1 and column.cells is not None:
        above = _list_levels(trees, derived, threshold, sources[0], column.cells)
        named = [level for level, is_above in zip(column.levels, above, strict=True) if is_above]
        return describe_levels(column.feature, named, column.levels) if named else f"{column.feature} is missing or new"
    if derived < len(trees.numeric):
        if column.name != column.feature:
            return column.name
        return f"{column.feature} > {threshold * column.scale + column.mean:,.4g}"
    named = [columns[place].feature for place in sources]
    return f"rows alike in {' and '.join(named)} had a mean target above {threshold:.3g}, on CatBoost's own scale"


def _list_levels(trees: SymmetricTrees, derived: int, threshold: float, place: int, cells: np.ndarray) -> np.ndarray:
    """Return of which levels (n_levels,) a derived column exceeds a threshold that reads nothing but their column."""
    values = np.zeros((len(cells), len(trees.fills)), dtype=np.float32)
    values[:, place] = cells
    above: np.ndarray = trees.derive(values)[:, derived] > threshold
    return above


def weigh_questions(trees: SymmetricTrees, columns: Sequence[EncodedColumn]) -> Iterator[tuple[str, float]]:
    """Yield a feature that a question of a tree reads, and the question's worth, shared out among those it reads."""
    for asked, _, leaves, weights in trees.list_trees():
        reached = np.maximum(weights, LEAST_WEIGHT)
        for level, derived in enumerate(asked):
            no, yes = (reached.reshape(-1, 2, 2**level)[:, bit] for bit in (0, 1))
            apart = np.square(np.diff(leaves.reshape(-1, 2, 2**level, leaves.shape[1]), axis=1)[:, 0]).sum(axis=-1)
            worth = float((no * yes / (no + yes) * apart).sum())
            features = sorted({columns[place].feature for place in trees.sources[derived]})
            yield from ((feature, worth / len(features)) for feature in features)
