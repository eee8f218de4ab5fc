"""Facts of a state that nothing is wrong with, for tests to break one thing at a time."""

from datetime import datetime, timedelta

from pointsman.pipeline.reporting.health.commands import Typed
from pointsman.pipeline.reporting.health.facts import (
    Age,
    Answered,
    Batches,
    Estimated,
    Facts,
    Graded,
    Labels,
    Ledger,
    Paired,
    Serving,
)

NOW = datetime(2026, 1, 31)
SERVING = Serving("ensemble-0009", "ensemble", "tree-0007", ("ensemble-0009", "tree-0007", "linear-0008"), "", "", 6)
PRIOR = Paired("prior", "prior-0002", 5, -0.2, 0.02, 6, -0.25)
DEFAULT = Paired("default LightGBM", "lightgbm-0001", 5, -0.01, 0.01, 6, 0.02)
BATCHES = Batches(6, 6, False, "", 1_000, 0, 0, "", 0, "")

HEALTHY = Facts(
    serving=SERVING,
    rivals=(Paired("champion", "tree-0007", 5, 0.001, 0.01, 6, 0.0), DEFAULT, PRIOR),
    grades=(Graded(6, "clean", 0.501, 0.5, 0.001, 0.005), Graded(6, "damaged", 0.6, 0.7, -0.1, 0.01)),
    answered=Answered(6, 3, 1_000, {"fallback:sparse": 100}, "3f2a"),
    ledger=Ledger(5, 400, 0.4, 0.41, 0.01),
    estimated=Estimated(6, 0.5, 0.4, 0.6, 0.55),
    labels=Labels(30, 500, 400, True),
    batches=BATCHES,
    drifted=(),
    age=Age(NOW - timedelta(days=20), NOW, 30.0),
    broken={},
    typed=Typed(),
    loss="log-loss",
)
