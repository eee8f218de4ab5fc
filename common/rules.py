"""The quality rules: which cells break them, for the checks that count them and the cleaning that empties them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pointsman.common.config import AllowedRule, OrderRule, PatternRule, QualityConfig, RangeRule
from pointsman.common.errors import ConfigError
from pointsman.common.reading import read_numbers
from pointsman.common.schema import Schema, canonical_level


def find_outside(cells: pd.Series, rule: RangeRule) -> pd.Series:
    """Return True where a number lies outside the rule's range; a missing cell never does.

    >>> find_outside(pd.Series([-1.0, 0.0, 7.0, None]), RangeRule(column="age", min=0)).tolist()
    [True, False, False, False]
    """
    low = -np.inf if rule.min is None else rule.min
    high = np.inf if rule.max is None else rule.max
    return cells.notna() & ~cells.between(low, high)


def find_forbidden(cells: pd.Series, rule: AllowedRule) -> pd.Series:
    """Return True where a number or level is not among those the rule allows; a missing cell never counts.

    >>> find_forbidden(pd.Series(["1", "x", None]), AllowedRule(column="sex", allowed=(0, 1.0))).tolist()
    [False, True, False]
    """
    if pd.api.types.is_numeric_dtype(cells):
        return cells.notna() & ~cells.isin(_read_allowed(rule))
    return cells.notna() & ~cells.isin([canonical_level(level) for level in rule.allowed])


def find_unmatched(cells: pd.Series, rule: PatternRule) -> pd.Series:
    """Return True where a known cell, trimmed, does not match the rule's pattern as a whole.

    >>> plates = PatternRule(column="plate", pattern="[A-Z]+[0-9]")
    >>> find_unmatched(pd.Series(["AB7", " AB8 ", "7", None]), plates).tolist()
    [False, False, True, False]
    """
    distinct = pd.Series(cells.dropna().unique())
    broken = distinct[~distinct.astype("str").str.strip().str.fullmatch(rule.pattern)]
    return cells.isin(broken.tolist())


def check_rules(quality: QualityConfig, schema: Schema) -> None:
    """Raise ConfigError for a rule whose column is not such an input of ``schema``, or that can never hold."""
    for ranged in quality.ranges:
        _check_column(ranged.column, "quality.ranges", "numeric", schema.numeric)
        if ranged.min is not None and ranged.max is not None and ranged.min > ranged.max:
            raise ConfigError(
                f"The range of '{ranged.column}' in quality.ranges has min {ranged.min:g} above max {ranged.max:g}; "
                "swap them."
            )
    for allowed in quality.allowed:
        _check_column(
            allowed.column, "quality.allowed", "numeric or categorical", (*schema.numeric, *schema.categorical)
        )
        if allowed.column in schema.numeric and _read_allowed(allowed).isna().any():
            raise ConfigError(
                f"The numeric column '{allowed.column}' is allowed {list(allowed.allowed)} in quality.allowed; write "
                "numbers, or declare the column under schema.categorical."
            )
    for order in quality.orders:
        _check_order(order, schema)


def _read_allowed(rule: AllowedRule) -> pd.Series:
    return read_numbers(pd.Series(rule.allowed, dtype="object"))


def _check_order(rule: OrderRule, schema: Schema) -> None:
    dates = tuple(dict.fromkeys((schema.time, *schema.dates)))
    for name in (rule.earlier, rule.later):
        _check_column(name, "quality.orders", "date or numeric", (*dates, *schema.numeric))
    if (rule.earlier in dates) != (rule.later in dates):
        raise ConfigError(
            f"The rule that '{rule.earlier}' is before '{rule.later}' in quality.orders compares a date with a number; "
            "name two dates or two numbers."
        )


def _check_column(name: str, key: str, role: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ConfigError(
            f"The key '{key}' names '{name}', which is no {role} input; the {role} inputs are: "
            f"{', '.join(known) or 'none'}."
        )
