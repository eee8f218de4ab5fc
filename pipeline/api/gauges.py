"""Gauges that are worked out when Prometheus asks: of the generation that serves, and of the last hour."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily

from pointsman.pipeline.api.facts import GenerationFacts
from pointsman.pipeline.api.recent import Recent

FACTS = {
    "last_update_timestamp_seconds": "When the newest accepted batch became visible, in seconds since 1970 (UTC).",
    "label_delay_seconds": "Seconds of the stream's own time within which 90 % of labels came.",
    "production_loss": "Loss of what is in production on the newest batch that it had not learned: log-loss, or RMSE.",
}
"""Gauges without labels, by name, with their help."""
ALARMS = "Alarms that the newest batch raised, by kind of drift."
CHANCES = "How probable what was found in the newest batch is in a stable one, by kind of drift."
HEALTH = "What a rule of the report's first screen comes to: 0 green, 1 amber, 2 red. The worst is the verdict."
RECENT = {
    "fallback_ratio": "Share of the rows of the last hour that a fallback answered.",
    "expected_loss": "Loss expected of the rows of the last hour, from past batches: log-loss, or RMSE.",
}


class StateCollector:
    """A collector of prometheus-client; it looks at nothing but memory."""

    def __init__(
        self, facts: Callable[[], GenerationFacts], health: Callable[[], Mapping[str, int]], recent: Recent
    ) -> None:
        self._facts, self._health, self._recent = facts, health, recent

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge; one of which nothing is known has no sample."""
        facts, hour = self._facts(), self._recent.summarise()
        known = (facts.updated_at, facts.label_delay, facts.production_loss)
        for (name, about), number in zip(FACTS.items(), known, strict=True):
            yield show_gauge(name, about, number)
        yield show_each("drift_alarms", ALARMS, "kind", facts.drift_alarms)
        yield show_each("drift_p_value", CHANCES, "kind", facts.drift_chances)
        yield show_each("health", HEALTH, "rule", self._health())
        for (name, about), number in zip(RECENT.items(), (hour.fallback_share, hour.expected_loss), strict=True):
            yield show_gauge(name, about, number)


def show_gauge(name: str, about: str, number: float | None) -> GaugeMetricFamily:
    """Return a gauge without labels."""
    return GaugeMetricFamily(f"pointsman_{name}", about, value=number)


def show_each(name: str, about: str, label: str, numbers: Mapping[str, float]) -> GaugeMetricFamily:
    """Return a gauge with a sample for each value of a label, such as a kind of drift."""
    gauge = GaugeMetricFamily(f"pointsman_{name}", about, labels=(label,))
    for one, number in sorted(numbers.items()):
        gauge.add_metric((one,), number)
    return gauge
