"""Engineered features: what the folds of each batch say they are worth, and whether models learn them."""

from dataclasses import dataclass

from pointsman.common.errors import ConfigError
from pointsman.experiments.tables import feature_gains_table
from pointsman.pipeline.preparation.features import resolve_features
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.production_shap import read_settings
from pointsman.pipeline.reporting.section import Section


@dataclass(frozen=True)
class FeatureFigures:
    """A feature's newest measurement, and in how many of all of them it surely helped or harmed.

    ``gain`` is the mean row loss without the feature less that with it, with its interval: above 0 it helps. ``rule``
    says how it is made, with its unit; '' of one that the settings in force do not make.
    """

    feature: str
    rule: str
    batch: int
    gain: float
    lower: float
    upper: float
    rows: int
    covered: bool
    used: bool
    measured: int
    helped: int
    harmed: int


def describe_features(history: History) -> dict[str, str]:
    """Return how each engineered feature that models may read is made; {} before a batch has shown the columns."""
    schema = history.generation.schema
    try:
        return resolve_features(schema, history.ask(read_settings)).describe() if schema else {}
    except ConfigError:  # settings of an earlier release, which name columns that are no inputs any more
        return {}


def list_features(history: History) -> tuple[FeatureFigures, ...]:
    """Return every engineered feature that was measured, the most useful first."""
    listed, rules = [], history.ask(describe_features)
    for _, gains in history.read(feature_gains_table).sort_values("batch").groupby("feature"):
        newest = list_rows(gains.tail(1))[0]
        listed.append(
            read_record(
                FeatureFigures,
                newest,
                rule=rules.get(newest["feature"], ""),
                measured=len(gains),
                helped=int((gains["lower"] > 0).sum()),
                harmed=int((gains["upper"] < 0).sum()),
            )
        )
    return tuple(sorted(listed, key=lambda one: -one.gain))


SECTION = Section("features", reads=(feature_gains_table, read_settings), figures={"features": list_features})
