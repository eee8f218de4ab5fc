"""A small state written through the catalogue's tables: what the report must show is known, for it is made here."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

import pointsman.pipeline.update  # noqa: F401  (registers every table before the catalogue is created)
from pointsman.common.config import Config
from pointsman.common.performance import performance_table
from pointsman.common.records import LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.experiments.tables import feature_gains_table, runs_table, trials_table
from pointsman.meta.label_tables import (
    live_records_table,
    refused_labels_table,
    settled_labels_table,
    settlements_table,
)
from pointsman.meta.tables import decisions_table, grades_table, regrets_table
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.fitting import fit_model
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.drift.tables import alarms_table, drift_tests_table, responses_table
from pointsman.pipeline.preparation.clean_store import save_clean_batch
from pointsman.pipeline.quality.stored import drift_table, profiles_table, quality_table, quarantine_table
from pointsman.pipeline.validation.tables import bouts_table, comparisons_table, scores_table
from pointsman.registry.generations import Alias, Cause, Event, Generation, Member, Role, draft_generation
from pointsman.registry.versions import Version, save_parts

FIRST_DAY = datetime(2020, 1, 1)
MOVE = {
    "missing_before": 0.1,
    "missing_after": 0.2,
    "moved": "above 9",
    "moved_before": 0.1,
    "moved_after": 0.3,
    "mean_before": 10.0,
    "mean_after": 15.0,
    "new_levels": [],
    "new_share": 0.0,
}
"""What is stored of how a column of numbers moved."""
ROWS = 200
CLASSES = {Task.BINARY: ("0", "1"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}


def make_rows(seed: int = 0, rows: int = ROWS) -> tuple[pd.DataFrame, np.ndarray]:
    """Features with names that collide once encoded, missing cells and many levels; a hidden number behind them."""
    generator = np.random.default_rng(seed)
    features = pd.DataFrame(
        {
            "age": generator.normal(40, 10, rows).round(1),
            "worth": generator.lognormal(3, 1, rows),
            "make": pd.Series(generator.choice([f"MAKE{number}" for number in range(45)], rows), dtype="str"),
            "make_fuel": pd.Series(generator.choice(["gas", "oil", "x"], rows), dtype="str"),
        }
    )
    hidden = (features["age"] - 40) / 10 + 2 * (features["make_fuel"] == "gas") + generator.normal(0, 0.7, rows)
    features.loc[::7, "age"] = np.nan
    features.loc[3::11, "make_fuel"] = np.nan
    return features, hidden.to_numpy()


def make_target(task: Task, hidden: np.ndarray) -> np.ndarray:
    if task is Task.BINARY:
        return (hidden > 1).astype(float)
    return np.digitize(hidden, [0, 1.5]).astype(float) if task is Task.MULTICLASS else hidden


def make_model(family: str, variant: str, task: Task, seed: int = 0, balance: float = 0.0):
    features, hidden = make_rows(seed)
    params = dict(get_family(family).default_params(task))
    if balance and task.is_classification and get_family(family).uses_weights:
        params["balance"] = balance
    candidate = Candidate(family, variant, params)
    return fit_model(candidate, features, make_target(task, hidden), task, CLASSES[task], seed=1)


def make_schema(task: Task) -> Schema:
    return Schema(
        time="day",
        target="claimed",
        task=task,
        classes=CLASSES[task],
        numeric=("age", "worth"),
        categorical=("make", "make_fuel"),
    )


def make_config(folder: Path, **changes) -> Config:
    made = {
        "state_dir": folder,
        "schema": {"time": "day", "target": "claimed"},
        "source": {"kind": "files", "paths": ["none.csv"]},
        "report": {"shap_rows": 60, "max_shap_seconds": 20},
    }
    return Config.model_validate(made | changes)


def log_loss_of(family: str, batch: int) -> float:
    """What every version scores: the challenger is better than the prior, but not in batch 3."""
    prior = 0.5 + 0.001 * batch
    if family == "ensemble":
        return prior * 0.8
    return prior if family == "prior" else prior * (1.1 if batch == 3 else 0.9)


def score(task: Task, family: str, batch: int) -> dict[str, float]:
    """Return every metric of a version on a batch."""
    loss, is_prior = log_loss_of(family, batch), family == "prior"
    if task is Task.REGRESSION:
        return {"rmse": loss, "loss": loss, "mae": 58.64 * loss, "r2": 0.0 if is_prior else 0.6}
    metrics = {"log_loss": loss, "loss": loss}
    if task is Task.MULTICLASS:
        return metrics | {"accuracy": 0.4 if is_prior else 0.83, "macro_f1": 0.2 if is_prior else 0.7}
    metrics |= {"roc_auc": 0.5 if is_prior else 0.71, "f1": 0.3125, "accuracy": 0.8}
    return metrics | ({"recall": 0.0} if is_prior else {"precision": 0.31, "recall": 0.4})


class MadeState:
    """Writes batch after batch of one stream, a binary one unless ``task`` is another; ``family`` is the champion's.

    With ``mixes`` an ensemble of the champion and the prior serves typical requests, from the second batch on.
    """

    def __init__(
        self,
        folder: Path,
        family: str = "linear",
        variant: str = "onehot",
        columns: int = 4,
        mixes: bool = False,
        task: Task = Task.BINARY,
        **config,
    ):
        self.config = make_config(folder, **config)
        self.family, self.variant, self.mixes = family, variant, mixes
        self.columns = ["age", "worth", "make", "make_fuel"] + [f"extra_{number}" for number in range(columns - 4)]
        self.schema = make_schema(task)
        self.models = {family: make_model(family, variant, task), "prior": make_model("prior", "onehot", task)}
        self.generation = Generation()
        self.versions: dict[str, Version] = {}

    def add(self, count: int) -> "MadeState":
        with open_state(self.config) as state:
            for _ in range(count):
                self._add(state)
        return self

    def reject(self, reason: str) -> "MadeState":
        number = (self.generation.batch or 0) + 1
        with open_state(self.config) as state:
            draft = Draft(self.generation.number + 1)
            self._batch(draft, number, None, reason)
            self.generation = self.generation.succeed(Cause.REJECTED, batch=number)
            draft_generation(draft, self.generation, 7)
            draft.commit(state.engine)
        return self

    def answer(
        self, rows: int, reason: str = "champion", at: datetime = FIRST_DAY, served: dict | None = None
    ) -> "MadeState":
        champion = self.generation.champion
        assert champion is not None
        with open_state(self.config) as state:
            draft = Draft()
            draft.add(
                decisions_table,
                [
                    {
                        "id": f"request-{rows}",
                        "generation": self.generation.number,
                        "request": f"new-{rows}.csv",
                        "rows": rows,
                        "mode": "plan",
                        "version": champion.id,
                        "champion": champion.id,
                        "reason": reason,
                        "alarm": "",
                        "profile": {},
                        "weights": {},
                        "expected": {"loss": 0.45, "lower": None, "upper": None},
                        "failures": {},
                        "key_columns": [],
                        "rows_file": None,
                        "kept_rows": rows,
                        "served": served
                        or {f"{champion.id}/champion": rows - 10, f"{self.versions['prior'].id}/fallback:sparse": 10},
                        "output": "x.csv",
                        "created_at": at,
                    }
                ],
            )
            draft.add(performance_table, [cost("inference", f"request-{rows}", "prediction", 0.5, rows)])
            draft.commit(state.engine)
        return self

    def _add(self, state) -> None:
        number = (self.generation.batch or 0) + 1
        before = self.generation
        features, hidden = make_rows(number)
        times = pd.Series([day_of(number)] * ROWS)
        clean = LabelledBatch(number, features, times, make_target(self.schema.task, hidden))
        draft = Draft(before.number + 1)
        self._batch(draft, number, save_clean_batch(state.files, clean, self.schema), "")
        self._analysis(draft, number)
        new = [self._version(state, family, number) for family in dict.fromkeys((self.family, "prior"))]
        members = tuple(
            Member(version, Role.CHAMPION if version.family == self.family else Role.ACTIVE) for version in new
        )
        if self.mixes:
            new.append(self._ensemble(new, number))
            members = (*members, Member(new[-1], Role.ENSEMBLE))
        serving = new[-1] if self.mixes and number > 1 else new[0]
        self.generation = before.succeed(
            Cause.UPDATE,
            batch=number,
            schema=self.schema,
            members=members,
            aliases={Alias.CHAMPION: new[0].id, Alias.PRODUCTION: serving.id},
        )
        kind = "registered" if number == 1 else "updated"
        events = [Event(version.id, kind, f"mean loss of batch {number}") for version in new[:2]]
        events += [Event(version.id, "blended", "typical: both") for version in new[2:]]
        if number == 1:
            events.append(Event(new[0].id, "promoted", "lowest decayed loss on 1 labelled batch"))
        draft_generation(draft, self.generation, 7, new, tuple(events))
        scored = [
            *((version, "prequential") for version in (*before.versions, *before.ensembles)),
            *((version, "out-of-fold") for version in new[:2]),
        ]
        for version, kind in scored:
            metrics = score(self.schema.task, version.family, number)
            key = {"batch": number, "version": version.id, "kind": kind, "rows": ROWS}
            draft.add(scores_table, [key | {"metric": name, "observed": score} for name, score in metrics.items()])
        self._rest(draft, number, new[:2])
        draft.commit(state.engine)

    def _batch(self, draft: Draft, number: int, clean_file: str | None, reason: str) -> None:
        draft.add(
            batches,
            [
                {
                    "number": number,
                    "origin": "none.csv",
                    "by_hand": False,
                    "file": "raw",
                    "clean_file": clean_file,
                    "rows": ROWS,
                    "columns": len(self.columns),
                    "start": day_of(number),
                    "end": day_of(number) + timedelta(27),
                    "status": "rejected" if reason else "accepted",
                    "reason": reason,
                    "late_rows": 0,
                    "quarantined": 5,
                    "metaparameters": {"target_share": 0.25},
                }
            ],
        )
        draft.add(quarantine_table, [{"batch": number, "row": row, "reason": "target missing"} for row in range(5)])

    def _analysis(self, draft: Draft, number: int) -> None:
        for position, column in enumerate(self.columns):
            missing = 0.6 if column == "age" and number == 2 else 0.1 if column == "age" else 0.0
            draft.add(
                profiles_table,
                [
                    {
                        "batch": number,
                        "column": column,
                        "role": "numeric",
                        "missing_share": missing,
                        "distinct": 9,
                        "stats": {},
                    }
                ],
            )
            draft.add(
                quality_table,
                [
                    {
                        "batch": number,
                        "position": position,
                        "code": "DQ001",
                        "dimension": "completeness",
                        "column": column,
                        "share": 1 - missing,
                        "threshold": 0.5,
                        "passed": missing <= 0.5,
                        "severity": "warning",
                        "message": "" if missing <= 0.5 else f"<b>The column</b> '{column}' costs $5 & $6",
                    }
                ],
            )
            if number > 1:
                unlike = column == "worth"
                draft.add(
                    drift_tests_table,
                    [
                        {
                            "batch": number,
                            "drift": "data",
                            "column": column,
                            "aspect": "spread",
                            "part": 1,
                            "score": 9.0,
                            "error": 0.0,
                            "p_value": 1e-6 if unlike else 0.4,
                            "alarm": unlike,
                            "kept": 3.0,
                        }
                    ],
                )
                if unlike:
                    draft.add(
                        alarms_table,
                        [
                            {
                                "batch": number,
                                "rank": 1,
                                "drift": "data",
                                "column": column,
                                "aspects": ["spread"],
                                "p_value": 1e-6,
                                "damage": 0.02,
                                "since": {},
                            }
                        ],
                    )
                    draft.add(
                        responses_table,
                        [
                            {
                                "batch": number,
                                "position": 0,
                                "drift": "data",
                                "action": "search",
                                "cause": f"data drift in batch {number}: 'worth'",
                                "outcome": "20 trials",
                            }
                        ],
                    )
                draft.add(
                    drift_table,
                    [
                        {
                            "batch": number,
                            "column": column,
                            "role": "numeric",
                            "noise": 0.02,
                            "distance": 0.1 if column == "worth" else 0.02 + 0.0001 * position,
                            "detail": MOVE | {"missing_after": missing},
                        }
                    ],
                )

    def _version(self, state, family: str, number: int) -> Version:
        manifest, size = save_parts(state.files, self.models[family].dump())
        counted = 2 * number - (family != "prior")
        parent = self.versions.get(family)
        version_id = f"{family}-{counted:04d}"
        version = Version(
            id=version_id,
            number=counted,
            line=parent.line if parent else version_id,
            parent=parent.id if parent else None,
            generation=number,
            family=family,
            variant=self.variant,
            params=self.models[family].candidate.params,
            window=None,
            masked=False,
            guarded=False,
            origin="search" if parent is None else "update",
            updates=number - 1,
            first_batch=1,
            last_batch=number,
            rows=ROWS * number,
            threshold=0.4321,
            manifest=manifest,
            bytes=size,
            fit_seconds=0.25,
        )
        self.versions[family] = version
        return version

    def _ensemble(self, singles: list[Version], number: int) -> Version:
        champion, prior = singles
        parent = self.versions.get("ensemble")
        version_id = f"ensemble-{100 + number:04d}"
        clean = {champion.id: 0.75, prior.id: 0.25}
        version = replace(
            champion,
            id=version_id,
            number=100 + number,
            line=parent.line if parent else version_id,
            parent=parent.id if parent else None,
            family="ensemble",
            variant="typical",
            origin="blend",
            updates=0,
            params={"members": {"clean": clean, "sparse": clean, "anomalous": {prior.id: 1.0}}},
            threshold=0.3,
        )
        self.versions["ensemble"] = version
        return version

    def _rest(self, draft: Draft, number: int, new: list[Version]) -> None:
        for place, state in enumerate(("complete", "pruned", "failed")):
            draft.add(
                trials_table,
                [
                    {
                        "batch": number,
                        "number": place,
                        "family": self.family,
                        "variant": self.variant,
                        "params": {"c": 1.5},
                        "state": state,
                        "loss": 0.45 if state == "complete" else None,
                        "fold_losses": [0.45],
                        "window": None,
                        "baseline": 0.6,
                        "steps": [0.45],
                        "train": {"f1": 0.9},
                        "test": {"f1": 0.8},
                        "failure": f"ValueError: trial of batch {number}" if state == "failed" else "",
                        "finalist": place == 0,
                        "seconds": 0.5,
                    }
                ],
            )
        draft.add(
            runs_table,
            [
                {
                    "version": version.id,
                    "batch": number,
                    "input_columns": "['age']",
                    "features": "['age']",
                    "target": "claimed",
                    "stages": ["SimpleImputer", "LinearWeights"],
                    "depth": None,
                    "iterations": None,
                    "bins": None,
                    "train": {"f1": 0.9},
                    "test": {"f1": 0.8},
                    "train_rows": 100,
                    "test_rows": 50,
                    "train_skill": 0.4,
                    "test_skill": 0.3 - 0.1 * place,
                    "gap": 0.1 + 0.1 * place,
                    "gap_error": 0.01,
                    "overfit": place > 0,
                    "seconds": 0.25,
                }
                for place, version in enumerate(new)
            ],
        )
        draft.add(
            feature_gains_table,
            [
                {
                    "batch": number,
                    "feature": name,
                    "gain": gain,
                    "lower": gain - 0.01,
                    "upper": gain + 0.01,
                    "rows": 90,
                    "covered": True,
                    "used": gain > 0,
                }
                for name, gain in (("day_hour", 0.005 * number), ("a_per_b", -0.02))
            ],
        )
        draft.add(
            comparisons_table,
            [
                {
                    "batch": number,
                    "contender": "trial-0",
                    "incumbent": new[0].id,
                    "difference": 0.01,
                    "lower": -1e300,
                    "upper": 1e300,
                    "rows": 50,
                    "outcome": "undecided",
                }
            ],
        )
        if number > 1:
            draft.add(
                bouts_table,
                [
                    {
                        "batch": number,
                        "version": f"rival-{number}",
                        "line": new[0].line,
                        "way": "update",
                        "served_way": "refit",
                        "rows": 60,
                        "loss": 0.5,
                        "difference": -0.01 * number,
                        "error": 0.002,
                        "seconds": 0.1,
                        "served_seconds": 0.4,
                        "bytes": 2_000,
                    }
                ],
            )
            for group, selected in (("clean", 0.51 if number == 3 else 0.48), ("damaged", 0.6)):
                draft.add(
                    grades_table,
                    [
                        {
                            "batch": number,
                            "group": group,
                            "requests": 1 if group == "clean" else 14,
                            "selected": selected,
                            "champion": 0.5 if group == "clean" else 0.8,
                            "single": 0.5,
                            "last_best": 0.55,
                            "uniform": 0.7,
                            "single_best": 0.47,
                            "oracle": 0.46,
                            "difference": selected - (0.5 if group == "clean" else 0.8),
                            "error": 0.005,
                            "alarms": 0.0,
                            "margins": {},
                            "best": 0.465,
                            "chosen": {"ensemble-0101": 2, "linear-0001": 12},
                            "selected_by_kind": [0.5, None, None],
                            "champion_by_kind": [0.5, None, None],
                            "calibration": {"selected": 0.02, "champion": 0.03} if group == "clean" else {},
                        }
                    ],
                )
            draft.add(
                regrets_table,
                [
                    {
                        "decision": f"request-{number}",
                        "batch": number,
                        "rows": 10 * number,
                        "served": 0.4,
                        "champion": 0.5,
                        "single_best": None if number == 2 else 0.45,
                        "oracle": 0.35,
                        "losses": {},
                    }
                ],
            )
            draft.add(
                settlements_table,
                [
                    {
                        "batch": number,
                        "gap": "3600s",
                        "labels": 4,
                        "rows": 6,
                        "delays": [0, 3600],
                        "clock": None,
                        "maturity": {"2026-01": {"1": 2, "30": 1}, "2025-12": {"later": 1}},
                    }
                ],
            )
            draft.add(
                settled_labels_table,
                [{"label": 9 * number + place, "outcome": one} for place, one in enumerate(("learned", None))],
            )
            draft.add(
                refused_labels_table,
                [
                    {"cause": cause, "origin": "/feedback", "labels": labels}
                    for cause, labels in (("unknown", 20), ("crowded", 300))
                ],
            )
            draft.add(
                live_records_table,
                [
                    {
                        "batch": number,
                        "served_by": number - 1,
                        "rows": 10 * number,
                        "classes": ["0", "1"],
                        "profile": {},
                        "versions": {"a": "a-1"},
                        "losses": {"a": 0.5, "b": 0.1 * number},
                        "file": "0" * 64,
                    }
                ],
            )
        draft.add(
            performance_table,
            [
                cost("update", f"batch {number}", stage, seconds, ROWS)
                for stage, seconds in (("search", 2.0), ("refresh", 1.5))
            ],
        )


def cost(command: str, subject: str, stage: str, seconds: float, rows: int) -> dict:
    return {
        "command": command,
        "subject": subject,
        "stage": stage,
        "seconds": seconds,
        "cpu_seconds": seconds,
        "peak_mb": 300.0,
        "rows": rows,
    }


def day_of(number: int) -> datetime:
    return FIRST_DAY + timedelta(days=28 * (number - 1))
