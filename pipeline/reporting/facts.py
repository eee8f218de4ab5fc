"""The report's figures and sentences, shared by report.html and report.json."""

import json
from typing import Any

import numpy as np
import pandas as pd

from pipeline.reporting.figures import champion_scores
from pipeline.reporting.history import History

LISTED = 40
"""Rows that a long table of the report shows; report.json holds them all."""


def compute_facts(history: History) -> dict[str, Any]:
    """Return every figure of the report as plain JSON."""
    generation = history.generation
    champion = generation.champion
    return {
        "generation": generation.number,
        "champion": champion.id if champion else None,
        "metric": history.metric,
        "task": generation.schema.task.value if generation.schema else None,
        "headline": write_headline(history),
        "attention": list_attention(history),
        "batches": _records(history.batches.drop(columns=["created_at"])),
        "quality": _records(history.quality[~history.quality["passed"]]),
        "drift": _records(history.drift),
        "versions": _records(history.versions.drop(columns=["created_at"])),
        "active": [version.id for version in generation.versions],
        "scores": _records(history.scores),
        "comparisons": _records(history.comparisons),
        "trials": _records(history.trials),
        "events": _records(history.events),
        "grades": _records(history.grades),
        "decisions": _records(history.decisions.drop(columns=["created_at"])),
        "performance": _records(history.performance.drop(columns=["created_at"])),
    }


def write_headline(history: History) -> list[str]:
    """Return what an owner of the stream wants to know first, in sentences."""
    batches, generation = history.batches, history.generation
    accepted = batches[batches["status"] == "accepted"]
    sentences = [
        f"{len(accepted)} of {len(batches)} batches were learned ({int(accepted['rows'].sum()):,} rows"
        + (f", {accepted['start'].min():%d %B %Y} to {accepted['end'].max():%d %B %Y})." if len(accepted) else ").")
    ]
    champion = generation.champion
    if champion is None:
        return [*sentences, "No version serves yet, because no batch was accepted; see the reasons below."]
    line = history.versions[history.versions["line"] == champion.line]
    began = history.members[(history.members["role"] == "champion") & history.members["version"].isin(line["id"])]
    sentences.append(
        f"Champion is {champion.id} ({champion.family} on {champion.variant} features); its line has led since "
        f"generation {_last_run_start(sorted(began['generation'], reverse=True), generation.number)}."
    )
    of_champion = champion_scores(history, history.metric)
    of_prior = _prior_scores(history)
    if len(of_champion):
        newest = of_champion.index[-1]
        against = f", the prior alone {of_prior[newest]:.4g}" if newest in of_prior.index else ""
        sentences.append(
            f"On batch {newest}, before learning it, the champion's {history.metric} was {of_champion[newest]:.4g}"
            f"{against}; its mean over all batches is {of_champion.mean():.4g}."
        )
    else:
        sentences.append("No batch has arrived since the first version was registered, so nothing is scored yet.")
    return sentences


def list_attention(history: History) -> list[str]:
    """Return what a person should look at, newest batch first."""
    batches = history.batches
    notes = [f"Batch {row.number} was rejected: {row.reason}" for row in batches.itertuples() if row.reason]
    newest = int(batches["number"].max())
    breached = history.quality[~history.quality["passed"] & (history.quality["severity"] != "info")]
    notes += list(breached[breached["batch"] == newest]["message"].head(6))
    drift = history.drift[(history.drift["batch"] == newest) & (history.drift["noise"] > 0)]
    strong = drift.assign(ratio=drift["distance"] / drift["noise"]).query("ratio > 4")
    for row in strong.sort_values("ratio", ascending=False).head(4).itertuples():
        notes.append(f"Column '{row.column}' moved {row.ratio:.1f} times as far as sampling would move it.")
    failed = history.trials[(history.trials["state"] == "failed") & (history.trials["batch"] == newest)]
    if len(failed):
        notes.append(f"{len(failed)} trials of the last search failed; their reasons are listed below.")
    return notes[:12]


def make_tables(history: History) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Return the report's tables by name: a header and rows of text."""
    champion = history.generation.champion
    active = [version.id for version in history.generation.versions]
    newest = history.scores.sort_values("batch").groupby(["version", "kind", "metric"])["observed"].last()
    versions = []
    for version in history.generation.versions:
        metrics = {kind: newest.get((version.id, kind, history.metric)) for kind in ("holdout", "prequential")}
        parent = newest.get((version.parent, "prequential", history.metric)) if version.parent else None
        versions.append([
            version.id + (" (champion)" if champion and version.id == champion.id else ""),
            version.variant, version.line, version.origin, f"{version.first_batch}-{version.last_batch}",
            f"{version.rows:,}", _number(metrics["holdout"]), _number(parent), _number(version.threshold),
            f"{version.bytes / 1e3:,.0f}", f"{version.fit_seconds:.2f}",
        ])  # fmt: skip
    tables = {
        "versions": (
            ["version", "variant", "line", "origin", "batches", "rows", f"holdout {history.metric}",
             f"parent's prequential {history.metric}", "threshold", "kB", "fit s"], versions),
        "parameters": (["version", "parameters"], [
            [version.id, ", ".join(f"{name}={_number(setting)}" for name, setting in sorted(version.params.items()))
             or "none"] for version in history.generation.versions]),
        "checks": _table(history.quality[~history.quality["passed"]].sort_values("batch", ascending=False),
                         ["batch", "code", "dimension", "column", "share", "message"]),
        "quarantine": _table(_count(history.quarantine, ["batch", "reason"]), ["batch", "reason", "rows"]),
        "drift": _table(_newest_drift(history), ["column", "distance", "noise", "moved"]),
        "events": _table(history.events.sort_values(["generation", "position"], ascending=[False, True]),
                         ["generation", "version", "event", "reason"]),
        "comparisons": _table(_newest(history.comparisons),
                              ["contender", "incumbent", "difference", "lower", "upper", "rows", "outcome"]),
        "failures": _table(history.trials[history.trials["failure"] != ""].sort_values("batch", ascending=False),
                           ["batch", "number", "family", "variant", "failure"]),
        "decisions": _table(history.decisions.assign(served=history.decisions["served"].map(_pairs))
                            .sort_values("created_at", ascending=False),
                            ["id", "generation", "request", "rows", "version", "reason", "served"]),
        "champion": _table(_champion_metrics(history, active), ["batch", "metric", "observed", "rows"]),
        "requests": _table(_request_costs(history), ["request", "rows", "seconds", "rows a second", "peak MB"]),
    }  # fmt: skip
    return {name: table for name, table in tables.items() if table[1]}


def _champion_metrics(history: History, active: list[str]) -> pd.DataFrame:
    del active
    names = sorted(set(history.scores["metric"]) - {"loss"})
    newest = [(name, champion_scores(history, name)) for name in names]
    rows = history.scores.set_index(["batch", "metric"])["rows"]
    return pd.DataFrame([
        {"batch": series.index[-1], "metric": name, "observed": series.iloc[-1],
         "rows": int(np.atleast_1d(rows.loc[(series.index[-1], name)])[0])}
        for name, series in newest if len(series)
    ], columns=["batch", "metric", "observed", "rows"])  # fmt: skip


def _request_costs(history: History) -> pd.DataFrame:
    requests = history.performance[history.performance["command"] == "inference"]
    grouped = requests.groupby("subject", sort=False)
    table = pd.DataFrame({"rows": grouped["rows"].first(), "seconds": grouped["seconds"].sum(),
                          "peak MB": grouped["peak_mb"].max()}).reset_index(names="request")  # fmt: skip
    table["rows a second"] = table["rows"] / table["seconds"].where(table["seconds"] > 0)
    return table.tail(LISTED)


def _newest_drift(history: History) -> pd.DataFrame:
    newest = _newest(history.drift)
    if newest.empty:
        return newest.assign(moved="")
    ratio = newest["distance"] / newest["noise"].where(newest["noise"] > 0)
    moved = newest["detail"].map(_pairs)
    return newest.assign(moved=moved, ratio=ratio).sort_values("ratio", ascending=False, kind="stable").head(12)


def _newest(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["batch"] == table["batch"].max()]


def _count(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    counted = table.groupby(keys).size().reset_index(name="rows")
    return counted.sort_values("batch", ascending=False, kind="stable")


def _prior_scores(history: History) -> pd.Series:
    families = history.versions.set_index("id")["family"]
    scores = history.scores[(history.scores["kind"] == "prequential") & (history.scores["metric"] == history.metric)]
    prior = scores[scores["version"].map(families) == "prior"]
    return prior.groupby("batch")["observed"].first()


def _last_run_start(generations: list[int], newest: int) -> int:
    """Return where the unbroken run of generations that ends at the newest one begins.

    >>> _last_run_start([7, 6, 5, 2], 7)
    5
    """
    start = newest
    for number in generations:
        if number < start - 1:
            break
        start = min(start, number)
    return start


def _table(table: pd.DataFrame, columns: list[str]) -> tuple[list[str], list[list[str]]]:
    shown = [[_number(cell) for cell in row] for row in table[columns].head(LISTED).itertuples(index=False)]
    return columns, shown


def _pairs(stated: dict[str, Any]) -> str:
    return "; ".join(
        f"{name.replace('_', ' ')} {_number(cell)}" for name, cell in stated.items() if cell not in ([], None)
    )


def _number(cell: Any) -> str:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return "–"
    if isinstance(cell, float):
        return "unbounded" if abs(cell) >= 1e299 else f"{cell:.4g}"
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(table.to_json(orient="records", date_format="iso", double_precision=12))
