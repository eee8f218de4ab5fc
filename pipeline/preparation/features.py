"""Engineered features: date parts, durations, ratios and differences, as configured, and the table that models see.

Everything here is computed row by row and learns nothing, so it can be applied to any row at any time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.config import Duration, FeaturesConfig
from pointsman.common.errors import ConfigError
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema

SECONDS_A_DAY = 86_400.0
SEASONS = {"month": 365.25, "weekday": 7.0, "hour": 1.0}
"""Parts of the time column that 'auto' takes, with the days after which each begins anew."""

PARTS = {
    "year": "the year of {}",
    "month": "the month of {}, from 1 to 12",
    "day": "the day of the month of {}, from 1 to 31",
    "weekday": "the weekday of {}, from 0 (Monday) to 6",
    "hour": "the hour of {}, from 0 to 23",
}
"""Parts of dates in words."""

TO_MONDAY = 3
"""1 January 1970, day 0 of the calendar of NumPy, was a Thursday."""


@dataclass(frozen=True)
class FeatureRecipe:
    """Which features are made of which inputs of a schema: ``numeric`` ones as they are, the others of pairs."""

    numeric: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    durations: tuple[tuple[str, str], ...]
    ratios: tuple[tuple[str, str], ...]
    differences: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numeric features, in their order, each once."""
        made = (
            *self.numeric,
            *(f"{name}_{part}" for name, part in self.parts),
            *(f"{start}_to_{end}_days" for start, end in self.durations),
            *(f"{numerator}_per_{denominator}" for numerator, denominator in self.ratios),
            *(f"{minuend}_minus_{subtrahend}" for minuend, subtrahend in self.differences),
        )
        return tuple(dict.fromkeys(made))

    def describe(self) -> dict[str, str]:
        """Return how each feature that is no input itself is made, with its unit.

        >>> FeatureRecipe((), (("begin", "weekday"),), (("begin", "end"),), (("paid", "worth"),), ()).describe()
        {'begin_weekday': 'the weekday of begin, from 0 (Monday) to 6', 'begin_to_end_days': 'days from begin to end', \
'paid_per_worth': 'paid divided by worth, missing where that is 0'}
        """
        made = {f"{name}_{part}": PARTS[part].format(name) for name, part in self.parts}
        made |= {f"{start}_to_{end}_days": f"days from {start} to {end}" for start, end in self.durations}
        made |= {
            f"{one}_per_{other}": f"{one} divided by {other}, missing where that is 0" for one, other in self.ratios
        }
        return made | {f"{one}_minus_{other}": f"{one} less {other}" for one, other in self.differences}

    def make(self, numbers: Mapping[str, np.ndarray], dates: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the numeric features, each (n_rows,) float64, of inputs: float64 numbers and datetime64[us] dates."""
        columns = {name: numbers[name] for name in self.numeric}
        for name, part in self.parts:
            columns[f"{name}_{part}"] = take_part(dates[name], part)
        for start, end in self.durations:
            microseconds = (dates[end] - dates[start]).astype("timedelta64[us]")
            columns[f"{start}_to_{end}_days"] = _to_floats(microseconds) / 1e6 / SECONDS_A_DAY
        for numerator, denominator in self.ratios:
            below = numbers[denominator]
            with np.errstate(over="ignore"):
                quotient = np.divide(numbers[numerator], below, out=np.full(len(below), np.nan), where=below != 0)
            columns[f"{numerator}_per_{denominator}"] = _keep_finite(quotient)
        for minuend, subtrahend in self.differences:
            columns[f"{minuend}_minus_{subtrahend}"] = _keep_finite(numbers[minuend] - numbers[subtrahend])
        return columns


def resolve_features(schema: Schema, config: FeaturesConfig) -> FeatureRecipe:
    """Return the features that the configuration makes of a schema's inputs.

    Raises ConfigError naming the key and the column where a feature is made of a column that is no such input.
    """

    def date(name: str, key: str) -> str:
        return _check(schema.dates, name, key, "date")

    def number(name: str, key: str) -> str:
        return _check(schema.numeric, name, key, "numeric")

    parts = [
        (date(name, "features.date_parts"), part)
        for name, parts_of in _resolve_date_parts(schema, config).items()
        for part in parts_of
    ]
    durations = [
        (date(one.start, "features.durations"), date(one.end, "features.durations"))
        for one in _resolve_durations(schema, config)
    ]
    ratios = [
        (number(one.numerator, "features.ratios"), number(one.denominator, "features.ratios")) for one in config.ratios
    ]
    differences = [
        (number(one.minuend, "features.differences"), number(one.subtrahend, "features.differences"))
        for one in config.differences
    ]
    return FeatureRecipe(schema.numeric, tuple(parts), tuple(durations), tuple(ratios), tuple(differences))


def engineer_features(inputs: pd.DataFrame, schema: Schema, config: FeaturesConfig) -> pd.DataFrame:
    """Return the feature table (n_rows, n_features): float64 numbers and ``str`` levels, in a fixed order.

    ``inputs`` is typed by ``read_inputs``. Dates leave the table; what is configured of them stays.
    Raises ConfigError naming the key and the column where a feature is made of a column that is no such input.
    """
    numbers = {name: inputs[name].to_numpy(dtype=np.float64) for name in schema.numeric}
    dates = {name: inputs[name].to_numpy(dtype="datetime64[us]") for name in schema.dates}
    made = resolve_features(schema, config).make(numbers, dates)
    columns = {name: pd.Series(cells, index=inputs.index) for name, cells in made.items()}
    levels = {name: inputs[name].astype("str") for name in schema.categorical}
    return pd.DataFrame(columns | levels, index=inputs.index)


def take_part(dates: np.ndarray, part: str) -> np.ndarray:
    """Return a part of dates (n_rows,) datetime64[us] as float64; NaN where a date is missing.

    >>> dates = np.array(["2020-02-29T18:30", "NaT"], dtype="datetime64[us]")
    >>> [take_part(dates, part).tolist() for part in ("year", "month", "day", "weekday", "hour")]
    [[2020.0, nan], [2.0, nan], [29.0, nan], [5.0, nan], [18.0, nan]]
    """
    if part == "year":
        return _to_floats(dates.astype("datetime64[Y]")) + 1970
    if part == "month":
        return _to_floats(dates.astype("datetime64[M]")) % 12 + 1
    days = dates.astype("datetime64[D]")
    if part == "day":
        return _to_floats(days - dates.astype("datetime64[M]").astype("datetime64[D]")) + 1
    if part == "weekday":
        return (_to_floats(days) + TO_MONDAY) % 7
    return _to_floats((dates - days).astype("timedelta64[h]"))


def _to_floats(moments: np.ndarray) -> np.ndarray:
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))


def _keep_finite(numbers: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def find_seasons(schema: Schema, config: FeaturesConfig) -> dict[str, float]:
    """Return the features that say where in a season a row lies, with the season's length in days.

    They are those that 'auto' makes: what the configuration names is learned at once. A season that history has not
    covered misleads: a month seen once is told from other months by whatever else differed in it.
    """
    if config.date_parts != "auto":
        return {}
    return {
        f"{name}_{part}": SEASONS[part] for name, parts in _resolve_date_parts(schema, config).items() for part in parts
    }


def list_engineered(schema: Schema, features: Sequence[str]) -> list[str]:
    """Return those of the ``features`` that are not inputs themselves."""
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


def _check(known: tuple[str, ...], name: str, key: str, role: str) -> str:
    if name not in known:
        has = ", ".join(known) or "none"
        raise ConfigError(f"The key '{key}' names '{name}', which is no {role} input; the {role} inputs are: {has}.")
    return name


class EngineeredBatches:
    """The features of batches, each engineered once however many stages ask for them."""

    def __init__(self, schema: Schema, config: FeaturesConfig) -> None:
        self.schema = schema
        self.config = config
        self._known: dict[int, tuple[LabelledBatch, pd.DataFrame]] = {}

    def of(self, batch: LabelledBatch) -> pd.DataFrame:
        """Return the features (n_rows, n_features) of a batch, which nobody may change."""
        if id(batch) not in self._known:  # the batch is kept beside them, so that no other can take its id
            self._known[id(batch)] = batch, engineer_features(batch.inputs, self.schema, self.config)
        return self._known[id(batch)][1]
