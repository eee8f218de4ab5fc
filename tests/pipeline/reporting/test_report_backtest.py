"""A backtest in the report: its table, the recommended policy and what its advice was worth."""

import json
from datetime import datetime

from made_state import MadeState

from pointsman.common.storage.state import open_state
from pointsman.pipeline.retraining.policies import ALWAYS, Policy
from pointsman.pipeline.retraining.recommendation import Advice, Backtest, PolicyOutcome
from pointsman.pipeline.retraining.store import load_backtest, save_backtest
from pointsman.pipeline.summary import summarise

EVERY3 = Policy("every", every=3)
DONE = Backtest(
    replayed={"candidate": "linear/onehot", "first": 4, "last": 12, "rows": 1800, "loss": "log-loss"},
    outcomes=(
        PolicyOutcome(EVERY3, 0.5021, 0.0042, 0.001, 0.0061, 0.0064, 3.4, 2.7),
        PolicyOutcome(ALWAYS, 0.5, 0.0, 0.0, 0.0, 0.0, 9.1, 8.0),
    ),
    recommended=EVERY3,
    advice=Advice(8, EVERY3, ALWAYS, 0.0031, 1.3, 4.0),
)


def test_a_backtest_is_stored_as_it_was(tmp_path):
    with open_state(MadeState(tmp_path).config) as state:
        save_backtest(state, "one", DONE)
        assert load_backtest(state, "one") == DONE
        assert load_backtest(state, "two") is None


def test_the_report_shows_the_newest_backtest_and_nothing_without_one(tmp_path):
    made = MadeState(tmp_path).add(3)
    assert "When to train" not in summarise(made.config, datetime(2026, 1, 2)).read_text()
    with open_state(made.config) as state:
        save_backtest(state, "one", DONE)
    path = summarise(made.config, datetime(2026, 1, 2))
    figures = json.loads((path.parent / "report.json").read_text())["backtest"]
    assert [(one["name"], one["recommended"]) for one in figures["policies"]] == [
        ("always", False),
        ("every 3 batches", True),
    ]
    html = path.read_text().replace("\xa0", " ")
    assert 'every 3 batches <span class="badge champion">recommended</span>' in html
    assert "lost 0.31 % against “always”" in html
