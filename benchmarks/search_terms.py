"""What recency weights, Fourier and trend terms, and a window balanced over regimes would be worth to a search.

Each stream is cut into equal batches; some of the later ones are predicted by models that learned all batches before
them, plain and with each term, in the same run. The terms live here and not in the product: docs/search_terms.md.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pointsman.common.config import load_config
from pointsman.common.metrics import compute_row_losses
from pointsman.common.reading import read_dates
from pointsman.common.records import RawBatch
from pointsman.common.tabular.reader import read_table
from pointsman.common.task import Task
from pointsman.model_zoo.encoder import fit_encoder
from pointsman.model_zoo.families import get_family
from pointsman.pipeline.collection.roles import infer_schema
from pointsman.pipeline.preparation.assessment import analyse
from pointsman.pipeline.preparation.training_set import COVERED, TrainingRows, TrainingSet
from pointsman.pipeline.preparation.window import build_training_set

PIPELINES = {
    "linear": "onehot",
    "knn": "target",
    "tree": "target",
    "extra_trees": "target",
    "lightgbm": "native",
    "catboost": "native",
}
WITH_TERMS = ("linear", "knn", "extra_trees")
WINDOWS = (3, 5, 10)
HALF_LIVES = (4.0, 12.0)
"""In batches."""
SEASONS = {"year": (365.25, 2), "week": (7.0, 2), "day": (1.0, 2)}
"""Length in days, and harmonics."""
PARTS = {"month": (1, 12), "weekday": (0, 7), "hour": (0, 24)}
"""First value of a part of the time column, and after how many it begins anew."""
OLDER = 3
"""Rows that a balanced window takes from all older batches together, in multiples of the newest one's."""
MIXES = {
    "mean of windows": ("all", "last 5", "last 3"),
    "and balanced": ("all", "last 5", "last 3", "balanced"),
    "and last 10": ("all", "last 5", "last 3", "last 10"),
}
"""Means of lines; the last is what any fourth line would bring."""
DAY = pd.Timedelta(days=1)


def cut(stream: str, data: Path, rows: int, batches: int) -> TrainingSet:
    """Return the first batches of a stream as an update prepares them."""
    config = load_config(ROOT / f"configs/{stream}.yaml", [f"data_dir={data}", "training.max_rows=1000000"])
    table = read_table(data / config.source.paths[0])
    times = read_dates(table[config.schema_.time], config.schema_.time_format)
    order = np.argsort(times.to_numpy(), kind="stable")[: rows * batches]
    parts = [
        RawBatch(number, stream, table.iloc[part].reset_index(drop=True), times.iloc[part].reset_index(drop=True), {})
        for number, part in enumerate(np.split(order, range(rows, len(order), rows)), start=1)
    ]
    schema = infer_schema(parts[0].frame, config, stream)
    window = [analyse(config, part, schema).batch for part in parts]
    return build_training_set(config, schema, window, [], len(parts))


def add_terms(learn: TrainingRows, times: pd.Series) -> pd.DataFrame:
    """Return Fourier terms of seasons that were learned twice, and a trend clipped to one batch beyond the learned."""
    start, end = learn.times.iloc[0], learn.times.iloc[-1]
    since = ((times - start) / DAY).to_numpy()
    days = (end - start) / DAY
    batch = (end - learn.last(1).times.iloc[0]) / DAY
    columns = {"trend": np.clip(since, 0, days + batch) / max(days, 1e-9)}
    within_a_day = learn.times.dt.hour.nunique() > 1
    for name, (length, harmonics) in SEASONS.items():
        if days < COVERED * length or (name == "day" and not within_a_day):
            continue
        for harmonic in range(1, harmonics + 1):
            angle = 2 * np.pi * harmonic * ((times - pd.Timestamp(0)) / DAY).to_numpy() / length
            columns |= {f"{name}_sin{harmonic}": np.sin(angle), f"{name}_cos{harmonic}": np.cos(angle)}
    return pd.DataFrame(columns)


def add_seasons(learn: TrainingRows, features: pd.DataFrame) -> pd.DataFrame:
    """Return Fourier terms of the parts of the time column among the features, each at its own place in its season."""
    columns: dict[str, np.ndarray] = {}
    for name in learn.seasons:
        if name in learn.covered:
            first, length = PARTS[name.rpartition("_")[2]]
            for harmonic in (1, 2):
                angle = 2 * np.pi * harmonic * (features[name].to_numpy() - first) / length
                columns |= {f"{name}_sin{harmonic}": np.sin(angle), f"{name}_cos{harmonic}": np.cos(angle)}
    return pd.DataFrame(columns, index=features.index)


def balance(learn: TrainingRows, seed: int) -> TrainingRows:
    """Return all rows of the newest batch, and equally many of each older one."""
    numbers = np.unique(learn.batches)
    newest = int((learn.batches == numbers[-1]).sum())
    each = max(1, OLDER * newest // max(1, len(numbers) - 1))
    generator = np.random.default_rng(seed)
    kept = [np.flatnonzero(learn.batches == numbers[-1])]
    for number in numbers[:-1]:
        rows = np.flatnonzero(learn.batches == number)
        kept.append(generator.permutation(rows)[:each])
    return learn.take(np.sort(np.concatenate(kept)))


def judge(training_set: TrainingSet, batch: int, families: Sequence[str], measured: Sequence[str]) -> "Judged":
    """Return what the families lose and answer on a batch after learning those before it, each in every way."""
    rows = training_set.rows
    learn = rows.take(rows.batches < batch).last(24)
    later = rows.take(rows.batches == batch)
    found: dict[tuple[str, str], tuple[float, np.ndarray]] = {}

    def run(
        family: str, way: str, learned: TrainingRows, weights: np.ndarray | None = None, terms: bool = False
    ) -> None:
        names = list(learned.covered.columns)
        features, asked = learned.features[names], later.features[names]
        if terms == "terms":
            features = pd.concat([features, add_terms(learned, learned.times)], axis=1)
            asked = pd.concat([asked, add_terms(learned, later.times)], axis=1)
        if terms == "trend":
            features = features.assign(trend=add_terms(learned, learned.times)["trend"])
            asked = asked.assign(trend=add_terms(learned, later.times)["trend"])
        if terms == "parts":
            features = pd.concat([features, add_seasons(learned, features)], axis=1)
            asked = pd.concat([asked, add_seasons(learned, asked)], axis=1)
        encoder, table = fit_encoder(PIPELINES[family], features, learned.target, training_set.task, training_set.seed)
        kind = get_family(family)
        target = learned.target.astype(int) if training_set.task.is_classification else learned.target
        params = kind.default_params(training_set.task)
        estimator = kind.fit(
            table,
            target,
            task=training_set.task,
            n_classes=len(training_set.classes),
            params=params,
            seed=training_set.seed,
            weights=weights,
        )
        predicted = kind.predict(estimator, encoder.encode(asked))
        losses = compute_row_losses(training_set.task, later.target, predicted)
        found[family, way] = float(losses.mean()), predicted

    newest = learn.last_batch
    for family in families:
        run(family, "all", learn)
        for window in WINDOWS:
            run(family, f"last {window}", learn.last(window))
        for half_life in HALF_LIVES if "half-lives" in measured else ():
            run(family, f"half-life {half_life:g}", learn, 0.5 ** ((newest - learn.batches) / half_life))
        run(family, "balanced", balance(learn, training_set.seed))
        if family in WITH_TERMS and "terms" in measured:
            for terms in ("terms", "trend", "parts"):
                run(family, terms, learn, terms=terms)
                run(family, f"last 5, {terms}", learn.last(5), terms=terms)
    for family in families:
        for name, ways in MIXES.items():
            mixed = np.mean([found[family, way][1] for way in ways], axis=0)
            found[family, name] = float(compute_row_losses(training_set.task, later.target, mixed).mean()), mixed
    return found


def follow(losses: Sequence[dict[str, float]], ways: Sequence[str]) -> float:
    """Return the mean loss of choosing, for each batch after the first, the way that was best on those before it."""
    chosen = [
        losses[place][min(ways, key=lambda way: sum(one[way] for one in losses[:place]))]
        for place in range(1, len(losses))
    ]
    return float(np.mean(chosen))


Judged = dict[tuple[str, str], tuple[float, np.ndarray]]
"""By family and way to learn, the loss on a batch and the answers."""


def describe(stream: str, task: Task, judged: Sequence[Judged], families: Sequence[str]) -> list[str]:
    """Return lines of a table: losses by way relative to learning all rows, and what choosing among them gains."""
    scale: Callable[[float], float] = float if task.is_classification else np.sqrt
    lines = []
    for family in families:
        losses = [{way: scale(loss) for (name, way), (loss, _) in one.items() if name == family} for one in judged]
        means = {way: float(np.mean([one[way] for one in losses])) for way in losses[0]}
        plain = ["all", *(f"last {window}" for window in WINDOWS)]
        recent = [*plain, *(way for way in means if way.startswith("half-life"))]
        cells = {way: 100 * (loss / means["all"] - 1) for way, loss in means.items() if way != "all"}
        chosen = {"windows": follow(losses, plain), "with half-lives": follow(losses, recent)}
        cells["choice with half-lives"] = 100 * (chosen["with half-lives"] / chosen["windows"] - 1)
        cells["mix with balanced"] = 100 * (means["and balanced"] / means["mean of windows"] - 1)
        cells["mix with last 10"] = 100 * (means["and last 10"] / means["mean of windows"] - 1)
        for name in MIXES:
            del cells[name]
        if "terms" in means:
            for terms in ("terms", "trend", "parts"):
                with_terms = [*plain, terms, f"last 5, {terms}"]
                cells[f"choice with {terms}"] = 100 * (follow(losses, with_terms) / chosen["windows"] - 1)
        told = ", ".join(f"{way} {cell:+.2f}" for way, cell in cells.items())
        lines.append(f"{stream} {family} (all rows {means['all']:.4f}): {told}")
    return lines


def main() -> None:
    """Print the table of the streams that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--streams", nargs="+", default=["elec2", "bank", "pm25", "aus_motor"])
    parser.add_argument("--families", nargs="+", default=list(PIPELINES)[:-1])
    parser.add_argument("--measured", nargs="*", default=["half-lives", "terms"], help="beside the balanced window")
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument(
        "--judged", type=int, default=6, help="batches that are judged, evenly spread over the last half"
    )
    parsed = parser.parse_args()
    warnings.simplefilter("ignore")
    for stream in parsed.streams:
        started = time.perf_counter()
        training_set = cut(stream, parsed.data, parsed.rows, parsed.batches)
        last = training_set.rows.last_batch
        numbers = np.unique(np.linspace(last // 2 + 1, last, parsed.judged).astype(int))
        judged = [judge(training_set, int(number), parsed.families, parsed.measured) for number in numbers]
        print(*describe(stream, training_set.task, judged, parsed.families), sep="\n", flush=True)
        print(f"{stream}: batches {numbers.tolist()}, {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
