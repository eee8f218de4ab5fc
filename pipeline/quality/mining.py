"""Mining association rules on the reference: the clean rows of the training window, sampled."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pointsman.common.config import AssociationConfig
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.pipeline.quality.associations import AssociationRule, Item, ItemTable
from pointsman.pipeline.quality.thresholds import PastShare

MOST_ROWS = 4_000
"""Rows that are mined; a support of 0.05 is known to within 0.004 on so many."""

MOST_ITEMS = 60
LONGEST = 3
"""Items of a rule, both sides together."""

ALIKE, SAME_CONSEQUENTS = 6, 3
"""Most rules on the same columns, or with the same consequents, so that a few columns do not take all places."""

FEWEST_ROWS = 10
"""A batch says nothing of a rule's confidence where the rule applies to fewer rows."""


def mine_rules(
    batches: Sequence[LabelledBatch], schema: Schema, config: AssociationConfig, random: np.random.Generator
) -> tuple[AssociationRule, ...]:
    """Return the strongest rules among the inputs of ``batches`` (oldest first), none where they are too few.

    Frequent sets of items by FP-growth (Han et al. 2000); of rules with the same consequents the one with fewer
    antecedents is kept, and of the rest those with the greatest lift.
    """
    if not config.most or not any(len(batch) for batch in batches):
        return ()
    inputs = pd.concat([batch.inputs for batch in batches], ignore_index=True)
    inputs = inputs.astype(dict.fromkeys(schema.categorical, "str"))
    origins = np.repeat(np.arange(len(batches)), [len(batch) for batch in batches])
    drawn = np.sort(random.permutation(len(inputs))[:MOST_ROWS])
    mined = _find_rules(inputs.iloc[drawn].reset_index(drop=True), origins[drawn], schema, config)
    tables = [ItemTable(batch.inputs) for batch in batches]
    return tuple(replace(rule, past=tuple(_measure(rule, tables))) for rule in mined)


def list_items(sample: pd.DataFrame, schema: Schema, min_support: float) -> dict[Item, np.ndarray]:
    """Return the items that are frequent in a sample and do not hold everywhere, the most frequent ones first."""
    found: dict[Item, np.ndarray] = {}
    for name in (*schema.numeric, *schema.categorical):
        items = _cut(name, sample[name]) if name in schema.numeric else _list_levels(name, sample[name])
        found |= {item: item.holds(sample) for item in (*items, Item(name))}
    shares = {item: float(rows.mean()) for item, rows in found.items()}
    frequent = sorted((item for item in found if min_support <= shares[item] < 1), key=lambda item: -shares[item])
    return {item: found[item] for item in frequent[:MOST_ITEMS]}


def _cut(name: str, numbers: pd.Series) -> Iterator[Item]:
    known = numbers.dropna().to_numpy(dtype="float64")
    if not len(known):
        return
    edges = np.unique(np.quantile(known, (0.25, 0.5, 0.75), method="inverted_cdf")).tolist()
    edges = [edge for edge in edges if edge > known.min()]
    for low, high in zip([None, *edges], [*edges, None], strict=True):
        if low is not None or high is not None:
            yield Item(name, low=low, high=high)


def _list_levels(name: str, levels: pd.Series) -> list[Item]:
    counts = levels.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return [Item(name, str(level)) for level in counts.index[:MOST_ITEMS]]


def compute_lift_within(antecedents: np.ndarray, consequents: np.ndarray, origins: np.ndarray) -> float:
    """Return how many times as often the consequents hold with the antecedents as in all rows of the same batches.

    What batches have in common, such as a rate of that month, goes with everything and is not a rule of single rows:
    there the lift is 1. Masks and ``origins``, the batch, are (n_rows,).

    >>> compute_lift_within(np.array([1, 1, 0, 0], bool), np.array([1, 1, 0, 0], bool), np.array([0, 0, 1, 1]))
    1.0
    """
    means = np.bincount(origins, consequents) / np.maximum(1, np.bincount(origins))
    expected = float(means[origins][antecedents].sum())
    return float((antecedents & consequents).sum()) / expected if expected else 0.0


def _find_rules(
    sample: pd.DataFrame, origins: np.ndarray, schema: Schema, config: AssociationConfig
) -> list[AssociationRule]:
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    items = list_items(sample, schema, config.min_support)
    names = list(items)
    if len(names) < 2:
        return []
    table = pd.DataFrame({place: items[item] for place, item in enumerate(names)})
    frequent = fpgrowth(table, min_support=config.min_support, max_len=LONGEST)
    if not (frequent["itemsets"].map(len) > 1).any():
        return []
    mined = association_rules(frequent, metric="confidence", min_threshold=config.min_confidence)
    rules = [
        AssociationRule(
            tuple(names[place] for place in sorted(row.antecedents)),
            tuple(names[place] for place in sorted(row.consequents)),
            float(row.support),
            float(row.confidence),
            float(row.lift),
        )
        for row in mined[mined["lift"] >= config.min_lift].itertuples()
    ]
    table_of = ItemTable(sample)

    # Mined over all batches, a rule may only say what a whole month had in common.
    def lasts(rule: AssociationRule) -> bool:
        sides = table_of.holds(rule.antecedents), table_of.holds(rule.consequents)
        return compute_lift_within(*sides, origins) >= config.min_lift

    # Where several consequents follow, each of them follows on its own at least as often.
    return _choose([rule for rule in rules if len(rule.consequents) == 1 and lasts(rule)], config.most)


def _choose(rules: list[AssociationRule], most: int) -> list[AssociationRule]:
    chosen: list[AssociationRule] = []
    spoken_of: Counter[frozenset[str]] = Counter()
    ended_in: Counter[tuple[Item, ...]] = Counter()
    ranked = sorted(rules, key=lambda rule: (len(rule.antecedents), -rule.lift * rule.confidence, str(rule)))
    for rule in filter(_spans_columns, ranked):
        columns = frozenset(item.column for item in (*rule.antecedents, *rule.consequents))
        implied = any(
            set(known.antecedents) <= set(rule.antecedents) and known.consequents == rule.consequents
            for known in chosen
        )
        if implied or spoken_of[columns] >= ALIKE or ended_in[rule.consequents] >= SAME_CONSEQUENTS:
            continue
        spoken_of[columns] += 1
        ended_in[rule.consequents] += 1
        chosen.append(rule)
    return sorted(chosen, key=lambda rule: (-rule.lift * rule.confidence, str(rule)))[:most]


def _spans_columns(rule: AssociationRule) -> bool:
    return len({item.column for item in (*rule.antecedents, *rule.consequents)}) > 1


def _measure(rule: AssociationRule, tables: Sequence[ItemTable]) -> Iterator[PastShare]:
    for table in tables:
        applies, broken = table.measure(rule)
        if (rows := int(applies.sum())) >= FEWEST_ROWS:
            yield PastShare(rows, 1 - int(broken.sum()) / rows)
