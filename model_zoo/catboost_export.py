"""CatBoost's JSON export of a model, compiled into arrays: once, when the model is fitted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pointsman.model_zoo.symmetric_trees import NOTHING, Key, Lookup, SymmetricTrees


def compile_trees(exported: Mapping[str, Any], categorical: Sequence[int], fills: np.ndarray) -> SymmetricTrees:
    """Return the trees of a model that CatBoost exported as JSON, together with the rows it learned.

    ``categorical`` are the columns that hold codes, ``fills`` as in SymmetricTrees.
    """
    told = exported["features_info"]
    numbers, categories, means, hashed = (
        told.get(name) or [] for name in ("float_features", "categorical_features", "ctrs", "cat_features_hash")
    )
    numeric = [column for column in range(len(fills)) if column not in categorical]
    of_float = {one["feature_index"]: one["flat_feature_index"] for one in numbers}
    of_category = {one["feature_index"]: one["flat_feature_index"] for one in categories}
    hashes = {int(one["value"]): _extend(one["hash"]) for one in hashed}
    indicators = [
        (one["flat_feature_index"], _extend(category)) for one in categories for category in one.get("values") or []
    ]
    # A split names its question by a number, which counts borders of numbers first, then categories, then means, in the
    # order of the derived columns.
    of_mean = len(numeric) + len(indicators)
    questions = [
        *((numeric.index(one["flat_feature_index"]), border) for one in numbers for border in one.get("borders") or []),
        *((len(numeric) + place, 0.5) for place in range(len(indicators))),
        *((of_mean + place, border) for place, one in enumerate(means) for border in one["borders"]),
    ]
    trees = exported["oblivious_trees"]
    splits = [[split["split_index"] for split in tree.get("splits") or []] for tree in trees]
    # A margin is the sum over all trees, so each of them carries its share of the bias.
    scale, bias = exported["scale_and_bias"]
    leaves = [np.reshape(tree["leaf_values"], (2 ** len(split), -1)) for tree, split in zip(trees, splits, strict=True)]
    asked = [questions[place] for split in splits for place in split]
    return SymmetricTrees(
        numeric=tuple(numeric),
        categorical=tuple(categorical),
        indicators=tuple(indicators),
        lookups=tuple(_read_lookup(one, exported["ctr_data"], of_float, of_category) for one in means),
        fills=fills,
        codes=np.array(sorted(hashes), dtype=np.int64),
        hashes=np.array([hashes[code] for code in sorted(hashes)], dtype=np.uint64),
        depths=np.array([len(split) for split in splits], dtype=np.int64),
        asked=np.array([column for column, _ in asked], dtype=np.int64),
        thresholds=np.array([border for _, border in asked], dtype=np.float64),
        leaves=np.concatenate(leaves) * scale + np.reshape(bias, (1, -1)) / len(trees),
        weights=np.concatenate([tree["leaf_weights"] for tree in trees]).astype(np.float64),
    )


def _read_lookup(
    exported: Mapping[str, Any], tables: Mapping[str, Any], of_float: Mapping[int, int], of_category: Mapping[int, int]
) -> Lookup:
    """Return one of CatBoost's tables with its means worked out."""
    elements = exported["elements"]

    def those(kind: str) -> list[Mapping[str, Any]]:
        return [one for one in elements if one["combination_element"] == kind]

    key = Key(
        categories=tuple(of_category[one["cat_feature_index"]] for one in those("cat_feature_value")),
        above=tuple((of_float[one["float_feature_index"]], one["border"]) for one in those("float_feature")),
        equal=tuple(
            (of_category[one["cat_feature_index"]], _extend(one["value"])) for one in those("cat_feature_exact_value")
        ),
    )
    table = tables[exported["identifier"]]
    width = table["hash_stride"]
    rows = np.array(table["hash_map"], dtype=object).reshape(-1, width)
    known = np.array([int(one) for one in rows[:, 0]], dtype=np.uint64)
    # The last row, without any counts, makes the mean of a category that was not learned: the prior alone.
    counts = np.vstack([rows[:, 1:].astype(np.float32), np.zeros((1, width - 1), np.float32)])
    good, total = _count(exported, counts, table["counter_denominator"])
    prior, weight = np.float32(exported["prior_numerator"]), np.float32(exported["prior_denomerator"])
    means = ((good + prior) / (total + weight) + np.float32(exported["shift"])) * np.float32(exported["scale"])
    order = np.argsort(known, kind="stable")
    order = order[known[order] != NOTHING]
    return Lookup(key, known[order], means[np.append(order, len(known))].astype(np.float32))


def _count(exported: Mapping[str, Any], counts: np.ndarray, all_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how many rows of each category (n_known + 1,) had the target in question, and of how many."""
    border = exported["target_border_idx"]
    match exported["ctr_type"]:
        case "Counter" | "FeatureFreq":
            return counts[:, 0], np.full(len(counts), all_rows, dtype=np.float32)
        case "BinarizedTargetMeanValue" | "FloatTargetMeanValue":
            return counts[:, 0], counts[:, 1]
        case "Buckets":
            return counts[:, border], counts.sum(axis=1)
    return counts[:, border + 1 :].sum(axis=1), counts.sum(axis=1)


def _extend(category: int) -> int:
    """Return a hash of 32 bits as CatBoost combines it: as a signed number, in 64 bits.

    >>> _extend(1), hex(_extend(4277023987))
    (1, '0xfffffffffeee34f3')
    """
    category &= 2**32 - 1
    return category if category < 2**31 else category + 2**64 - 2**32
