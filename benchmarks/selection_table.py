"""The tables of the selection benchmark, as Markdown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

WORSE_THAN_BEFORE, MOST_MEMBERS = 0.15, 5
REGRET_BEFORE = (2.7, 5.1, 3.1, 3.9)
"""Mean regret of the release before, in percent, by class of request."""

Before = Mapping[tuple[Any, ...], Mapping[str, Any]]
"""What an earlier release made of requests, by stream, batch and name."""


def describe(observations: Sequence[Any], costs: Sequence[Any], classes: Sequence[str], before: Before) -> str:
    """Return every table with the command and the date."""
    streams = list(dict.fromkeys(one.stream for one in observations))
    grid = {
        (stream, kind): [one for one in observations if one.stream == stream and one.kind == kind]
        for stream in streams
        for kind in classes
    }
    compared = ["## Against the release before", _compare(grid, streams, classes, before)] if before else []
    parts = [
        "# Selection",
        f"`python benchmarks/selection.py`, {datetime.now(UTC):%Y-%m-%d}, two cores, default configuration; "
        f"{len(observations)} requests over {len(streams)} streams. Numbers in a cell are, in this order: "
        f"{' / '.join(classes)}.",
        "Gap closed: 0 is the best single model in hindsight for that class of request, 1 the best single model of "
        "every single request. Regret: how far the mean loss lies above that of the best single model of every "
        "request. Right: of the requests that another model than the champion served, those where it lost less.",
        *compared,
        "## By stream",
        _by_stream(grid, streams, classes),
        "## Strategies",
        _strategies(grid, streams, classes),
        "## Which model served, by class of request",
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
    single = min((float(np.mean([one.lines[line] for one in cell])) for line in sorted(always)), default=np.nan)
    oracle = float(np.mean([min(one.lines.values()) for one in cell]))
    own, champion = (float(np.mean([one.strategies[name] for one in cell])) for name in (strategy, "decayed champion"))
    return (single - own) / (single - oracle), 100 * (own / champion - 1), 100 * (own / oracle - 1)


def _compare(grid: Mapping[Any, Sequence[Any]], streams: Sequence[str], classes: Sequence[str], before: Before) -> str:
    """Return the loss against what the release before served for the same requests, in percent, beside its bounds."""
    lines = [
        "Loss of what served less that of what the release before served for the same requests, in percent; below "
        "it that of the two champions, each release by its own.",
        "",
        "| stream | " + " | ".join(classes) + " |",
        "|---" * (len(classes) + 1) + "|",
    ]
    found = []
    for stream in streams:
        cells = [_pair(grid[stream, kind], before) for kind in classes]
        if not all(cells):
            continue
        then = [100 * (_mean(cell, "served") / np.mean([was["plan"] for _, was in cell]) - 1) for cell in cells]
        champion = [100 * (_mean(cell, "served") / _mean(cell, "two champions") - 1) for cell in cells]
        found.append(then)
        lines.append(f"| {stream} | " + " | ".join(f"{one:+.2f}" for one in then) + " |")
        lines.append(f"| {stream}, against its champions | " + " | ".join(f"{one:+.2f}" for one in champion) + " |")
    worst, mean = np.max(found, axis=0), np.mean(found, axis=0)
    judged = [f"{one:+.2f} {'met' if one <= WORSE_THAN_BEFORE else '**missed**'}" for one in worst]
    better = [f"{one:+.2f} {'met' if one < 0 else '**missed**'}" for one in mean]
    regrets = [np.mean([measure(grid[stream, kind], "served")[2] for stream in streams]) for kind in classes]
    least = [
        f"{one:.1f} ({bound}) {'met' if one < bound else '**missed**'}"
        for one, bound in zip(regrets, REGRET_BEFORE, strict=True)
    ]
    lines += [
        f"| worst stream, at most {WORSE_THAN_BEFORE:+} | " + " | ".join(judged) + " |",
        "| mean of the streams, below 0 | " + " | ".join(better) + " |",
        "| mean regret, below that of before | " + " | ".join(least) + " |",
    ]
    most = max(one.members for cell in grid.values() for one in cell)
    return "\n".join(lines) + (
        f"\n\nMembers that ran for a kind of row, at most: {most} ({MOST_MEMBERS}) "
        f"{'met' if most <= MOST_MEMBERS else '**missed**'}."
    )


def _pair(cell: Sequence[Any], before: Before) -> list[tuple[Any, Mapping[str, float]]]:
    """Return the observations of which the release before has one, too, with its losses by strategy."""
    known = [(one, before.get((one.stream, one.batch, one.name))) for one in cell]
    return [(one, was["strategies"]) for one, was in known if was is not None]


def _level(cell: Sequence[Any], strategy: str) -> float:
    return float(np.mean([one.strategies[strategy] for one in cell]))


def _mean(cell: Sequence[tuple[Any, Any]], strategy: str) -> float:
    return float(np.mean([one.strategies[strategy] for one, _ in cell]))


def _by_stream(grid: Mapping[Any, Sequence[Any]], streams: Sequence[str], classes: Sequence[str]) -> str:
    lines = [
        "| stream | gap closed | loss against the two champions, % | regret, % | not the champion, % | right, % | "
        "stepped back, % | members |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stream in streams:
        cells = [grid[stream, kind] for kind in classes]
        own = [measure(cell, "served") for cell in cells]
        champion = [100 * (_level(cell, "served") / _level(cell, "two champions") - 1) for cell in cells]
        left = [[one for one in cell if one.strategies["served"] != one.strategies["two champions"]] for cell in cells]
        right = [
            100 * np.mean([one.strategies["served"] < one.strategies["two champions"] for one in cell] or [np.nan])
            for cell in left
        ]
        share = [100 * len(away) / len(cell) for away, cell in zip(left, cells, strict=True)]
        back = [100 * np.mean([one.withheld for one in cell]) for cell in cells]
        members = [np.mean([one.members for one in cell]) for cell in cells]
        lines.append(
            f"| {stream} | {_join([one[0] for one in own], 2)} | {_join(champion, 1)} | "
            f"{_join([one[2] for one in own], 1)} | {_join(share, 0)} | {_join(right, 0)} | {_join(back, 0)} | "
            f"{_join(members, 1)} |"
        )
    return "\n".join(lines)


def _strategies(grid: Mapping[Any, Sequence[Any]], streams: Sequence[str], classes: Sequence[str]) -> str:
    names = list(grid[streams[0], classes[0]][0].strategies)
    lines = [
        "| strategy | gap closed, median | gap closed, worst | loss against the decayed champion, worst % | "
        "mean regret, % |",
        "|---|---|---|---|---|",
    ]
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
        for mode in ("all", "single"):
            cells = []
            for kind in classes:
                led = Counter(one.led[mode] for one in grid[stream, kind])
                total = sum(led.values())
                cells.append(", ".join(f"{line} {100 * count / total:.0f} %" for line, count in led.most_common(3)))
            lines.append(f"| {stream} | {mode} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\nModels are named after their first version."


def _calibration(observations: Sequence[Any], streams: Sequence[str], classes: Sequence[str]) -> str:
    lines = [
        "Expected calibration error, ten quantile bins, requests of 1,000 rows and more.",
        "",
        "| stream | served | decayed champion |",
        "|---|---|---|",
    ]
    for stream in streams:
        big = [one for one in observations if one.stream == stream and one.rows >= 1_000 and one.calibration]
        if big:
            cells = {
                name: _join(
                    [
                        np.mean([one.calibration[name] for one in big if one.kind == kind] or [np.nan])
                        for kind in classes
                    ],
                    3,
                )
                for name in ("served", "decayed champion")
            }
            lines.append(f"| {stream} | {cells['served']} | {cells['decayed champion']} |")
    return "\n".join(lines)


def _costs(costs: Sequence[Any]) -> str:
    lines = [
        "Flags, profile and weights beside the members' own predictions: at most 10 %; a fit: at most 2 s.",
        "",
        "| stream | rows | selection, ms | members, ms | share | fit of the meta layer, s |",
        "|---|---|---|---|---|---|",
    ]
    for one in costs:
        lines.append(
            f"| {one.stream} | {one.rows:,} | {1e3 * one.selection_seconds:.1f} | {1e3 * one.member_seconds:.0f} | "
            f"{one.selection_seconds / one.member_seconds:.1%} | {one.fit_seconds:.2f} |"
        )
    return "\n".join(lines)


def _join(numbers: Sequence[float], digits: int) -> str:
    return " / ".join("-" if np.isnan(number) else f"{number:.{digits}f}" for number in numbers)
