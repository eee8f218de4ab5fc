"""Do the cells of a row fit together?"""

from collections.abc import Iterator

from common.config import OrderRule
from pipeline.analysis.quality.check import Finding, find_example, measure_share, skip
from pipeline.analysis.quality.evidence import Evidence


def measure_orders(evidence: Evidence) -> Iterator[Finding]:
    """Yield, for every rule in quality.orders, the share of rows that keep it among those with both cells known."""
    for rule in evidence.config.quality.orders:
        yield _measure_order(evidence, rule)


def _measure_order(evidence: Evidence, rule: OrderRule) -> Finding:
    both = evidence.operand(rule.earlier).notna() & evidence.operand(rule.later).notna()
    disordered, known = evidence.find_disordered(rule), int(both.sum())
    threshold = evidence.config.quality.min_consistency
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
