"""The policy backtest on real streams: loss against cost by policy, and what its advice was worth.

python benchmarks/drift_backtest.py [--data ../shared/data] [--streams elec2 bank hotel]
                                    [--write docs/drift_backtest.md]

Each stream is cut, judged and cleaned as updates do, without a search; the candidate is LightGBM with its defaults on
all rows of the window. All policies are replayed from the fourth batch on. The advice in question is that of the middle
of the stream: it rests on the first half, and what it lost against the best policy in hindsight is measured on the
second. No setting was chosen by these streams.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common.config import Config, load_config  # noqa: E402
from common.errors import NoNewData  # noqa: E402
from common.records import LabelledBatch  # noqa: E402
from common.schema import Schema  # noqa: E402
from model_zoo import get_family  # noqa: E402
from model_zoo.candidate import Candidate  # noqa: E402
from pipeline.analysis.quality.judge import extend_classes  # noqa: E402
from pipeline.backtest import replay_policies  # noqa: E402
from pipeline.collection.batching import take_batch  # noqa: E402
from pipeline.collection.ordering import PartReader  # noqa: E402
from pipeline.collection.roles import infer_schema  # noqa: E402
from pipeline.replaying import Replayed  # noqa: E402
from pipeline.training.policy_table import describe  # noqa: E402
from pipeline.training.recommendation import Backtest  # noqa: E402
from pipeline.training.replay import Ledger  # noqa: E402
from pipeline.update import analyse  # noqa: E402

STREAMS = ("elec2", "bank", "hotel")
DATA = Path(os.environ.get("SWITCHYARD_DATA", ROOT.parent / "shared" / "data"))
BOUND = 0.01
"""What the recommended policy may lose against the best in hindsight, as a share of its loss."""


def measure_backtests(data: Path = DATA, streams: Sequence[str] = STREAMS) -> Iterator[tuple[str, Backtest, float]]:
    """Yield the backtest of each stream and what it took in seconds; a stream that is absent is skipped, saying so."""
    for name in streams:
        config = load_config(ROOT / "configs" / f"{name}.yaml", [f"data_dir={data}"])
        absent = [path for path in config.source.paths if not (data / path).is_file()]
        if absent:
            print(
                f"{name} is skipped: '{data / absent[0]}' is absent; name the folder by SWITCHYARD_DATA",
                file=sys.stderr,
            )
            continue
        started = time.perf_counter()
        yield name, replay_policies(clean_stream(config), Ledger(), show_progress=True), time.perf_counter() - started


def clean_stream(config: Config, candidate: Candidate | None = None) -> Replayed:
    """Return a stream's accepted batches as updates would store them, and who learns them."""
    reader, cursor, schema = PartReader(config.schema_), None, None
    kept: list[LabelledBatch] = []
    for number in range(1, 10_000):
        try:
            raw = take_batch(config, cursor, number, list, reader)
        except NoNewData:
            break
        cursor = raw.cursor
        schema = extend_classes(raw, schema) if schema else infer_schema(raw.frame, config, raw.origin)
        judgement = analyse(config, raw, schema)
        if not judgement.rejected:
            kept.append(judgement.batch)
    assert schema is not None
    return Replayed(config, schema, candidate or choose_plain(schema), tuple(str(one.number) for one in kept),
                    lambda place: kept[place - 1])  # fmt: skip


def choose_plain(schema: Schema) -> Candidate:
    """Return LightGBM as it is by default."""
    family = get_family("lightgbm")
    return Candidate(family.name, "native", family.default_params(schema.task))


def write_report(found: Sequence[tuple[str, Backtest, float]]) -> str:
    """Return what was measured as a page."""
    lines = ["# Policies of retraining on real streams", ""]
    lines += ["| stream | advice after batch | best in hindsight | lost | bound | trainings | of |", "|" + "---|" * 7]
    for name, done, _seconds in found:
        if done.advice:
            one = done.advice
            lines.append(f"| {name} | {one.given_at}: {one.recommended.name} | {one.best.name} | {one.lost:.2%} | "
                         f"{BOUND:.0%} | {one.trainings:.1f} | {one.trainings_always:.1f} |")  # fmt: skip
    for name, done, seconds in found:
        lines += ["", f"## {name}", "", "```", *describe(done), "```", "", f"The backtest took {seconds:.0f} s."]
    return "\n".join(
        [*lines, "", f"Made by: python benchmarks/drift_backtest.py {' '.join(name for name, *_ in found)}"]
    )


def main() -> int:
    """Measure, print and, where asked, write the page; the exit code is 1 where the bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--streams", nargs="+", default=list(STREAMS))
    parser.add_argument("--write", type=Path)
    parsed = parser.parse_args()
    found = list(measure_backtests(parsed.data, parsed.streams))
    report = write_report(found)
    print(report)
    if parsed.write:
        parsed.write.write_text(report + "\n", encoding="utf-8")
    return int(any(done.advice is not None and done.advice.lost > BOUND for _name, done, _seconds in found))


if __name__ == "__main__":
    sys.exit(main())
