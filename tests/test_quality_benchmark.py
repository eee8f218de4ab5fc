"""The quality benchmark: its protocol on a small stream, and its arithmetic on made observations."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import quality
from benchmarks.comparators import watch_refits
from benchmarks.protocol import Observation, cut_stream
from benchmarks.quality_table import average, describe, find_hindsight, judge
from pointsman.common.config import load_config

ROWS, BATCHES, WARM_UP = 600, 6, 4
SMALL = ["search.trials=2", "search.families=[linear,tree]", "search.variants=[onehot]"]


@pytest.fixture(scope="module")
def made_stream(tmp_path_factory) -> Path:
    """Write a stream of 600 rows whose label follows one number and one level, every tenth row without a label."""
    folder = tmp_path_factory.mktemp("made")
    generator = np.random.default_rng(7)
    size, shop = generator.normal(size=ROWS), generator.choice(["north", "south"], ROWS)
    sold = size + (shop == "north") + generator.logistic(size=ROWS) > 0.5
    table = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=ROWS, freq="h"),
            "size": size,
            "shop": shop,
            "sold": pd.Series(np.where(sold, "yes", "no")).where(np.arange(ROWS) % 10 != 3),
        }
    )
    table.to_csv(folder / "made.csv", index=False)
    (folder / "made.yaml").write_text(
        "source: {kind: files, paths: [made.csv]}\n"
        "schema: {time: day, target: sold, positive: 'yes'}\n"
        "batch: {period: week}\n"
    )
    return folder


def observe(contestant: str, batch: int, unit: str = "product", seconds: float = 0.0, **metrics: float) -> Observation:
    return Observation("elec2", "binary", unit, contestant, batch, 100, metrics, seconds)


def test_a_run_goes_on_and_every_contestant_answers_the_same_rows(made_stream, capsys):
    rows, path = made_stream / "rows.jsonl", made_stream / "made.yaml"
    words = [
        "--data",
        made_stream,
        "--streams",
        path,
        "--batches",
        BATCHES,
        "--warm-up",
        WARM_UP,
        "--flaml-seconds",
        "0",
        "--set",
        *SMALL,
        "--rows",
        rows,
        "--resume",
    ]
    protocol = {"batches": BATCHES, "warm_up": WARM_UP, "flaml_seconds": 0.0, "set": SMALL}
    earlier = [one for unit in ("product", "linear") for one in quality.watch(unit, path, made_stream, protocol)]
    quality.save_rows(rows, protocol, earlier)
    assert quality.main([str(word) for word in words]) == 0
    table = capsys.readouterr().out
    observations = quality.load_rows(rows, protocol)
    assert observations[: len(earlier)] == earlier
    assert {one.unit for one in observations[len(earlier) :]} == {"LightGBM"}

    judged = [one for one in observations if one.metrics]
    assert {one.contestant for one in judged if one.unit != "product"} == {
        f"{name}, {window}" for name in ("LightGBM", "linear") for window in ("all", "last 5", "best on the last batch")
    }
    assert {(one.batch, one.rows) for one in judged} == {(5, 90), (6, 90)}
    assert [one.batch for one in observations if one.contestant == "product"] == [1, 2, 3, 4, 5, 6]
    assert all(one.seconds > 0 for one in observations if one.contestant == "product")
    for contestant in ("product", "LightGBM, all", "linear, last 5"):
        assert 0.6 < average(observations, "made", contestant, "roc_auc") < 0.95, contestant
    assert "| made | roc_auc |" in table
    assert "FLAML was skipped: switched off" in table
    with pytest.raises(ValueError, match="name another file with --rows"):
        quality.load_rows(rows, protocol | {"batches": 20})


def test_features_of_the_others(made_stream):
    config = load_config(made_stream / "made.yaml", [f"data_dir={made_stream}"])
    stream = cut_stream("made", config, ROWS // BATCHES, BATCHES)
    second = stream.batches[1]
    assert list(second.features) == ["size", "shop", "day_month", "day_weekday", "day_hour"]
    assert second.features["day_hour"].iloc[0] == 4.0  # row 100 is hour 4 of the fifth day
    assert second.features["day_weekday"].iloc[0] == pd.Timestamp("2020-01-05").day_of_week
    assert len(second.frame) == 100
    assert len(second.features) == len(second.target) == 90
    assert set(second.target) == {0.0, 1.0}


def test_best_on_the_last_batch_follows_the_batch_before(made_stream):
    config = load_config(made_stream / "made.yaml", [f"data_dir={made_stream}"])
    stream = cut_stream("made", config, ROWS // 10, 10)
    rows_learned = []

    def fit(_features, target, _task, _seed):
        rows_learned.append(len(target))
        first_batch_asked, on_all_rows = len(rows_learned) <= 2, len(rows_learned) % 2 == 1
        sign = -1 if first_batch_asked == on_all_rows else 1  # all rows fail in batch 7, the last five from then on

        def predict(asked):
            positive = 1 / (1 + np.exp(-sign * asked["size"].to_numpy()))
            return np.column_stack([1 - positive, positive])

        return predict

    seen = {(one.contestant, one.batch): one.metrics["roc_auc"] for one in watch_refits(stream, 7, "made", fit)}
    assert rows_learned == [6 * 54, 5 * 54, 7 * 54, 5 * 54, 8 * 54, 5 * 54, 9 * 54, 5 * 54]
    assert seen["made, all", 8] > 0.5 > seen["made, last 5", 8]
    assert seen["made, best on the last batch", 8] == seen["made, last 5", 8]
    assert seen["made, best on the last batch", 9] == seen["made, all", 9]
    assert {batch for _, batch in seen} == {8, 9, 10}


def test_hindsight_is_constant_and_always_there():
    observations = [
        *(observe("product", batch, roc_auc=0.7) for batch in (6, 7)),
        *(observe("line a", batch, roc_auc=value) for batch, value in ((6, 0.6), (7, 0.8))),
        *(observe("line b", batch, roc_auc=value) for batch, value in ((6, 0.9), (7, 0.4))),
        observe("line late", 7, roc_auc=0.99),
    ]
    assert find_hindsight(observations, "elec2", "roc_auc") == ("a", pytest.approx(0.7))


def test_warm_up_has_no_part_in_the_mean():
    observations = [observe("product", 5), observe("product", 6, roc_auc=0.5), observe("product", 7, roc_auc=0.7)]
    assert average(observations, "elec2", "product", "roc_auc") == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("reached", "verdict"), [(0.84216, (True, False)), (0.8421, (False, False)), (0.8423, (True, True))]
)
def test_verdicts_compare_published_digits(reached, verdict):
    assert judge(reached, 0.8422, 4, "roc_auc") == verdict


def test_a_lower_error_beats():
    assert judge(67.2, 67.36, 2, "rmse") == (True, True)
    assert judge(67.4, 67.36, 2, "rmse") == (False, False)


def test_published_numbers_stand_for_the_published_cut_only():
    observations = [observe("product", 6, roc_auc=0.85, log_loss=0.5, calibration_error=0.02)]
    published = "| elec2 | roc_auc | 0.8500 | 0.8422 | 0.8579 | 0.8360 | yes | yes | **no** | yes |"
    assert published in describe(observations, "command", 20, 5)
    assert published not in describe(observations, "command", 8, 5)
