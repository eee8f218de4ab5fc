"""Engineered features: date parts, durations, ratios and differences, as configured, and the table that models see.

Everything here is computed row by row and learns nothing, so it can be applied to any row at any time.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from common.config import Duration, FeaturesConfig
from common.errors import ConfigError
from common.schema import Schema

SECONDS_A_DAY = 86_400.0
SEASONS = {"month": 365.25, "weekday": 7.0, "hour": 1.0}
"""Parts of the time column that 'auto' takes, with the days after which each begins anew."""


def engineer_features(inputs: pd.DataFrame, schema: Schema, config: FeaturesConfig) -> pd.DataFrame:
    """Return the feature table (n_rows, n_features): float64 numbers and ``str`` levels, in a fixed order.

    ``inputs`` is typed by ``read_inputs``. Dates leave the table; what is configured of them stays.
    Raises ConfigError naming the key and the column where a feature is made of a column that is no such input.
    """
    columns = {name: inputs[name] for name in schema.numeric}
    for name, parts in _resolve_date_parts(schema, config).items():
        dates = _get(inputs, schema.dates, name, "features.date_parts", "date")
        for part in parts:
            accessor = {"weekday": "day_of_week"}.get(part, part)
            columns[f"{name}_{part}"] = getattr(dates.dt, accessor).astype("float64")
    for duration in _resolve_durations(schema, config):
        start = _get(inputs, schema.dates, duration.start, "features.durations", "date")
        end = _get(inputs, schema.dates, duration.end, "features.durations", "date")
        columns[f"{duration.start}_to_{duration.end}_days"] = (end - start).dt.total_seconds() / SECONDS_A_DAY
    for ratio in config.ratios:
        numerator = _get(inputs, schema.numeric, ratio.numerator, "features.ratios", "numeric")
        denominator = _get(inputs, schema.numeric, ratio.denominator, "features.ratios", "numeric")
        quotient = numerator / denominator.where(denominator != 0, np.nan)
        columns[f"{ratio.numerator}_per_{ratio.denominator}"] = quotient.where(np.isfinite(quotient), np.nan)
    for difference in config.differences:
        minuend = _get(inputs, schema.numeric, difference.minuend, "features.differences", "numeric")
        subtrahend = _get(inputs, schema.numeric, difference.subtrahend, "features.differences", "numeric")
        rest = minuend - subtrahend
        columns[f"{difference.minuend}_minus_{difference.subtrahend}"] = rest.where(np.isfinite(rest), np.nan)
    levels = {name: inputs[name].astype("str") for name in schema.categorical}
    return pd.DataFrame(columns | levels, index=inputs.index)


def find_seasons(schema: Schema, config: FeaturesConfig) -> dict[str, float]:
    """Return the features that say where in a season a row lies, with the season's length in days.

    They are those that 'auto' makes: what the configuration names is learned at once. A season that history has not
    covered misleads: a month seen once is told from other months by whatever else differed in it.
    """
    if config.date_parts != "auto":
        return {}
    return {f"{name}_{part}": SEASONS[part] for name, parts in _resolve_date_parts(schema, config).items()
            for part in parts}  # fmt: skip


def list_engineered(schema: Schema, features: Sequence[str]) -> list[str]:
    """Return those of the ``features`` that are no input themselves."""
    return [name for name in features if name not in schema.numeric and name not in schema.categorical]


def _resolve_date_parts(schema: Schema, config: FeaturesConfig) -> Mapping[str, Sequence[str]]:
    """'auto' takes the seasons of the time column."""
    if config.date_parts != "auto":
        return config.date_parts
    return {schema.time: tuple(SEASONS)} if schema.time in schema.dates else {}


def _resolve_durations(schema: Schema, config: FeaturesConfig) -> tuple[Duration, ...]:
    """'auto' measures every date input against the time column."""
    if config.durations != "auto":
        return config.durations
    others = [name for name in schema.dates if name != schema.time]
    return tuple(Duration(start=schema.time, end=name) for name in others) if schema.time in schema.dates else ()


def _get(inputs: pd.DataFrame, known: tuple[str, ...], name: str, key: str, role: str) -> pd.Series:
    if name not in known:
        has = ", ".join(known) or "none"
        raise ConfigError(f"The key '{key}' names '{name}', which is no {role} input; the {role} inputs are: {has}.")
    return inputs[name]
