"""Do the cells of a row fit together?"""

from collections.abc import Iterator

from pointsman.common.config import OrderRule
from pointsman.pipeline.quality.associations import AssociationRule
from pointsman.pipeline.quality.check import Finding, find_example, measure_share, skip
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.thresholds import LEAST_BATCHES, learn_bound

FEWEST_ROWS = 10
"""A rule that applies to fewer rows of a batch is not judged on it."""


def measure_orders(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every rule in quality.orders, the share of rows that keep it among those with both cells known."""
    for rule in evidence.config.quality.orders:
        yield _measure_order(evidence, rule)


def _measure_order(evidence: CheckedBatch, rule: OrderRule) -> Finding:
    both = evidence.operand(rule.earlier).notna() & evidence.operand(rule.later).notna()
    disordered, known = evidence.find_disordered(rule), int(both.sum())
    threshold = evidence.threshold("min_consistency")
    if not known:
        return skip(rule.later, threshold, f"no row has both '{rule.earlier}' and '{rule.later}'")
    return measure_share(
        rule.later,
        int(disordered.sum()),
        known,
        threshold,
        lambda: (
            f"{int(disordered.sum())} of {known} rows of {evidence.name} have '{rule.later}' before '{rule.earlier}', "
            f"such as {find_example(evidence.raw.frame[rule.later], disordered)}; correct them, or remove the rule "
            "from quality.orders."
        ),
    )


def measure_associations(evidence: CheckedBatch) -> Iterator[Finding]:
    """Yield, for every association rule mined before, the share of the rows it applies to that keep it."""
    if not evidence.past.rules:
        yield skip("", evidence.threshold("min_consistency"), "no association rule was mined before")
    for rule in evidence.past.rules:
        yield _measure_association(evidence, rule)


def _measure_association(evidence: CheckedBatch, rule: AssociationRule) -> Finding:
    applies, broken = evidence.items.measure(rule)
    rows, quality, column = int(applies.sum()), evidence.config.quality, rule.consequents[0].column
    learned = learn_bound(rule.past, rows, quality.confidence, quality.tolerance)
    threshold = quality.min_consistency or learned or 0.0
    if rows < FEWEST_ROWS:
        return skip(column, threshold, f"hardly any row is one in which {' and '.join(map(str, rule.antecedents))}")
    # Also with a stated threshold: a rule seen in few batches may be chance.
    if learned is None:
        known = f"{LEAST_BATCHES} batches"
        return skip(column, threshold, f"the rule that where {rule} is not known from {known} yet")
    return measure_share(
        column,
        int(broken.sum()),
        rows,
        threshold,
        lambda: (
            f"Of {rows} rows of {evidence.name} in which {' and '.join(map(str, rule.antecedents))}, "
            f"{1 - broken.sum() / rows:.1%} have {' and '.join(map(str, rule.consequents))}, which "
            f"{rule.confidence:.1%} had before ({threshold:.1%} is the least that is likely); look for a change in how "
            "these columns are filled."
        ),
        lambda: broken,
    )
