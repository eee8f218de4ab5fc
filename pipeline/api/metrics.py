"""What the service counts, for Prometheus."""

from collections.abc import Collection, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from pointsman.pipeline.api.facts import GenerationFacts
from pointsman.pipeline.api.gauges import StateCollector
from pointsman.pipeline.api.recent import Recent

SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Upper bounds of the latency histogram."""
PREDICT = "/predict"
"""The route whose requests the figures of the last hour are of."""


class Metrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry, "namespace": "pointsman"}
        self.requests = Counter("requests", "Requests by route and status.", ("route", "status"), **own)
        self.seconds = Histogram("request_seconds", "Seconds a request took.", ("route",), buckets=SECONDS, **own)
        self.running = Gauge("requests_running", "Requests under way, those that wait included.", **own)
        self.rows = Counter("rows", "Rows answered.", **own)
        self.served = Counter("rows_served", "Rows by version and reason.", ("version", "reason"), **own)
        self.generation = Gauge("generation", "The generation that serves; 0 for none.", **own)
        self.swaps = Counter("generation_swaps", "Generations that began to serve.", **own)
        self.load_failures = Counter("generation_load_failures", "Attempts at a generation that failed.", **own)
        self.labels = Counter("labels", "Labels that came late, by what became of them.", ("outcome",), **own)
        self.log_waiting = Gauge("answer_log_waiting", "Requests that wait to be logged.", **own)
        self.log_dropped = Gauge("answer_log_dropped", "Requests that were not logged, since too many waited.", **own)
        ProcessCollector(registry=self.registry)
        self.recent = Recent()
        self.facts = GenerationFacts()
        self.health: Mapping[str, int] = {}
        self.registry.register(StateCollector(lambda: self.facts, lambda: self.health, self.recent))
        self._served: set[tuple[str, str]] = set()

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that is done."""
        self.requests.labels(route, status).inc()
        self.seconds.labels(route).observe(seconds)
        if route == PREDICT:
            self.recent.add_request(status, seconds)

    def count_rows(self, served: Mapping[tuple[str, str], int], expected: float | None = None) -> None:
        """Count rows by the version that answered and its reason; ``expected`` is the mean loss expected of them."""
        self.recent.add_rows(served, expected)
        for pair, rows in served.items():
            self.served.labels(*pair).inc(rows)
            self.rows.inc(rows)
        self._served |= served.keys()

    def take_over(self, generation: int, versions: Collection[str], facts: GenerationFacts) -> None:
        """Count a new generation; versions that are no longer part of it are dropped from the counters."""
        self.generation.set(generation)
        self.facts = facts
        self.swaps.inc()
        for pair in [pair for pair in self._served if pair[0] not in versions]:
            self.served.remove(*pair)
            self._served.discard(pair)

    def show(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
