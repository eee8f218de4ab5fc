"""The tables of the quality benchmark, as Markdown."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from benchmarks.first_batch import NAME as FIRST_BATCH
from benchmarks.product import LINE, UNIT
from benchmarks.protocol import PRIMARY, Observation
from pointsman.common.metrics import METRICS
from pointsman.common.task import Task

COLUMNS = {
    "product": UNIT,
    "LightGBM, all": "LightGBM, all",
    "LightGBM, last 5": "LightGBM, last 5",
    "best on the last batch of the two": "LightGBM, best on the last batch",
    "linear, all": "linear, all",
    "linear, last 5": "linear, last 5",
    "FLAML": "FLAML",
}
HINDSIGHT = "best line in hindsight"


@dataclass(frozen=True)
class Reference:
    """Published means over batches 6 to 20 of 20: the best single of five learners in hindsight, the best of every
    batch, and a stack made by hand."""

    single: float
    oracle: float
    stack: float
    digits: int


REFERENCES = {
    "elec2": Reference(0.8422, 0.8579, 0.8360, 4),
    "bank": Reference(0.5546, 0.5823, 0.5577, 4),
    "hotel": Reference(0.9195, 0.9204, 0.9222, 4),
    "pm25": Reference(67.36, 67.01, 67.24, 2),
    "aus_motor": Reference(56180, 55559, 55772, 0),
}
PUBLISHED_BATCHES, PUBLISHED_WARM_UP = 20, 5


def describe(
    observations: Sequence[Observation], command: str, batches: int, warm_up: int, notes: Sequence[str] = ()
) -> str:
    """Return every table that the observations support, with the command, the date and ``notes``."""
    streams = [name for name in dict.fromkeys(one.stream for one in observations) if name != FIRST_BATCH]
    parts = ["# Quality", f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores."]
    parts += notes
    if streams:
        parts += _describe_streams(observations, streams, batches, warm_up)
    first = [one for one in observations if one.stream == FIRST_BATCH]
    if first:
        parts += ["## The first batch", _first_batch(first)]
    return "\n\n".join(parts) + "\n"


def average(observations: Sequence[Observation], stream: str, contestant: str, metric: str) -> float:
    """Return a contestant's mean of a metric over its batches of a stream, NaN where it has none."""
    seen = [
        one.metrics[metric]
        for one in observations
        if (one.stream, one.contestant) == (stream, contestant) and metric in one.metrics
    ]
    return float(np.mean(seen)) if seen else float("nan")


def find_hindsight(observations: Sequence[Observation], stream: str, metric: str) -> tuple[str, float]:
    """Return the line with the best mean among those that were active for every batch asked, and that mean."""
    asked = {one.batch for one in observations if one.stream == stream and one.contestant == UNIT and one.metrics}
    batches: dict[str, set[int]] = {}
    for one in observations:
        if one.stream == stream and one.contestant.startswith(LINE):
            batches.setdefault(one.contestant, set()).add(one.batch)
    means = {line: average(observations, stream, line, metric) for line in batches if batches[line] == asked}
    if not means:
        return "", float("nan")
    best = min(means, key=lambda line: METRICS[metric].to_loss(means[line]))
    return best.removeprefix(LINE), means[best]


def judge(reached: float, bound: float, digits: int, metric: str) -> tuple[bool, bool]:
    """Return whether a mean reaches a published one and whether it beats it, both at its number of digits."""
    own, other = (METRICS[metric].to_loss(round(number, digits)) for number in (reached, bound))
    return own <= other, own < other


def _describe_streams(
    observations: Sequence[Observation], streams: Sequence[str], batches: int, warm_up: int
) -> list[str]:
    tasks = {one.stream: Task(one.task) for one in observations}
    primary = {stream: PRIMARY[tasks[stream]] for stream in streams}
    parts = [
        f"Each stream is cut into {batches} equal batches. Every batch is predicted, then learned; numbers are means "
        f"over batches {warm_up + 1} to {batches}, on rows with a target, the same for all. The product runs with the "
        "stream's configuration and answers through `inference`. The others read the same columns, and the time as "
        "month, weekday and hour; they are refitted before every batch on all rows before it, or on the last 5 "
        "batches. LightGBM: 100 rounds and its library's defaults. Linear: one-hot, imputed, scaled, logistic or "
        "ridge. FLAML: a budget of seconds a batch, all rows, validated on the newest. Best line in hindsight: the "
        "best of the product's lines that were active throughout. The best forecast is bold.",
        "## By stream",
        _grid(observations, streams, lambda stream: (primary[stream],)),
    ]
    binary = [stream for stream in streams if tasks[stream].is_classification]
    if binary:
        parts += [
            "## Probabilities",
            "Log-loss / expected calibration error (ten quantile bins).",
            _grid(observations, binary, lambda _: ("log_loss", "calibration_error")),
        ]
    parts += ["## Against published numbers", _published(observations, primary, batches, warm_up)]
    parts += ["## Seconds of learning", _seconds(observations, streams)]
    return parts


def _grid(
    observations: Sequence[Observation], streams: Sequence[str], metrics_of: Callable[[str], Sequence[str]]
) -> str:
    """Return a row a stream and a column a contestant; the best contestant by the first metric is bold."""
    lines = [f"| stream | metric | {' | '.join(COLUMNS)} | {HINDSIGHT} |", "|---" * (len(COLUMNS) + 3) + "|"]
    for stream in streams:
        metrics = metrics_of(stream)
        found = {
            name: [average(observations, stream, contestant, metric) for metric in metrics]
            for name, contestant in COLUMNS.items()
        }
        losses = {name: _loss(metrics[0], means[0]) for name, means in found.items() if np.isfinite(means[0])}
        best = min(losses, key=losses.__getitem__, default="")
        cells = [_bold(_show(means), name == best) for name, means in found.items()]
        line = find_hindsight(observations, stream, metrics[0])[0]
        cells.append(_show([average(observations, stream, LINE + line, metric) for metric in metrics]))
        cells[-1] += f" ({line})" if line else ""
        lines.append(f"| {stream} | {', '.join(metrics)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _published(observations: Sequence[Observation], primary: Mapping[str, str], batches: int, warm_up: int) -> str:
    if (batches, warm_up) != (PUBLISHED_BATCHES, PUBLISHED_WARM_UP):
        return f"They hold for {PUBLISHED_BATCHES} batches with {PUBLISHED_WARM_UP} of warm-up, which this run has not."
    lines = [
        "Bounds: the best single learner of five in hindsight, the oracle that takes the best of the five in every "
        "batch, and a stack made by hand. Verdicts compare at the published number of digits; to reach is to be no "
        "worse.",
        "",
        "| stream | metric | product | single best | oracle | stack | reaches single best | beats it | "
        "beats the oracle | beats the stack |",
        "|---" * 10 + "|",
    ]
    for stream, metric in primary.items():
        own = average(observations, stream, UNIT, metric)
        known = REFERENCES.get(stream)
        if known is None or not np.isfinite(own):
            continue
        bounds = (known.single, known.oracle, known.stack)
        verdicts = [judge(own, bound, known.digits, metric) for bound in bounds]
        asked = [verdicts[0][0], *(beaten for _, beaten in verdicts)]
        numbers = [f"{number:.{known.digits}f}" for number in (own, *bounds)]
        words = ["yes" if verdict else "**no**" for verdict in asked]
        lines.append(f"| {stream} | {metric} | {' | '.join([*numbers, *words])} |")
    return "\n".join(lines)


def _seconds(observations: Sequence[Observation], streams: Sequence[str]) -> str:
    names = [name for name in COLUMNS if "best" not in name]
    lines = [
        "The product's are processor seconds of every update, warm-up included; the others' are seconds by the clock, "
        "of fits for the batches that count. In parentheses the longest.",
        "",
        f"| stream | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for stream in streams:
        cells = []
        for name in names:
            spent = [one.seconds for one in observations if (one.stream, one.contestant) == (stream, COLUMNS[name])]
            cells.append(f"{sum(spent):.1f} ({max(spent):.1f})" if spent else "-")
        lines.append(f"| {stream} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _first_batch(observations: Sequence[Observation]) -> str:
    lines = [
        f"The first rows of hotel are learned, then the next {observations[0].rows:,} are predicted: by the "
        "product after its first update with the default budget, run as a process, and by FLAML after a minute, "
        "once for each metric.",
        "",
        "| | log_loss | roc_auc | calibration_error | seconds of learning |",
        "|---|---|---|---|---|",
    ]
    for one in observations:
        cells = _show([one.metrics[name] for name in ("log_loss", "roc_auc", "calibration_error")], " | ")
        lines.append(f"| {one.contestant} | {cells} | {one.seconds:.1f} |")
    return "\n".join(lines)


def _loss(metric: str, observed: float) -> float:
    return METRICS[metric].to_loss(observed)


def _show(numbers: Sequence[float], between: str = " / ") -> str:
    shown = [f"{number:.{4 if abs(number) < 10 else 2 if abs(number) < 1000 else 0}f}" for number in numbers]
    return between.join("-" if text == "nan" else text for text in shown)


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text
