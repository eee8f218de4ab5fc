"""The report's charts, each drawn from the history; a chart without data is left out."""

import numpy as np
import pandas as pd

from pipeline.reporting.charts import MAX_COLUMNS, plot_heat, plot_lines, plot_stacks
from pipeline.reporting.history import History


def draw_figures(history: History) -> dict[str, str]:
    """Return the charts by name as SVG."""
    charts = {
        "rows": _draw_rows(history),
        "dimensions": _draw_dimensions(history),
        "missing": _draw_missing(history),
        "drift": _draw_drift(history),
        "scores": _draw_scores(history),
        "trials": _draw_trials(history),
        "grades": _draw_grades(history),
        "seconds": _draw_seconds(history),
        "memory": _draw_memory(history),
    }
    return {name: chart for name, chart in charts.items() if chart}


def _draw_rows(history: History) -> str:
    batches = history.batches
    kept = np.where(batches["status"] == "accepted", batches["rows"] - batches["quarantined"], 0)
    quarantined = np.where(batches["status"] == "accepted", batches["quarantined"], 0)
    rejected = np.where(batches["status"] == "rejected", batches["rows"], 0)
    return plot_stacks(
        history.labels, {"learned": kept, "quarantined": quarantined, "rejected batch": rejected}, "rows"
    )


def _draw_dimensions(history: History) -> str:
    checked = history.quality.dropna(subset=["share"])
    if checked.empty:
        return ""
    worst = checked.pivot_table(index="batch", columns="dimension", values="share", aggfunc="mean")
    worst = worst.reindex(history.batches["number"])
    series = {str(name): _plain(worst[name]) for name in worst}
    return plot_lines(history.labels, series, "mean share that passes", history.event_positions())


def _draw_missing(history: History) -> str:
    shares = history.profiles.pivot_table(index="column", columns="batch", values="missing_share")
    shares = shares.reindex(columns=history.batches["number"])
    shares = shares.loc[shares.max(axis=1).sort_values(ascending=False, kind="stable").index[:MAX_COLUMNS]]
    return plot_heat(list(shares.index), history.labels, shares.to_numpy(), "missing share", 1.0) if len(shares) else ""


def _draw_drift(history: History) -> str:
    drift = history.drift
    if drift.empty:
        return ""
    moved = drift.assign(ratio=drift["distance"] / drift["noise"].where(drift["noise"] > 0))
    table = moved.pivot_table(index="column", columns="batch", values="ratio").reindex(
        columns=history.batches["number"]
    )
    table = table.loc[table.max(axis=1).sort_values(ascending=False, kind="stable").index[:MAX_COLUMNS]]
    return plot_heat(list(table.index), history.labels, table.to_numpy(), "distance / sampling noise", 10.0)


def _draw_scores(history: History) -> str:
    scores = history.scores[(history.scores["kind"] == "prequential") & (history.scores["metric"] == history.metric)]
    if scores.empty:
        return ""
    known = history.versions.set_index("id")
    scores = scores.assign(line=scores["version"].map(known["line"]), family=scores["version"].map(known["family"]))
    numbers = history.batches["number"]
    lines = scores.pivot_table(index="batch", columns="line", values="observed").reindex(numbers)
    longest = lines.notna().sum().sort_values(ascending=False, kind="stable").index[:7]
    series = {"champion": _plain(champion_scores(history, history.metric).reindex(numbers))}
    series |= {str(line): _plain(lines[line]) for line in longest}
    return plot_lines(history.labels, series, f"{history.metric} (prequential)", history.event_positions())


def champion_scores(history: History, metric: str) -> pd.Series:
    """Return the prequential metric of the version that was champion when each batch arrived, by batch."""
    scores = history.scores[(history.scores["kind"] == "prequential") & (history.scores["metric"] == metric)]
    champions = history.members[history.members["role"] == "champion"].set_index("generation")["version"]
    parents = history.generations.set_index("batch")["parent"]
    wanted = {batch: champions.get(parent) for batch, parent in parents.items()}
    chosen = scores[scores["version"] == scores["batch"].map(wanted)]
    return chosen.set_index("batch")["observed"]


def _draw_trials(history: History) -> str:
    complete = history.trials.dropna(subset=["loss"])
    if complete.empty:
        return ""
    best = complete.pivot_table(index="batch", columns="family", values="loss", aggfunc="min")
    best = best.reindex(history.batches["number"])
    return plot_lines(history.labels, {str(name): _plain(best[name]) for name in best}, "best loss of the search")


def _draw_grades(history: History) -> str:
    if history.grades.empty:
        return ""
    grades = history.grades.set_index("batch").reindex(history.batches["number"])
    shown = {"selected": "selector", "champion": "champion alone", "single_best": "single best in hindsight",
             "oracle": "oracle"}  # fmt: skip
    return plot_lines(history.labels, {label: _plain(grades[name]) for name, label in shown.items()}, "mean loss")


def _draw_seconds(history: History) -> str:
    updates = history.performance[history.performance["command"] == "update"]
    if updates.empty:
        return ""
    order = list(dict.fromkeys(updates["stage"]))
    by_stage = updates.pivot_table(index="subject", columns="stage", values="seconds", aggfunc="sum")
    by_stage = by_stage.reindex([f"batch {number}" for number in history.batches["number"]]).fillna(0.0)
    return plot_stacks(history.labels, {stage: by_stage[stage].to_numpy() for stage in order}, "seconds")


def _draw_memory(history: History) -> str:
    updates = history.performance[history.performance["command"] == "update"]
    if updates.empty:
        return ""
    peak = updates.groupby("subject")["peak_mb"].max()
    peak = peak.reindex([f"batch {number}" for number in history.batches["number"]])
    return plot_lines(history.labels, {"peak memory of the process": _plain(peak)}, "MB")


def _plain(numbers: pd.Series) -> list[float | None]:
    return [None if pd.isna(number) else float(number) for number in numbers]
