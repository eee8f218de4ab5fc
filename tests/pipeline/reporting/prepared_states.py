"""Twelve states that a person may meet, each with the colour and the sentence that the first screen must show."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from made_state import FIRST_DAY, MadeState

from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.pipeline.reporting.explanation.contributions import Explanation
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.page import render_page, save_report
from pointsman.pipeline.reporting.production_shap import explain_production
from pointsman.pipeline.reporting.report import compute_report
from pointsman.registry.generations import load_generation
from pointsman.registry.versions import load_manifest

NOW = FIRST_DAY + timedelta(days=150)
YESTERDAY = NOW - timedelta(days=1)


@dataclass(frozen=True)
class Prepared:
    """A state: how it is made in a folder, its verdict's level and a part of its sentence, and how good answers are."""

    make: Callable[[Path], MadeState]
    level: str
    sentence: str
    quality: str = "Ranks 71 of 100 pairs rightly"


def learn(folder: Path, batches: int = 4, **kind) -> MadeState:
    """Return a state with some batches learned, and a request answered a day ago."""
    made = MadeState(folder, **kind).add(batches)
    return made.answer(200, at=YESTERDAY)


def change(made: MadeState, statement: str, **values: str) -> MadeState:
    """Change rows of a state's catalogue."""
    with open_state(made.config) as state, state.engine.begin() as connection:
        connection.execute(sa.text(statement), values)
    return made


def fall_back(folder: Path) -> MadeState:
    made = MadeState(folder, mixes=True).add(4)
    return made.answer(200, at=YESTERDAY, served={f"{made.versions['ensemble'].id}/fallback:anomalous": 200})


def lose_by_choosing(folder: Path) -> MadeState:
    return change(learn(folder, mixes=True), "UPDATE regrets SET served = 0.563, champion = 0.5")


def forget_tests(folder: Path) -> MadeState:
    return change(learn(folder), "DELETE FROM scores WHERE kind = 'prequential' AND version LIKE 'linear%'")


def ignore_drift(folder: Path) -> MadeState:
    return change(learn(folder, mixes=True), "DELETE FROM responses WHERE batch = 4")


def await_labels(folder: Path) -> MadeState:
    made = MadeState(folder, mixes=True).add(4).answer(200, at=FIRST_DAY + timedelta(days=90))
    return change(made, "UPDATE settlements SET maturity = :came", came=json.dumps({"2020-01": {"30": 9}}))


def pin(folder: Path) -> MadeState:
    made = MadeState(folder).add(3)
    made.generation = replace(made.generation, pinned=made.generation.champion.line)
    made = made.add(1).answer(200, at=YESTERDAY)
    return change(made, "UPDATE generations SET who = 'ann', why = 'the audit asks for it' WHERE number = 4")


def break_file(folder: Path) -> MadeState:
    made = learn(folder)
    with open_state(made.config) as state:
        champion = load_generation(state).champion
        stored = load_manifest(state.files, champion.manifest)
        state.files.path(stored[min(stored)]).write_bytes(b"altered")
    return made


PREPARED = {
    "healthy": Prepared(lambda folder: learn(folder, mixes=True), "green", "ensemble-0104 answers; it was tested on"),
    "all fallback": Prepared(fall_back, "red", "Every answered row went to a fallback"),
    "regret": Prepared(
        lose_by_choosing, "red", "Answers were 12.6\xa0% worse (log-loss) than those of the best single model"
    ),
    "ungraded champion": Prepared(forget_tests, "amber", "linear-0007 serves and was never tested"),
    "drift": Prepared(ignore_drift, "amber", "unlike anything that was learned (worth), and nothing was done about it"),
    "rejected batch": Prepared(
        lambda folder: learn(folder, mixes=True).reject("no row has a target."),
        "amber",
        "Batch 5 was rejected and not learned: no row has a target.",
    ),
    "late labels": Prepared(await_labels, "amber", "Labels are late: of 200 rows answered more than 30 days ago none"),
    "one batch": Prepared(lambda folder: learn(folder, 1), "amber", "Too early to judge: one batch was learned"),
    "multiclass": Prepared(
        lambda folder: learn(folder, mixes=True, task=Task.MULTICLASS),
        "green",
        "nothing is amiss",
        "Is right in 83 of 100 rows",
    ),
    "regression": Prepared(
        lambda folder: learn(folder, mixes=True, task=Task.REGRESSION),
        "green",
        "nothing is amiss",
        "Is off by about 23.6 (claimed) a row",
    ),
    "pinned": Prepared(pin, "green", "linear-0007 answers; it was tested on batch 4"),
    "broken version": Prepared(break_file, "red", "linear-0007, which answers requests, cannot be loaded"),
}


def write_page(made: MadeState) -> Path:
    """Write the page of a state, without the plots of what its answers rest on, and return where."""
    nothing = Explanation(None, None, 0, None, "not asked for")
    with open_state(made.config) as state:
        history = History(made.config, state, load_generation(state), NOW, {explain_production: nothing})
        report = compute_report(history)
        return save_report(report, render_page(history, report), made.config.state_dir / "report")
