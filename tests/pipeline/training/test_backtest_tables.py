"""A finished step of a backtest comes back from every catalogue as it was."""

from pointsman.common.config import Config
from pointsman.common.storage.state import open_state
from pointsman.pipeline.retraining.simulation import Evaluation
from pointsman.pipeline.retraining.store import StoredLedger


def test_a_step_comes_back_with_its_bytes_and_numbers(tmp_path, catalogue_url):
    config = Config.model_validate(
        {"schema": {"time": "t", "target": "y"}, "state_dir": tmp_path, "database_url": catalogue_url}
    )
    meetings = [
        Evaluation(3, 4, 90, (0.1, 1 / 3), True, None, b"\0\xff rows"),
        Evaluation(3, 5, 90, (2e-300,), False, 0.5),
    ]
    with open_state(config) as state:
        StoredLedger(state, "a").add(3, 0.25, meetings)
        again = StoredLedger(state, "a")
        assert StoredLedger(state, "b").met == {}
    assert again.seconds == {3: 0.25}
    assert again.met == {(3, 4): meetings[0], (3, 5): meetings[1]}
