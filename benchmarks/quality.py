"""How good the answers are: the product on real streams, predicted before learned, against what others reach.

python benchmarks/quality.py [--data ../shared/data] [--streams configs/elec2.yaml ...] [--batches 20] [--warm-up 5]
                             [--flaml-seconds 20] [--first-batch] [--set key=value ...] [--workers 2]
                             [--rows results.jsonl [--resume]] [--write docs/quality.md]

Each stream is cut into equal batches; every batch is first predicted, then learned. The product is asked through
``infer`` and taught through ``update_once``, with the stream's configuration; LightGBM, a linear pipeline and FLAML are
refitted before every batch. ``--first-batch`` adds the product's first update against a minute of FLAML; ``--streams``
without a name leaves that alone. A long run keeps its observations with ``--rows`` and goes on with ``--resume``.
FLAML is no dependency of the product: pip install 'flaml[automl]' to have it take part.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import first_batch, product
from benchmarks.comparators import find_flaml_obstacle, fit_lightgbm, fit_linear, watch_flaml, watch_refits
from benchmarks.protocol import Observation, Stream, count_rows, cut_stream
from benchmarks.quality_table import describe
from pointsman.common.config import load_config
from pointsman.common.errors import PointsmanError
from pointsman.common.storage.files import save_atomically

STREAMS = ("elec2", "bank", "hotel", "pm25", "aus_motor")
FLAML, LINEAR, LIGHTGBM = "FLAML", "linear", "LightGBM"
UNITS = (product.UNIT, FLAML, LINEAR, LIGHTGBM)
"""Parts of a run over one stream, the longest first."""

Protocol = Mapping[str, Any]
"""What every observation of a run depends on: batches, warm_up, flaml_seconds and the overrides."""


def watch(unit: str, path: Path, data: Path, protocol: Protocol) -> list[Observation]:
    """Return a unit's observations on the stream of a configuration."""
    config = load_config(path, [f"data_dir={data}", *protocol["set"]])
    batches, warm_up = protocol["batches"], protocol["warm_up"]
    stream = cut_stream(path.stem, config, count_rows(config) // batches, batches)
    watchers: dict[str, Callable[[Stream, int], list[Observation]]] = {
        product.UNIT: product.watch_product,
        FLAML: lambda *asked: watch_flaml(*asked, FLAML, protocol["flaml_seconds"]),
        LINEAR: lambda *asked: watch_refits(*asked, LINEAR, fit_linear),
        LIGHTGBM: lambda *asked: watch_refits(*asked, LIGHTGBM, fit_lightgbm),
    }
    return watchers[unit](stream, warm_up)


def save_rows(path: Path, protocol: Protocol, observations: Iterable[Observation]) -> None:
    """Write the protocol as the first line of JSON and every observation as one more."""
    lines = [json.dumps(dict(protocol)), *(json.dumps(asdict(one)) for one in observations)]
    save_atomically(path, "".join(f"{line}\n" for line in lines).encode())


def load_rows(path: Path, protocol: Protocol) -> list[Observation]:
    """Return the observations of an earlier run, none where there is no file; ValueError where its protocol differs."""
    if not path.is_file():
        return []
    stated, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    if stated != dict(protocol):
        raise ValueError(f"'{path}' was made with {stated}, not with {dict(protocol)}; name another file with --rows")
    return [Observation(**row) for row in rows]


def watch_apart(*task: Any) -> list[Observation]:
    """Run ``watch`` in a process of its own, so that one that dies takes no other along."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(watch, *task).result()


def run_units(
    tasks: Sequence[tuple[str, Path]],
    data: Path,
    protocol: Protocol,
    workers: int,
    keep: Callable[[list[Observation]], None],
) -> int:
    """Run units, ``workers`` at a time, hand each one's observations to ``keep`` as it ends, return how many failed."""
    failures = 0
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(watch_apart, unit, path, data, protocol): (unit, path) for unit, path in tasks}
        for one in as_completed(running):
            unit, path = running[one]
            try:
                keep(one.result())
            except Exception as error:  # what the others found is kept, and --resume runs this one again
                print(f"{path.stem}: {unit} failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                failures += 1
    return failures


def sort_rows(observations: Iterable[Observation], streams: Sequence[str]) -> list[Observation]:
    """Return observations by stream as named, then unit and batch, however units ended; other streams are left out."""
    kept = [one for one in observations if one.stream in streams]
    return sorted(kept, key=lambda one: (streams.index(one.stream), UNITS.index(one.unit), one.batch))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--streams", type=Path, nargs="*", default=[ROOT / f"configs/{name}.yaml" for name in STREAMS])
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=5, help="batches that are learned and do not count")
    parser.add_argument(
        "--flaml-seconds", type=float, default=20, help="FLAML's budget before every batch; 0: no FLAML"
    )
    parser.add_argument("--first-batch", action="store_true", help="add the first update against a minute of FLAML")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="key=value", help="overrides")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=Path, help="keep every observation as a line of JSON")
    parser.add_argument("--resume", action="store_true", help="go on from what --rows holds")
    parser.add_argument("--write", type=Path)
    return parser


def state_command(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    """Return the command that brings the same numbers: without where data lie and what is kept of them."""
    words = ["python benchmarks/quality.py"]
    for name in ("streams", "batches", "warm_up", "flaml_seconds", "first_batch", "set", "workers"):
        stated = getattr(arguments, name)
        if stated != parser.get_default(name):
            cells = [] if stated is True else stated if isinstance(stated, list) else [stated]
            words += [f"--{name.replace('_', '-')}", *(shlex.quote(str(cell)) for cell in cells)]
    return " ".join(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run what is not there yet and print (or write) the tables; the returned value is the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(words)
    if not 2 <= arguments.warm_up < arguments.batches:
        parser.error(f"--warm-up is {arguments.warm_up}; it must be 2 or more and less than --batches")
    if arguments.resume and not arguments.rows:
        parser.error("--resume needs --rows, the file to go on from")
    if not arguments.data.is_dir():
        print(f"skipped: '{arguments.data}' is absent; name the folder of the streams with --data", file=sys.stderr)
        return 0
    protocol = {name: getattr(arguments, name) for name in ("batches", "warm_up", "flaml_seconds", "set")}
    try:
        known = load_rows(arguments.rows, protocol) if arguments.resume else []
        for path in arguments.streams:
            load_config(path, arguments.set)
    except (ValueError, PointsmanError) as error:
        parser.error(str(error))
    streams = [path.stem for path in arguments.streams]
    observations = list(known)

    def keep(seen: list[Observation]) -> None:
        observations.extend(seen)
        if arguments.rows:
            save_rows(arguments.rows, protocol, observations)

    obstacle = find_flaml_obstacle(arguments.flaml_seconds)
    done = {(one.stream, one.unit) for one in known}
    units = [unit for unit in UNITS if not (unit == FLAML and obstacle)]
    tasks = [(unit, path) for unit in units for path in arguments.streams if (path.stem, unit) not in done]
    data = arguments.data.resolve()
    failures = run_units(tasks, data, protocol, arguments.workers, keep)
    for unit in (product.UNIT, FLAML) if arguments.first_batch else ():
        if unit in units and (first_batch.NAME, unit) not in done:
            keep(first_batch.watch_first_batch(unit, data, arguments.set))
    shown = sort_rows(observations, [*streams, first_batch.NAME] if arguments.first_batch else streams)
    skipped = obstacle and not any(one.unit == FLAML for one in shown)
    notes = [f"FLAML was skipped: {obstacle}."] if skipped else []
    table = describe(shown, state_command(parser, arguments), arguments.batches, arguments.warm_up, notes)
    print(table)
    if arguments.write:
        arguments.write.write_text(table, encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
