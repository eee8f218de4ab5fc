"""The budget of a version: one that is too slow or too large does not serve as long as another one can.

A model is judged by its newest stored version, and only once there is one. What a version costs is measured by the
clock when it is made; decisions rest on the number that was stored then, so that a replay, which reads it, decides the
same.
"""

from collections.abc import Mapping, Sequence

from pointsman.common.config import BudgetConfig
from pointsman.registry.versions import Version

MB = 1e6


def exclude_lines(budget: BudgetConfig, lines: Sequence[str], stored: Sequence[Version]) -> Mapping[str, str]:
    """Return, by model over the budget, why it may not serve; {} without a budget, or where no model would be left."""
    if budget.predict_us is None and budget.mb is None:
        return {}
    versions = {version.line: version for version in stored}
    found = {line: find_excess(budget, versions.get(line)) for line in lines}
    excluded = {line: excess for line, excess in found.items() if excess}
    return excluded if len(excluded) < len(lines) else {}


def find_excess(budget: BudgetConfig, version: Version | None) -> str:
    """Return in words how a version exceeds the budget, '' where it does not.

    A model without a version exceeds it, since what it costs is not known yet.
    """
    if version is None:
        return "what it costs is known once it has been made"
    if budget.predict_us is not None and version.predict_us > budget.predict_us:
        return (
            f"{version.id} took {version.predict_us:.0f} microseconds a row, and promotion.budget.predict_us is "
            f"{budget.predict_us:g}"
        )
    if budget.mb is not None and version.bytes > budget.mb * MB:
        return f"{version.id} has {version.bytes / MB:.2f} MB, and promotion.budget.mb is {budget.mb:g}"
    return ""
