"""Engineered features: what the folds of each batch say they are worth, and whether models learn them."""

from dataclasses import dataclass

from pointsman.experiments.tables import feature_gains_table
from pointsman.pipeline.reporting.history import History, list_rows, read_record
from pointsman.pipeline.reporting.section import Section


@dataclass(frozen=True)
class FeatureFigures:
    """A feature's newest measurement, and in how many of all of them it surely helped or harmed.

    ``gain`` is the mean row loss without the feature less that with it, with its interval: above 0 it helps.
    """

    feature: str
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


def list_features(history: History) -> tuple[FeatureFigures, ...]:
    """Return every engineered feature that was measured, the most useful first."""
    listed = []
    for _, gains in history.read(feature_gains_table).sort_values("batch").groupby("feature"):
        newest = list_rows(gains.tail(1))[0]
        listed.append(
            read_record(
                FeatureFigures,
                newest,
                measured=len(gains),
                helped=int((gains["lower"] > 0).sum()),
                harmed=int((gains["upper"] < 0).sum()),
            )
        )
    return tuple(sorted(listed, key=lambda one: -one.gain))


SECTION = Section("features", reads=(feature_gains_table,), figures={"features": list_features})
