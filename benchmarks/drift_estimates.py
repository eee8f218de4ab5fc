"""Performance without labels: what was estimated of batches and small requests against what their labels showed.

python benchmarks/drift_estimates.py [--data ../shared/data] [--streams bank hotel elec2 pm25] [--lines lightgbm linear]
                                     [--write docs/estimates.md]

A fast replay: each stream is cut into equal batches, and lines refitted on the newest twelve of them predict the next
one, with the damaged copies that any record holds. The estimator is fitted before each batch to the records before it,
by the functions that an update uses, and asked for the whole batch and for runs of its rows.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pointsman.common.config import Config, load_config
from pointsman.common.errors import NoNewData
from pointsman.common.storage.files import save_atomically
from pointsman.common.task import Task
from pointsman.meta.estimation.estimator import estimate
from pointsman.meta.estimation.expectation import realise
from pointsman.meta.estimation.fitting import MIN_BATCHES, fit_estimator
from pointsman.meta.past import MAX_BATCHES
from pointsman.meta.records import OutOfSamplePredictions, predict_outputs
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.reference import InputReference
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.pipeline.collection.batching import take_batch
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.preparation.assessment import analyse
from pointsman.pipeline.preparation.features import EngineeredBatches
from pointsman.pipeline.preparation.window import build_training_set
from pointsman.pipeline.quality.schema_growth import advance_schema, infer_first
from pointsman.pipeline.training.portfolio import SMALL_TREES
from pointsman.pipeline.validation.evidence import build_evaluation_table
from pointsman.registry.generations import Generation

STREAMS = {"bank": 1_000, "hotel": 2_000, "elec2": 1_000, "pm25": 1_000}
"""Rows of a batch by stream: forty batches or more of each."""
LINES = {"lightgbm": SMALL_TREES, "linear": {}}
WINDOW = 12
REQUEST_ROWS = (20, 200, 1_000)
REQUESTS = 10
"""Requests of one size that are cut from a batch."""
MEASURES = {
    Task.BINARY: ("log_loss", "roc_auc", "accuracy"),
    Task.MULTICLASS: ("log_loss", "accuracy"),
    Task.REGRESSION: ("rmse", "mae"),
}
BATCH = "batch"
LOWEST, HIGHEST = 0.85, 0.95


@dataclass(frozen=True)
class Observation:
    """One estimate: of a whole batch (``request`` is BATCH), or of a request of so many rows.

    last, mean: the measure on the batch before, and its mean over all batches before: what it takes no estimator for
    """

    stream: str
    line: str
    measure: str
    request: str
    batch: int
    estimated: float
    lower: float
    upper: float
    realised: float
    last: float
    mean: float


@dataclass(frozen=True)
class Result:
    """One measure of a stream for one size of request, all lines together: mean absolute errors and coverage."""

    stream: str
    measure: str
    request: str
    estimates: int
    level: float
    error: float
    last_error: float
    mean_error: float
    coverage: float

    @property
    def holds(self) -> bool:
        """Whether the interval covers as often as it promises."""
        return LOWEST <= self.coverage <= HIGHEST


def measure_estimates(
    data: Path, streams: Sequence[str] = tuple(STREAMS), lines: Sequence[str] = tuple(LINES)
) -> tuple[list[Result], dict[str, str]]:
    """Return the results of every stream whose data is in the folder, and why others were skipped."""
    observations: list[Observation] = []
    skipped = {}
    for stream in streams:
        config = load_config(ROOT / "configs" / f"{stream}.yaml", [f"data_dir={data}", f"batch.rows={STREAMS[stream]}"])
        absent = [path for path in config.source.paths if not (data / path).is_file()]
        if absent:
            skipped[stream] = f"'{absent[0]}' is not in '{data}'; set POINTSMAN_DATA to its folder"
            continue
        records = list(replay(config, lines))
        observations += [one for line in lines for one in observe(stream, records, line)]
        print(f"{stream}: {len(records)} batches", file=sys.stderr, flush=True)
    return sum_up(observations), skipped


def replay(config: Config, lines: Sequence[str]) -> Iterator[OutOfSamplePredictions]:
    """Yield the record of every batch but the first: each line's outputs, fitted on the batches before it."""
    reader, cursor, before = PartReader(config.schema_), None, Generation()
    window, number = [], 0
    models, normal = {}, InputReference({}, {})
    while True:
        number += 1
        try:
            raw = take_batch(config, cursor, number, list, reader)
        except NoNewData:
            return
        cursor = raw.cursor
        schema = advance_schema(before.schema or infer_first(config, raw), raw)
        before = Generation(schema=schema)
        judgement = analyse(config, raw, schema)
        if judgement.rejected:
            continue
        if models:
            table = build_evaluation_table(
                config, EngineeredBatches(schema, config.features), judgement.batch, 0, normal
            )
            yield OutOfSamplePredictions(
                table.rows,
                {line: predict_outputs(model, table.features, schema.classes) for line, model in models.items()},
            )
        window = [*window, judgement.batch][-WINDOW:]
        training_set = build_training_set(config, schema, window, [], number)
        normal = fit_input_reference(training_set.rows.features.drop(columns=list(training_set.rows.seasons)))
        models = {
            line: training_set.fit(choose_candidate(config, line, training_set.task), training_set.rows)
            for line in lines
        }


def choose_candidate(config: Config, line: str, task: Task) -> Candidate:
    """Return the candidate of a line: a family in its first searched variant, trees few and small."""
    family = get_family(line)
    variant = next((name for name in config.search.variants if name in family.variants), family.variants[0])
    return Candidate(line, variant, {**family.default_params(task), **LINES.get(line, {})})


def observe(stream: str, records: Sequence[OutOfSamplePredictions], line: str) -> Iterator[Observation]:
    """Yield every estimate of a line's outputs, made before the labels of the batch were known."""
    task = records[0].rows.task
    shown: dict[str, list[float]] = {name: [] for name in MEASURES[task]}
    for place, record in enumerate(records):
        rows, clean = record.rows, np.flatnonzero(record.rows.clean)
        outputs = record.predicted[line]
        if place >= MIN_BATCHES:
            estimator = fit_estimator(records[max(0, place - MAX_BATCHES - 1) : place], line, MEASURES[task])
            for request, asked in cut_requests(clean):
                made = estimate(estimator, outputs[asked], rows.kinds[asked])
                for name, one in made.measures.items():
                    realised = realise(name, task, rows.target[asked], outputs[asked], estimator.threshold)
                    if np.isfinite(realised):
                        before = (shown[name][-1], float(np.nanmean(shown[name])))
                        yield Observation(
                            stream,
                            line,
                            name,
                            request,
                            rows.batch,
                            one.estimated,
                            one.lower,
                            one.upper,
                            realised,
                            *before,
                        )
        for name, levels in shown.items():
            levels.append(realise(name, task, rows.target[clean], outputs[clean], 0.5))


def cut_requests(clean: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the rows of a batch, then of requests: runs of its rows, evenly spread."""
    yield BATCH, clean
    for size in REQUEST_ROWS:
        if size < len(clean):
            for start in np.linspace(0, len(clean) - size, REQUESTS).astype(int):
                yield str(size), clean[start : start + size]


def sum_up(observations: Sequence[Observation]) -> list[Result]:
    """Return a result for each stream, measure and size of request, in the order in which they came."""
    groups: dict[tuple[str, str, str], list[Observation]] = {}
    for one in observations:
        groups.setdefault((one.stream, one.measure, one.request), []).append(one)
    results = []
    for (stream, measure, request), known in groups.items():
        estimated, last, mean, realised = (
            np.array([getattr(one, name) for one in known]) for name in ("estimated", "last", "mean", "realised")
        )
        errors = [float(np.nanmean(np.abs(guess - realised))) for guess in (estimated, last, mean)]
        coverage = float(np.mean([one.lower <= one.realised <= one.upper for one in known]))
        results.append(Result(stream, measure, request, len(known), float(realised.mean()), *errors, coverage))
    return results


def describe(results: Sequence[Result], skipped: dict[str, str]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| stream | measure | request | estimates | mean level | error of the estimate | of the last batch "
        "| of the mean so far | coverage of the 90 % interval |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        mark = "" if one.holds else " (outside 85 to 95 %)"
        numbers = " | ".join(f"{number:.4g}" for number in (one.level, one.error, one.last_error, one.mean_error))
        lines.append(
            f"| {one.stream} | {one.measure} | {one.request} | {one.estimates} | {numbers} "
            f"| {100 * one.coverage:.1f} %{mark} |"
        )
    lines += [f"\n{stream} was skipped: {reason}." for stream, reason in skipped.items()]
    return "\n".join(lines) + "\n"


def find_data() -> Path:
    """Return the folder of real streams: what POINTSMAN_DATA names, or ``../shared/data`` beside the project."""
    return Path(os.environ.get("POINTSMAN_DATA") or ROOT.parent / "shared" / "data")


def main() -> int:
    """Run the replay; 1 where a whole batch's interval covers too rarely or too often."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=find_data())
    parser.add_argument("--streams", nargs="+", choices=list(STREAMS), default=list(STREAMS))
    parser.add_argument("--lines", nargs="+", choices=list(LINES), default=list(LINES))
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    results, skipped = measure_estimates(asked.data, asked.streams, asked.lines)
    table = describe(results, skipped)
    print(table)
    if asked.write:
        save_atomically(asked.write, table.encode())
    return int(not all(one.holds for one in results if one.request == BATCH))


if __name__ == "__main__":
    sys.exit(main())
