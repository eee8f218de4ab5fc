"""The summary of states that real updates and requests left behind."""

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pointsman.common.config import Config, load_config
from pointsman.common.errors import StateError
from pointsman.common.storage.state import open_state
from pointsman.pipeline.inference import infer
from pointsman.pipeline.summary import summarise
from pointsman.pipeline.update import update

ROOT = Path(__file__).resolve().parent.parent.parent
DATE = datetime(2026, 1, 2)
SMALL = ("search.trials=3", "search.families=[linear]", "training.folds=1", "search.finalists=2", "report.shap_rows=50")


def write_stream(folder: Path, target: str) -> Config:
    """Return the configuration of a stream of 900 rows in three batches whose target follows two of its inputs."""
    generator = np.random.default_rng(3)
    rows = 900
    size, make = generator.normal(size=rows), generator.choice(["ford", "lada", "saab"], rows)
    hidden = size + 2 * (make == "lada") + generator.normal(0, 0.5, rows)
    targets = {"amount": hidden.round(3) * 1000, "kind": np.array(["low", "mid", "top"])[np.digitize(hidden, [0, 1.5])]}
    table = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "size": size,
            "make": make,
            "noise": generator.normal(size=rows),
            target: targets[target],
        }
    )
    table.to_csv(folder / "stream.csv", index=False)
    path = folder / "config.yaml"
    path.write_text(
        f"{{source: {{kind: files, paths: [stream.csv]}}, schema: {{time: day, target: {target}}}, batch: {{rows: 300}}}}"  # noqa: E501
    )
    return load_config(path, [f"data_dir={folder}", f"state_dir={folder / 'state'}", *SMALL])


def test_before_the_first_update_there_is_nothing_to_report(tmp_path):
    config = load_config(ROOT / "config.yaml", [f"state_dir={tmp_path / 'none'}"])
    with pytest.raises(StateError, match=r"no state in '.*none' yet; run 'python run.py update' first"):
        summarise(config)
    assert not (tmp_path / "none").exists()
    with (
        open_state(config),
        pytest.raises(StateError, match=r"nothing to report in '.*none' yet; run 'python run.py update' first"),
    ):
        summarise(config)
    assert not (tmp_path / "none" / "report").exists()


def test_a_summary_of_nothing_loads_neither_charts_nor_learners():
    code = (
        "import sys, pointsman.pipeline.summary; "
        "print([name for name in ('matplotlib', 'shap', 'sklearn', 'lightgbm', 'jinja2') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(("target", "task", "outputs"), [("amount", "regression", 1), ("kind", "multiclass", 3)])
def test_other_tasks_from_update_to_report(tmp_path, target, task, outputs):
    config = write_stream(tmp_path, target)
    assert update(config, None)
    path = summarise(config, DATE)
    figures = json.loads((path.parent / "report.json").read_text())
    assert figures["task"] == task
    assert len(figures["batches"]) == 3
    assert figures["champion_scores"][-1]["gain"] > 0.1, "a model that follows the target beats the prior"
    assert len(figures["shap"]["outputs"]) == outputs
    ranked = [feature["feature"] for feature in figures["shap"]["features"]]
    assert set(ranked[:2]) == {"size", "make"}
    html = path.read_text()
    assert "shap-beeswarm" in html
    # The data of charts is told, too; the library that draws them knows NaN.
    told = re.sub(r'<script(?! type="application/json").*?</script>|base64,[^"]*', "", html, flags=re.DOTALL)
    assert "NaN" not in told


@pytest.mark.slow
def test_the_demo_stream_from_update_to_report(tmp_path):
    state = tmp_path / "state"
    config = load_config(
        ROOT / "config.yaml", [f"state_dir={state}", "source.demo.rows=6000", "batch.period=year", *SMALL]
    )
    assert update(config, 4)
    request = tmp_path / "request.csv"
    table = pd.DataFrame(
        {"PREMIUM": ["100", "9000", "x"], "MAKE": ["TOYOTA", "?", ""], "INSR_BEGIN": ["08-AUG-14"] * 3}
    )
    table.to_csv(request, index=False)
    infer(config, request)
    path = summarise(config, DATE)
    figures = json.loads((path.parent / "report.json").read_text())
    html = path.read_text()
    assert path.stat().st_size < 6_000_000
    assert figures["decisions"]["rows"] == 3
    assert sum(one["rows"] for one in figures["decisions"]["served"]) == 3
    assert next(marker["name"] for marker in figures["markers"]) == "higher tariff"
    assert "Premiums are 75 % higher for eleven months" in html
    assert figures["generation"]["number"] == figures["champion"]["last_batch"] == 4
    features = {feature["feature"] for feature in figures["shap"]["features"]}
    assert figures["shap"]["obstacle"] or {"MAKE", "PREMIUM", "PREMIUM_per_INSURED_VALUE"} <= features
    assert summarise(config, DATE).read_text() == html
