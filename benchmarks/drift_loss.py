"""Alarms beside the loss of a model that is never updated, on two streams known to drift.

python benchmarks/drift_loss.py [--data ../shared/data] [--streams elec2 bank] [--rows 1000] [--learned 6]

LightGBM learns the first batches and no more; everything later is held against these. The tables list every later
batch with the model's log-loss, how far its inputs lie from what was learned, and its alarms: against what the model
learned, and as a system judges that learns every batch. Rank correlation (Spearman) is that of the loss.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.drift_replay import Judged, cut_stream, judge_stream
from pointsman.common.config import Config, load_config
from pointsman.common.metrics import compute_row_losses
from pointsman.common.reading import read_dates
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.tabular.reader import read_table
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import fit_model
from pointsman.pipeline.drift.verdict import Drift
from pointsman.pipeline.preparation.features import engineer_features, find_seasons

DATA = Path(os.environ.get("POINTSMAN_DATA", ROOT.parent / "shared" / "data"))


def watch(name: str, data: Path, rows: int, learned: int) -> str | None:
    """Return the tables of a stream; None, saying why, where it is absent."""
    config = load_config(ROOT / "configs" / f"{name}.yaml", [f"data_dir={data}"])
    paths = [data / path for path in config.source.paths]
    if not all(path.is_file() for path in paths):
        print(f"{name} is skipped: '{paths[0]}' is absent; name the folder by POINTSMAN_DATA", file=sys.stderr)
        return None
    frame = pd.concat([read_table(path) for path in paths], ignore_index=True)
    times = read_dates(frame[config.schema_.time], config.schema_.time_format)
    order = np.argsort(times.to_numpy(), kind="stable")
    frame, times = frame.iloc[order].reset_index(drop=True), times.iloc[order].reset_index(drop=True)
    schema, batches = cut_stream(config, frame, times, rows)
    losses = measure_losses(config, schema, batches, learned)
    still = list(judge_stream(config, schema, batches, learned))
    moving = list(judge_stream(config, schema, batches))
    return describe(name, rows, learned, losses, still, moving)


def measure_losses(config: Config, schema: Schema, batches: Sequence[LabelledBatch], learned: int) -> np.ndarray:
    """Return the mean row loss on every batch after the ``learned`` ones of a model that knows only these."""
    seasons = list(find_seasons(schema, config.features))
    tables = [engineer_features(one.inputs, schema, config.features).drop(columns=seasons) for one in batches]
    first = pd.concat(tables[:learned], ignore_index=True)
    target = np.concatenate([one.target for one in batches[:learned]])
    candidate = Candidate("lightgbm", "native", get_family("lightgbm").default_params(schema.task))
    model = fit_model(candidate, first, target, schema.task, schema.classes, config.seed)
    return np.array(
        [
            compute_row_losses(schema.task, one.target, model.predict(table)).mean()
            for one, table in zip(batches[learned:], tables[learned:], strict=True)
        ]
    )


def describe(
    name: str, rows: int, learned: int, losses: np.ndarray, still: Sequence[Judged], moving: Sequence[Judged]
) -> str:
    """Return the correlations and the table of batches."""
    later, system = still[learned:], moving[learned:]
    columns = np.array([len(set(list_alarms(one, Drift.DATA))) for one in later])
    distance = np.array([one.distance for one in later])
    lines = [
        f"### {name}, batches of {rows:,} rows, model of the first {learned}",
        "",
        f"Rank correlation with the loss: {spearmanr(losses, distance)[0]:+.2f} mean distance of the columns, "
        f"{spearmanr(losses, columns)[0]:+.2f} columns in alarm.",
        "",
        "| batch | from | log-loss | mean distance | alarms against what the model learned | alarms of a system that "
        "learns every batch |",
        "|---|---|---|---|---|---|",
    ]
    for loss, one, learning in zip(losses, later, system, strict=True):
        lines.append(
            f"| {one.batch.number} | {one.batch.times.min():%Y-%m-%d} | {loss:.3f} | {one.distance:.3f} | "
            f"{name_alarms(one)} | {name_alarms(learning)} |"
        )
    return "\n".join(lines)


def list_alarms(one: Judged, drift: Drift) -> list[str]:
    """Return the columns of the alarms of one kind."""
    return [test.column or "all together" for test in one.tests if test.alarm and test.drift is drift]


def name_alarms(one: Judged) -> str:
    """Return the alarms of a batch in words."""
    named = list(dict.fromkeys(list_alarms(one, Drift.DATA)))
    shown = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    concept = "relation" if list_alarms(one, Drift.CONCEPT) else ""
    return "; ".join(part for part in (shown, concept) if part)


def main(arguments: Sequence[str] | None = None) -> str:
    """Run and return the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--streams", nargs="+", default=["elec2", "bank"])
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--learned", type=int, default=6)
    parsed = parser.parse_args(arguments)
    found = [watch(name, parsed.data, parsed.rows, parsed.learned) for name in parsed.streams]
    return "\n\n".join(table for table in found if table)


if __name__ == "__main__":
    print(main())
