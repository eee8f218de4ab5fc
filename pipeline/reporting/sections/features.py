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


def say_use(one: FeatureFigures) -> str:
    """Return whether models learn a feature, and what of its measurements decides that."""
    from pointsman.pipeline.training.gains import LEAST_MEASURED

    is_young = one.measured < LEAST_MEASURED
    if is_young:
        few = f"measured {one.measured} of {LEAST_MEASURED} times that a verdict takes"
        return f"yes, {few}" if one.used else f"not yet, history is too short for its season ({few})"
    if one.covered:
        return "yes, it does not surely harm" if one.used else "no, it surely harms"
    return "yes, it surely helps" if one.used else "not yet, history is too short for its season"


def tell_rule_of_use() -> str:
    """Return in two sentences what decides whether models learn an engineered feature."""
    from pointsman.pipeline.training.gains import LEAST_MEASURED, REMEMBERED

    return (
        f"A feature is learned until it surely harms, by the mean of its newest {REMEMBERED} measurements; there have "
        f"to be {LEAST_MEASURED} at least, since a single one too often harms or helps by chance. A season that "
        "history has not been through twice is learned only once it surely helps, by as many."
    )


SECTION = Section("features", reads=(feature_gains_table, read_settings), figures={"features": list_features})
