"""The tables of the selection benchmark, as Markdown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

GAP_MEDIAN, GAP_WORST = (0.3, 0.15, 0.3, 0.3), (-0.7, -0.3, -0.3, -0.25)
LOSS_WORST, REGRET_SHARE = (1.0, 1.0, 0.0, 0.0), (40.0, 50.0, 15.0, 10.0)


def describe(observations: Sequence[Any], costs: Sequence[Any], classes: Sequence[str]) -> str:
    """Return every table with the command and the date."""
    streams = list(dict.fromkeys(one.stream for one in observations))
    grid = {(stream, kind): [one for one in observations if one.stream == stream and one.kind == kind]
            for stream in streams for kind in classes}  # fmt: skip
    parts = [
        "# Selection",
        f"`python benchmarks/selection.py`, {datetime.now(UTC):%Y-%m-%d}, two cores, default configuration but for "
        f"`search.trials=5`; {len(observations)} requests over {len(streams)} streams. Numbers in a cell are, in this "
        f"order: {' / '.join(classes)}.",
        "Gap closed: 0 is the best single line in hindsight for that class of request, 1 the best line of every "
        "single request. Regret: how far the mean loss lies above that of the best line of every request.",
        "## Against the bounds",
        _bounds(grid, streams, classes),
        "## By stream",
        _by_stream(grid, streams, classes),
        "## Strategies",
        _strategies(grid, streams, classes),
        "## Which line led, by class of request",
        _leaders(grid, streams, classes),
        "## Calibration",
        _calibration(observations, streams, classes),
        "## Cost",
        _costs(costs),
    ]
    return "\n\n".join(parts) + "\n"


def measure(cell: Sequence[Any], strategy: str) -> tuple[float, float, float]:
    """Return a strategy's gap closed, its loss above the decayed champion's and its regret, both in percent.

    The best single line is chosen among those that were active for every request of the cell.
    """
    always = set.intersection(*(set(one.lines) for one in cell))
    single = min(float(np.mean([one.lines[line] for one in cell])) for line in sorted(always))
    oracle = float(np.mean([min(one.lines.values()) for one in cell]))
    own, champion = (float(np.mean([one.strategies[name] for one in cell])) for name in (strategy, "decayed champion"))
    return (single - own) / (single - oracle), 100 * (own / champion - 1), 100 * (own / oracle - 1)


def _bounds(grid: Mapping[Any, Sequence[Any]], streams: Sequence[str], classes: Sequence[str]) -> str:
    found = {kind: np.array([measure(grid[stream, kind], "plan") for stream in streams]) for kind in classes}
    last = {kind: np.mean([measure(grid[stream, kind], "best on the last batch")[2] for stream in streams])
            for kind in classes}  # fmt: skip
    rows = [
        ("gap closed, median over streams, at least",
         [np.median(found[kind][:, 0]) for kind in classes], GAP_MEDIAN, 1),
        ("gap closed, worst stream, at least", [found[kind][:, 0].min() for kind in classes], GAP_WORST, 1),
        ("loss against the decayed champion, worst stream, %, at most", [found[kind][:, 1].max() for kind in classes],
         LOSS_WORST, -1),
        ("regret against that of best on the last batch, %, at most",
         [100 * found[kind][:, 2].mean() / last[kind] for kind in classes], REGRET_SHARE, -1),
    ]  # fmt: skip
    lines = ["| | " + " | ".join(classes) + " |", "|---" * (len(classes) + 1) + "|"]
    for name, measured, bounds, sign in rows:
        cells = [f"{got:.2f} ({bound:g}) {'met' if sign * got >= sign * bound else '**missed**'}"
                 for got, bound in zip(measured, bounds, strict=True)]  # fmt: skip
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\nThe bound stands in parentheses."


def _by_stream(grid: Mapping[Any, Sequence[Any]], streams: Sequence[str], classes: Sequence[str]) -> str:
    lines = ["| stream | gap closed | loss against the decayed champion, % | regret, % | regret of best on the last "
             "batch, % | stepped back | members |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for stream in streams:
        cells = [grid[stream, kind] for kind in classes]
        plan = [measure(cell, "plan") for cell in cells]
        last = [measure(cell, "best on the last batch")[2] for cell in cells]
        back = [100 * np.mean([one.withheld for one in cell]) for cell in cells]
        members = [np.mean([one.members for one in cell]) for cell in cells]
        lines.append(
            f"| {stream} | {_join([one[0] for one in plan], 2)} | {_join([one[1] for one in plan], 1)} | "
            f"{_join([one[2] for one in plan], 1)} | {_join(last, 1)} | {_join(back, 0)} % | {_join(members, 1)} |"
        )
    return "\n".join(lines)


def _strategies(grid: Mapping[Any, Sequence[Any]], streams: Sequence[str], classes: Sequence[str]) -> str:
    names = list(grid[streams[0], classes[0]][0].strategies)
    lines = ["| strategy | gap closed, median | gap closed, worst | loss against the decayed champion, worst % | "
             "mean regret, % |", "|---|---|---|---|---|"]  # fmt: skip
    for name in names:
        found = {kind: np.array([measure(grid[stream, kind], name) for stream in streams]) for kind in classes}
        lines.append(
            f"| {name} | {_join([np.median(found[kind][:, 0]) for kind in classes], 2)} | "
            f"{_join([found[kind][:, 0].min() for kind in classes], 2)} | "
            f"{_join([found[kind][:, 1].max() for kind in classes], 1)} | "
            f"{_join([found[kind][:, 2].mean() for kind in classes], 1)} |"
        )
    return "\n".join(lines)


def _leaders(grid: Mapping[Any, Sequence[Any]], streams: Sequence[str], classes: Sequence[str]) -> str:
    lines = ["| stream | mode | " + " | ".join(classes) + " |", "|---" * (len(classes) + 2) + "|"]
    for stream in streams:
        for mode in ("plan", "single"):
            cells = []
            for kind in classes:
                led = Counter(one.led[mode] for one in grid[stream, kind])
                total = sum(led.values())
                cells.append(", ".join(f"{line} {100 * count / total:.0f} %" for line, count in led.most_common(3)))
            lines.append(f"| {stream} | {mode} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\nLines are named after their first version."


def _calibration(observations: Sequence[Any], streams: Sequence[str], classes: Sequence[str]) -> str:
    lines = ["Expected calibration error, ten quantile bins, requests of 1,000 rows and more.", "",
             "| stream | plan | decayed champion |", "|---|---|---|"]  # fmt: skip
    for stream in streams:
        big = [one for one in observations if one.stream == stream and one.rows >= 1_000 and one.calibration]
        if big:
            cells = {
                name: _join(
                    [np.mean([one.calibration[name] for one in big if one.kind == kind] or [np.nan])
                     for kind in classes], 3
                )
                for name in ("plan", "decayed champion")
            }  # fmt: skip
            lines.append(f"| {stream} | {cells['plan']} | {cells['decayed champion']} |")
    return "\n".join(lines)


def _costs(costs: Sequence[Any]) -> str:
    lines = ["Flags, profile and weights beside the members' own predictions: at most 10 %; a fit: at most 2 s.", "",
             "| stream | rows | selection, ms | members, ms | share | fit of the meta layer, s |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for one in costs:
        lines.append(
            f"| {one.stream} | {one.rows:,} | {1e3 * one.selection_seconds:.1f} | {1e3 * one.member_seconds:.0f} | "
            f"{one.selection_seconds / one.member_seconds:.1%} | {one.fit_seconds:.2f} |"
        )
    return "\n".join(lines)


def _join(numbers: Sequence[float], digits: int) -> str:
    return " / ".join("-" if np.isnan(number) else f"{number:.{digits}f}" for number in numbers)
