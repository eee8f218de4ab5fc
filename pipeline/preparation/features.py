"""Engineered features: durations, ratios and date parts, as configured, and the table that models see.

Everything here is computed row by row and learns nothing, so it can be applied to any row at any time.
"""

import numpy as np
import pandas as pd

from common.config import Duration, FeaturesConfig
from common.errors import ConfigError
from common.schema import Schema

SECONDS_A_DAY = 86_400.0


def engineer_features(inputs: pd.DataFrame, schema: Schema, config: FeaturesConfig) -> pd.DataFrame:
    """Return the feature table (n_rows, n_features): float64 numbers and ``str`` levels, in a fixed order.

    ``inputs`` is typed by ``read_inputs``. Dates leave the table; what is configured of them stays.
    Raises ConfigError naming the key and the column where a feature is made of a column that is no such input.
    """
    columns = {name: inputs[name] for name in schema.numeric}
    for name, parts in config.date_parts.items():
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
        columns[f"{ratio.numerator}_per_{ratio.denominator}"] = numerator / denominator.where(denominator != 0, np.nan)
    levels = {name: inputs[name].astype("str") for name in schema.categorical}
    return pd.DataFrame(columns | levels, index=inputs.index)


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
