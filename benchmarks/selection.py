"""What selection is worth: real updates over real streams, and requests between them whose labels are held back.

python benchmarks/selection.py [--data ../shared/data] [--batches 20] [--streams configs/elec2.yaml ...]
                               [--public FOLDER] [--before observations.jsonl]
                               [--rows observations.jsonl] [--write docs/selection.md]

Each stream is cut into equal batches and learned by ``update`` as a user runs it, with one frozen configuration. Before
each batch is learned, about 25 requests are cut from it and answered by the generation before: the whole batch, small
requests and segments, damage of the families that records hold, and damage that no record holds. The first batches are
a warm-up. Reference points are, per class of request and in hindsight, the best single model (gap closed 0) and the
best single model of each request (gap closed 1).

``--public`` adds two short streams (``public_streams.py``), cut by their own configurations. ``--before`` compares with
the observations that an earlier release made of the same requests: those of ``--rows`` in its own checkout, such as
``benchmarks/before/selection.jsonl.gz`` of 2026-11-29.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.public_streams import SHORT, write_streams
from benchmarks.requests import CLASSES, Request, cut_requests
from benchmarks.selection_table import describe
from pointsman.common.config import Config, load_config
from pointsman.common.errors import BatchRejected, NoNewData
from pointsman.common.metrics import compute_calibration_error, compute_row_losses
from pointsman.common.seeding import derive_seed
from pointsman.common.storage.state import State, open_state
from pointsman.common.tabular.reader import read_table
from pointsman.meta.ensembles import mix_members
from pointsman.meta.fitting import learn_selector
from pointsman.meta.flags import find_kinds
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP
from pointsman.meta.metafeatures import profile_request
from pointsman.meta.plan import Plan
from pointsman.meta.profile import Profile
from pointsman.meta.records import predict_outputs
from pointsman.meta.selector import Selector
from pointsman.meta.selector_store import load_stored_selector
from pointsman.meta.store import load_grades, load_records
from pointsman.meta.trust import Trust
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.model import Model
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.preparation.assessment import analyse
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.preparation.next_batch import collect
from pointsman.pipeline.quality.schema_growth import advance_schema, infer_first
from pointsman.pipeline.update import update_once
from pointsman.registry.generations import Generation, load_generation
from pointsman.registry.versions import load_model

STREAMS = ("elec2", "bank", "hotel", "pm25", "aus_motor")
BATCHES, WARM_UP = 20, 5
SHORT_BATCHES = {"bikes": 24, "monthly": 18}
COST_ROWS = (1_000, 100_000)
TRUSTED = Trust(reasons={CLEAN_GROUP: "", DAMAGED_GROUP: ""}, single={CLEAN_GROUP: "", DAMAGED_GROUP: ""})


@dataclass(frozen=True)
class Observation:
    """One request: the loss of every single model, ensemble and strategy. Losses are log-loss, or RMSE.

    led: the model that served, by mode; members: how many of its members ran for a kind of row, at most
    """

    stream: str
    batch: int
    kind: str
    name: str
    rows: int
    lines: Mapping[str, float]
    ensembles: Mapping[str, float]
    strategies: Mapping[str, float]
    led: Mapping[str, str]
    members: int
    withheld: bool
    calibration: Mapping[str, float]


@dataclass(frozen=True)
class Cost:
    """Seconds on ``rows`` rows: of flags and weights, and of the members' own predictions; of a meta layer's fit."""

    stream: str
    rows: int
    selection_seconds: float
    member_seconds: float
    fit_seconds: float


def watch_stream(config_path: Path, data: Path, batches: int) -> tuple[list[Observation], list[Cost]]:
    """Learn a stream batch by batch and return what happened to the requests between, and what selection cost."""
    stream = config_path.stem
    config = load_config(config_path, [f"data_dir={data}"])
    with tempfile.TemporaryDirectory() as folder:
        config = config.model_copy(update={"state_dir": Path(folder)})
        if stream not in SHORT:
            rows = sum(len(read_table(data / path)) for path in config.source.paths)
            cut = config.batch.model_copy(update={"rows": rows // batches, "period": None})
            config = config.model_copy(update={"batch": cut})
        observations: list[Observation] = []
        reader = PartReader(config.schema_)
        with open_state(config) as state:
            for number in range(1, batches + 1):
                generation = load_generation(state)
                if number > WARM_UP:
                    observations += observe(config, state, generation, reader, stream)
                try:
                    update_once(config, state, reader)
                except BatchRejected as rejection:
                    print(f"{stream}: {rejection}", file=sys.stderr)
                except NoNewData:
                    break
                print(f"{stream}: batch {number} learned", file=sys.stderr, flush=True)
            return observations, measure_cost(config, state, stream)


def observe(
    config: Config, state: State, generation: Generation, reader: PartReader, stream: str
) -> Iterator[Observation]:
    """Yield the requests of the next batch as the generation before it answers them."""
    raw = collect(config, state, generation, reader, None)
    schema = advance_schema(generation.schema or infer_first(config, raw), raw)
    batch = analyse(config, raw, schema).batch
    features = engineer_features(batch.inputs, schema, config.features)
    stored = load_stored_selector(state, generation)
    models = {version.line: load_model(state.files, version) for version in generation.versions}
    seed = derive_seed(config.seed, "benchmark")
    for request in cut_requests(raw.number, features, batch.target, seed):
        flags = flag_cells(request.features, stored.reference)
        profile = profile_request(request.features, flags, stored.reference)
        outputs = {line: predict_outputs(model, request.features, schema.classes) for line, model in models.items()}
        yield judge_request(stream, raw.number, request, stored.selector, profile, find_kinds(flags), outputs, schema)


def judge_request(
    stream: str,
    batch: int,
    request: Request,
    selector: Selector,
    profile: Profile,
    kinds: np.ndarray,
    outputs: Mapping[str, np.ndarray],
    schema: Any,
) -> Observation:
    """Return the losses on a request of every line and of every strategy."""
    task, target = schema.task, request.target

    def lose(predicted: np.ndarray) -> float:
        losses = compute_row_losses(task, target, predicted)
        return float(losses.mean() if task.is_classification else np.sqrt(losses.mean()))

    served, single = selector.plan(profile), selector.plan(profile, "single")
    trusting = replace(selector, trust=TRUSTED)
    mixed = {line: mix_members(outputs, kinds, members) for line, members in selector.ensembles.items()}
    candidates = {**outputs, **{line: answer for line, answer in mixed.items() if answer is not None}}
    answers = {
        "served": candidates[served.model],
        "chosen, never stepping back": candidates[trusting.plan(profile).model],
        "the default ensembles": candidates[selector.find_incumbent(served.alarm, "all")],
        "mode single": outputs[single.model],
        "two champions": outputs[served.champion],
        "decayed champion": outputs[selector.champions.clean],
        "best on the last batch": outputs[selector.last_best],
        "uniform mean": np.mean(list(outputs.values()), axis=0),
    }
    calibrated = {"served", "decayed champion"} if task.is_classification else set()
    asked = [kind for kind in range(3) if profile.counts[kind]]
    return Observation(
        stream=stream,
        batch=batch,
        kind=request.kind,
        name=request.name,
        rows=len(target),
        lines={line: lose(known) for line, known in outputs.items()},
        ensembles={line: lose(known) for line, known in candidates.items() if line not in outputs},
        strategies={name: lose(answer) for name, answer in answers.items()},
        led={"all": served.model, "single": single.model},
        members=max(len(served.weights[kind]) for kind in asked),
        withheld=bool(selector.trust.withheld(DAMAGED_GROUP if served.alarm else CLEAN_GROUP)),
        calibration={name: compute_calibration_error(target, answers[name]) for name in sorted(calibrated)},
    )


def measure_cost(config: Config, state: State, stream: str) -> list[Cost]:
    """Return what the newest generation's selection costs on rows it has stored, tiled to size."""
    generation = load_generation(state)
    assert generation.schema is not None
    stored = load_stored_selector(state, generation)
    models = {version.line: load_model(state.files, version) for version in generation.versions}
    raw = collect_last(state)
    batch = analyse(config, replace_frame(raw, config), generation.schema).batch
    features = engineer_features(batch.inputs, generation.schema, config.features)
    fit_seconds = time_fit(config, state, generation)
    costs = []
    for rows in COST_ROWS:
        tiled = features.iloc[np.arange(rows) % len(features)].reset_index(drop=True)
        started = time.perf_counter()
        flags = flag_cells(tiled, stored.reference)
        plan = stored.selector.plan(profile_request(tiled, flags, stored.reference))
        kinds = find_kinds(flags)
        selection = time.perf_counter() - started
        costs.append(Cost(stream, rows, selection, time_members(plan, models, tiled, kinds, generation), fit_seconds))
    return costs


def collect_last(state: State) -> Any:
    """Return the newest stored batch's row of the catalogue with its raw table."""
    import sqlalchemy as sa

    from pointsman.common.storage.catalogue import read_rows
    from pointsman.pipeline.collection.tables import batches

    row = read_rows(state.engine, sa.select(batches).order_by(batches.c.number.desc()).limit(1))[0]
    return row | {"frame": state.files.load_table(row["file"])}


def replace_frame(row: Mapping[str, Any], config: Config) -> Any:
    """Return the stored batch as a raw one."""
    from pointsman.common.reading import read_dates
    from pointsman.common.records import RawBatch

    times = read_dates(row["frame"][config.schema_.time], config.schema_.time_format)
    return RawBatch(row["number"], row["origin"], row["frame"], times, {})


def time_members(
    plan: Plan, models: Mapping[str, Model], features: Any, kinds: np.ndarray, generation: Generation
) -> float:
    """Return the seconds of the plan's members on the rows that they answer, and nothing else."""
    assert generation.schema is not None
    started = time.perf_counter()
    for line in plan.lines:
        rows = np.flatnonzero(np.array([plan.weights[kind].get(line, 0.0) for kind in range(3)])[kinds] > 0)
        if len(rows):
            predict_outputs(models[line], features.iloc[rows], generation.schema.classes)
    return time.perf_counter() - started


def time_fit(config: Config, state: State, generation: Generation) -> float:
    """Return the seconds that the meta layer's fit takes on all records."""
    assert generation.schema is not None
    records, grades = load_records(state, generation.schema), load_grades(state)
    started = time.perf_counter()
    learn_selector(config, generation, records, grades, generation.versions)
    return time.perf_counter() - started


def load_before(path: Path | None) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Return what an earlier release made of requests, by stream, batch and name."""
    if path is None:
        return {}
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [json.loads(line) for line in content.decode("utf-8").splitlines()]
    return {(row["stream"], row["batch"], row["name"]): row for row in rows}


def main() -> None:
    """Watch every stream and print (or write) the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--streams", type=Path, nargs="*", default=[ROOT / f"configs/{name}.yaml" for name in STREAMS])
    parser.add_argument("--batches", type=int, default=BATCHES)
    parser.add_argument("--public", type=Path, help="a folder for the short public streams, which join then")
    parser.add_argument("--before", type=Path, help="observations of the same requests by an earlier release")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=Path, help="keep every observation as a line of JSON")
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: '{arguments.data}' is absent; name the folder of the streams with --data", file=sys.stderr)
        return
    observations: list[Observation] = []
    costs: list[Cost] = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        watched = [
            pool.submit(watch_stream, path, arguments.data.resolve(), arguments.batches) for path in arguments.streams
        ]
        made = write_streams(arguments.public) if arguments.public else {}
        watched += [
            pool.submit(watch_stream, made[name], arguments.public.resolve(), SHORT_BATCHES[name])
            for name in SHORT
            if name in made
        ]
        for one in watched:
            seen, cost = one.result()
            observations += seen
            costs += cost
            if arguments.rows:
                arguments.rows.write_text("".join(json.dumps(asdict(row)) + "\n" for row in observations))
    table = describe(observations, costs, CLASSES, load_before(arguments.before))
    print(table)
    if arguments.write:
        arguments.write.write_text(table, encoding="utf-8")


__all__: Sequence[str] = ["Cost", "Observation", "watch_stream"]

if __name__ == "__main__":
    main()
