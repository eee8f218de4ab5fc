"""Whether plain models do as well: the product beside LightGBM's defaults, batch by batch on the same rows.

python benchmarks/plain.py FOLDER [--streams bikes monthly flights] [--batches 20] [--warm-up 5] [--catboost]
                           [--set key=value ...] [--write docs/plain.md]

Two short streams and a large one are written into FOLDER (``public_streams.py``) and cut by their own configurations.
Every batch is predicted before it is learned: by the product through ``infer``, by LightGBM with its library's defaults
refitted on all rows before it and, with ``--catboost``, by CatBoost's defaults and the plain mean of both, on all rows
and on the last five batches. A batch is lost where the product's mean loss is higher beyond noise: a paired interval
over blocks of rows, at a one-sided confidence of 95 %.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.comparators import LAST, Predict, find_categories, fit_lightgbm
from benchmarks.product import ask, learn
from benchmarks.protocol import Stream, cut_stream
from benchmarks.public_streams import LARGE, SHORT, write_streams
from pointsman.common.comparison import Outcome, compare_losses
from pointsman.common.config import load_config
from pointsman.common.metrics import compute_row_losses
from pointsman.common.seeding import derive_seed
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.pipeline.collection.ordering import PartReader

CONFIDENCE = 0.95
ALL, MEAN_ALL, MEAN_LAST = "LightGBM, all", "mean of both, all", f"mean of both, last {LAST}"


@dataclass(frozen=True, eq=False)
class Met:
    """A batch that all have predicted: row losses (n_rows,) by contestant, and the seconds of the product's update."""

    stream: str
    batch: int
    losses: dict[str, np.ndarray]
    seconds: float


def watch(stream: Stream, warm_up: int, catboost: bool) -> Iterator[Met]:
    """Yield what every contestant loses on the batches after the warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        config = stream.config.model_copy(update={"state_dir": Path(folder) / "state"})
        reader = PartReader(config.schema_)
        with open_state(config) as state:
            for place, batch in enumerate(stream.batches):
                answers = {}
                if batch.number > warm_up:
                    answers = {"product": ask(config, stream.schema, batch, Path(folder))}
                    answers |= predict_plainly(stream, place, catboost)
                seconds = learn(stream, config, state, reader, batch)
                print(f"{stream.name}: batch {batch.number}, {seconds:.0f} s", file=sys.stderr, flush=True)
                if answers:
                    losses = {who: lose(stream.task, batch.target, known) for who, known in answers.items()}
                    yield Met(stream.name, batch.number, losses, seconds)


def predict_plainly(stream: Stream, place: int, catboost: bool) -> dict[str, np.ndarray]:
    """Return by contestant what plain models predict for a batch, fitted on batches before it."""
    windows = {"all": 0, f"last {LAST}": max(0, place - LAST)} if catboost else {"all": 0}
    answers = {}
    for window, first in windows.items():
        past = stream.batches[first:place]
        features = pd.concat([one.features for one in past], ignore_index=True)
        target = np.concatenate([one.target for one in past])
        target = target.astype(int) if stream.task.is_classification else target
        seed = derive_seed(stream.config.seed, "comparator", place)
        asked = stream.batches[place].features
        known = fit_lightgbm(features, target, stream.task, seed)(asked)
        if window == "all":
            answers[ALL] = known
        if catboost:
            other = fit_catboost(features, target, stream.task, seed)(asked)
            answers[MEAN_ALL if window == "all" else MEAN_LAST] = (known + other) / 2
    return answers


def fit_catboost(features: pd.DataFrame, target: np.ndarray, task: Task, seed: int) -> Predict:
    """Fit CatBoost's defaults, levels as its own categories."""
    import catboost

    levels = list(find_categories(features))

    def fill(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{name: table[name].fillna("") for name in levels})

    kind = catboost.CatBoostClassifier if task.is_classification else catboost.CatBoostRegressor
    model = kind(random_seed=seed, verbose=0, allow_writing_files=False, cat_features=levels, thread_count=1)
    model.fit(fill(features), target)
    if task.is_classification:
        return lambda asked: np.asarray(model.predict_proba(fill(asked)))
    return lambda asked: np.asarray(model.predict(fill(asked))).reshape(-1, 1)


def lose(task: Task, target: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return row losses (n_rows,): log-loss, or squared errors."""
    return compute_row_losses(task, target, outputs)


def describe(met: Sequence[Met], command: str) -> str:
    """Return the tables as Markdown."""
    lines = [
        "# Beside plain models",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, two cores.",
        "",
        "Mean loss of the product on each batch, and how far it lies above that of plain models, in percent: log-loss, "
        "or squared errors. Lost: higher beyond noise, at a one-sided confidence of 95 %.",
        "",
    ]
    for stream in dict.fromkeys(one.stream for one in met):
        batches = [one for one in met if one.stream == stream]
        others = [who for who in batches[0].losses if who != "product"]
        lines += [
            f"## {stream}",
            "",
            "| batch | rows | product | " + " | ".join(others) + " |",
            "|---" * (len(others) + 3) + "|",
        ]
        lost = dict.fromkeys(others, 0)
        for one in batches:
            cells = []
            for who in others:
                compared = compare_losses(one.losses["product"], one.losses[who], CONFIDENCE)
                lost[who] += compared.outcome is Outcome.WORSE
                share = 100 * compared.difference / one.losses[who].mean()
                cells.append(f"{share:+.2f} {'**lost**' if compared.outcome is Outcome.WORSE else ''}".strip())
            own = one.losses["product"]
            lines.append(f"| {one.batch} | {len(own):,} | {own.mean():.4g} | " + " | ".join(cells) + " |")
        means = {who: np.mean([one.losses[who].mean() for one in batches]) for who in ("product", *others)}
        above = [f"{100 * (means['product'] / means[who] - 1):+.2f}" for who in others]
        lines += [
            f"| mean | | {means['product']:.4g} | " + " | ".join(above) + " |",
            "| lost | | | "
            + " | ".join(f"{count} {'met' if not count else '**missed**'}" for count in lost.values())
            + " |",
            "",
            f"An update took {np.mean([one.seconds for one in batches]):.0f} s in the mean.",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Watch the streams and print (or write) the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--streams", nargs="+", choices=[*SHORT, LARGE], default=[*SHORT, LARGE])
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--catboost", action="store_true", help="add CatBoost, which must be installed")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="key=value", help="overrides")
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    made = write_streams(asked.folder)
    met = []
    for name in asked.streams:
        if name in made:
            config = load_config(made[name], [f"data_dir={asked.folder.resolve()}", *asked.set])
            met += list(watch(cut_stream(name, config, None, asked.batches), asked.warm_up, asked.catboost))
    if not met:
        return
    words = ["python benchmarks/plain.py FOLDER --streams", *asked.streams, f"--batches {asked.batches}"]
    table = describe(met, " ".join([*words, *(["--catboost"] if asked.catboost else []), *asked.set]))
    print(table)
    if asked.write:
        asked.write.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
