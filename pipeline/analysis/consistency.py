"""Do the cells of a row fit together?"""

from collections.abc import Iterator

from common.config import OrderRule
from pipeline.analysis.check import Finding, compute_share, find_example
from pipeline.analysis.evidence import Evidence


def measure_orders(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every rule in quality.orders, the share of rows that keep it among those with both cells known."""
    for rule in evidence.config.quality.orders:
        yield _measure_order(evidence, rule)


def _measure_order(evidence: Evidence, rule: OrderRule) -> Finding:
    both = int((evidence.operand(rule.earlier).notna() & evidence.operand(rule.later).notna()).sum())
    disordered = evidence.find_disordered(rule)
    return Finding(
        rule.later,
        compute_share(both - int(disordered.sum()), both),
        evidence.config.quality.min_consistency,
        lambda: (
            f"No row of {evidence.name} has both '{rule.earlier}' and '{rule.later}'."
            if not both
            else f"{int(disordered.sum())} of {both} rows of {evidence.name} have '{rule.later}' before '{rule.earlier}', "
            f"such as {find_example(evidence.raw.frame[rule.later], disordered)}; correct them, or remove the rule from "
            "quality.orders."
        ),
    )
