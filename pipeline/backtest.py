"""The policy backtest: the stored stream replayed under several policies of retraining, loss held against cost."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from common.config import Config
from common.config_edit import save_settings
from common.database import Draft, read_rows
from common.errors import StateError
from common.files import compute_digest
from common.metrics import compute_row_losses
from common.records import LabelledBatch
from common.schema import Schema
from common.seeding import derive_seed
from common.state import State, hold_lock, open_state
from meta.records import predict_outputs
from model_zoo.candidate import Candidate
from model_zoo.model import Model
from pipeline.analysis.drift.reference import Reference
from pipeline.collection.tables import batches as batches_table
from pipeline.evidence import describe_batches, expect_loss, is_drifted, measure_distance
from pipeline.preparation.clean_store import load_clean_batch
from pipeline.preparation.features import engineer_features, find_seasons
from pipeline.training.contenders import Ground
from pipeline.training.recommendation import (
    TOLERANCE,
    Advice,
    Evidence,
    Outcome,
    compute_outcomes,
    follow_advice,
    recommend,
)
from pipeline.training.replay import BLOCKS, Ledger, Meeting, replay
from pipeline.training.retraining import Policy, list_policies
from pipeline.training.rows import join_rows
from pipeline.training.tables import StoredLedger, backtests_table
from registry.contender import FALLBACK_FAMILY
from registry.generations import Generation, load_generation

PROTOCOL = 1
"""Version of how a replay goes; steps of another one are not taken up."""

WARM_UP = 3
"""The first training, which all policies share, is on this many batches."""

LEAST_BATCHES = 8
LEAST_JUDGED = 4
"""Batches on either side of the middle for advice given there to be judged."""

REMEMBERED = 5
"""Newest batches whose drift, at their time, a batch's drift is held against."""


@dataclass(frozen=True, eq=False)
class Replayed:
    """A stream to replay: clean batches, counted from 1, and the candidate that learns them.

    load: returns a batch by its place; ``names`` tell batches apart, for the identity of a backtest
    """

    config: Config
    schema: Schema
    candidate: Candidate
    names: tuple[str, ...]
    load: Callable[[int], LabelledBatch]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Backtest:
    """What came out: ``replayed`` says of what, in words; ``advice`` what the middle of the stream's was worth."""

    replayed: dict[str, Any]
    outcomes: tuple[Outcome, ...]
    recommended: Policy
    advice: Advice | None


def backtest(config: Config, apply_to: Path | None = None) -> str:
    """Replay the stored stream and return the table of loss against cost; write the winner to ``apply_to`` if given.

    Finished steps stay in the catalogue, so that a killed backtest goes on where it stopped and a finished one answers
    at once. Raises StateError where fewer than LEAST_BATCHES batches were accepted.
    """
    with open_state(config) as state, hold_lock(state.folder, "backtest"):
        stream = find_stream(config, state)
        identity = identify(stream)
        found = load_backtest(state, identity)
        if found is None:
            found = replay_policies(stream, StoredLedger(state, identity), show_progress=True)
            save_backtest(state, identity, found)
    lines = describe(found)
    if apply_to is not None:
        save_settings(apply_to, "response", found.recommended.settings)
        stated = ", ".join(f"response.{key}: {setting}" for key, setting in found.recommended.settings.items())
        lines.append(f"Written to '{apply_to}': {stated}.")
    return "\n".join(lines)


def find_stream(config: Config, state: State) -> Replayed:
    """Return the accepted batches, and the champion's candidate of the live generation."""
    generation = load_generation(state)
    query = sa.select(batches_table).where(batches_table.c.status == "accepted").order_by(batches_table.c.number)
    stored = read_rows(state.engine, query)
    if generation.schema is None or len(stored) < LEAST_BATCHES:
        raise StateError(
            f"A backtest needs at least {LEAST_BATCHES} accepted batches and '{state.folder}' has {len(stored)}; run "
            "'python run.py update --batches all' first."
        )
    schema = generation.schema

    @lru_cache(maxsize=config.training.window_batches + 4)
    def load(place: int) -> LabelledBatch:
        batch = stored[place - 1]
        return load_clean_batch(state.files, batch["clean_file"], batch["number"], schema)

    names = tuple(batch["clean_file"] for batch in stored)
    return Replayed(config, schema, choose_candidate(generation), names, load)


def choose_candidate(generation: Generation) -> Candidate:
    """Return the champion's candidate; of the oldest other line where that is the prior."""
    assert generation.champion is not None
    others = [version for version in generation.versions if version.family != FALLBACK_FAMILY]
    if generation.champion.family == FALLBACK_FAMILY and others:
        return others[0].candidate
    return generation.champion.candidate


def identify(stream: Replayed) -> str:
    """Return a digest of everything that a replay depends on."""
    config = stream.config
    parts = {
        "protocol": PROTOCOL,
        "names": stream.names,
        "schema": stream.schema.to_json(),
        "candidate": stream.candidate.key,
        "policies": [asdict(policy) for policy in list_policies(config.response)],
        "seed": config.seed,
        "features": config.features.model_dump(mode="json"),
        "window": [config.training.window_batches, config.training.max_rows],
        "confidence": config.promotion.confidence,
    }
    return compute_digest(json.dumps(parts, sort_keys=True).encode())


def replay_policies(stream: Replayed, ledger: Ledger, show_progress: bool = False) -> Backtest:
    """Replay a stream under all policies, from the warm-up on and again from the middle, and judge them."""
    from tqdm import tqdm

    judged = len(stream) - WARM_UP
    starts = (WARM_UP, WARM_UP + judged // 2) if judged >= 2 * LEAST_JUDGED else (WARM_UP,)
    policies = list_policies(stream.config.response)
    fitting = Fitting(stream)
    with tqdm(total=judged, desc="backtest", unit="fit", file=sys.stderr, disable=not show_progress) as bar:
        journeys = replay(policies, starts, len(stream), fitting.fit, ledger, bar.update)
    root = not stream.schema.task.is_classification
    evidence = Evidence(ledger.seconds, ledger.met, stream.config.promotion.confidence, root)
    whole = [journey for journey in journeys if journey.start == WARM_UP]
    rows = sum(ledger.met[trained, batch].rows for batch, trained in whole[0].served.items())
    candidate = stream.candidate
    outcomes = compute_outcomes(whole, evidence)
    return Backtest(
        replayed={
            "candidate": "/".join([candidate.family, candidate.variant, *candidate.treatment]),
            "first": WARM_UP + 1,
            "last": len(stream),
            "rows": rows,
            "loss": "root mean squared error" if root else "log-loss",
        },
        outcomes=tuple(outcomes),
        recommended=recommend(outcomes),
        advice=follow_advice(journeys, evidence),
    )


class Fitting:
    """Fits the stream's candidate as an update would, on the window up to a batch."""

    def __init__(self, stream: Replayed) -> None:
        self.stream = stream
        self.describe = cache(self._describe)
        self.measure = cache(self._measure)

    def fit(self, trained: int) -> "FittedModel":
        """Return the candidate fitted on the newest rows of the batches up to one, and what that took."""
        stream, config = self.stream, self.stream.config
        window = self.gather(trained)
        parts = [(place, self.read_features(batch), batch.target, batch.times) for place, batch in window.items()]
        rows = join_rows(parts, config.training.max_rows, find_seasons(stream.schema, config.features))
        seed = derive_seed(config.seed, "update", window[trained].number)
        classes = self.list_classes(rows.target)
        ground = Ground(rows, stream.schema.task, classes, seed, config.training.threads, config.training.gap)
        started = time.perf_counter()
        model = ground.fit(stream.candidate, rows)
        return FittedModel(self, trained, model, time.perf_counter() - started)

    def gather(self, trained: int) -> dict[int, LabelledBatch]:
        """Return the batches by place, oldest first, that an update after that batch would learn from."""
        training = self.stream.config.training
        window: dict[int, LabelledBatch] = {}
        room = training.max_rows
        for place in range(trained, max(0, trained - training.window_batches), -1):
            if room <= 0:
                break
            window[place] = self.stream.load(place)
            room -= len(window[place])
        return dict(sorted(window.items()))

    def read_features(self, batch: LabelledBatch) -> pd.DataFrame:
        """Return what models see of a batch."""
        return engineer_features(batch.inputs, self.stream.schema, self.stream.config.features)

    def list_classes(self, target: np.ndarray) -> tuple[str, ...]:
        """Return the classes of two, or of more those that rows so far show: later ones are appended to the schema."""
        classes = self.stream.schema.classes
        return classes if len(classes) <= 2 else classes[: max(2, int(target.max()) + 1)]

    def is_drifted(self, trained: int, batch: int) -> bool:
        """Return whether a batch's inputs have drifted from those learned up to another one."""
        past = range(max(2, trained + 1 - REMEMBERED), trained + 1)
        return is_drifted(self.measure(trained, batch), [self.measure(place - 1, place) for place in past])

    def _measure(self, trained: int, batch: int) -> float:
        return measure_distance(self.describe(trained), self.stream.load(batch))

    def _describe(self, trained: int) -> Reference:
        return describe_batches(list(self.gather(trained).values()), self.stream.schema)


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model fitted on the batches up to ``trained``."""

    fitting: Fitting
    trained: int
    model: Model
    seconds: float

    def meet(self, batch: int) -> Meeting:
        """Predict a later batch, then lay it beside its labels."""
        schema = self.fitting.stream.schema
        met = self.fitting.stream.load(batch)
        outputs = predict_outputs(self.model, self.fitting.read_features(met), schema.classes)
        predicted = outputs if schema.task.is_classification else outputs[:, 0]
        losses = compute_row_losses(schema.task, met.target, predicted)
        blocks = np.array_split(losses, min(BLOCKS, len(losses)))
        return Meeting(
            trained=self.trained,
            batch=batch,
            rows=len(losses),
            losses=tuple(float(block.mean()) for block in blocks),
            drifted=self.fitting.is_drifted(self.trained, batch),
            expected=expect_loss(schema.task, outputs),
        )


def load_backtest(state: State, identity: str) -> Backtest | None:
    """Return a finished backtest, None where there is none."""
    rows = read_rows(state.engine, sa.select(backtests_table).where(backtests_table.c.id == identity))
    if not rows:
        return None
    stored = rows[0]
    advice = stored["advice"] and {**stored["advice"]}
    if advice:
        advice |= {name: Policy(**advice[name]) for name in ("recommended", "best")}
    return Backtest(
        replayed=stored["replayed"],
        outcomes=tuple(Outcome(**{**one, "policy": Policy(**one["policy"])}) for one in stored["outcomes"]),
        recommended=Policy(**stored["recommended"]),
        advice=Advice(**advice) if advice else None,
    )


def save_backtest(state: State, identity: str, done: Backtest) -> None:
    """Commit a finished backtest."""
    draft = Draft()
    draft.add(backtests_table, [{"id": identity, **asdict(done)}])
    draft.commit(state.engine)


def describe(done: Backtest) -> list[str]:
    """Return the table of loss against cost, line by line, with the recommended policy marked."""
    replayed = done.replayed
    header = ["", "policy", replayed["loss"], "than always", "interval", "worst third", "trainings", "seconds"]
    rows = [
        ["*" if one.policy == done.recommended else "", one.policy.name, f"{one.loss:.4f}", f"{one.worse:+.2%}",
         f"{one.lower:+.2%} to {one.upper:+.2%}", f"{one.worst_third:+.2%}", f"{one.trainings:.1f}",
         f"{one.seconds:.2f}"]
        for one in sorted(done.outcomes, key=lambda one: (-one.trainings, one.worse))
    ]  # fmt: skip
    lines = [
        f"{replayed['candidate']} on batches {replayed['first']} to {replayed['last']} ({replayed['rows']} rows), each "
        f"predicted before it may be learned; a first training on {replayed['first'] - 1} batches is not counted.",
        "",
        *format_table([header, *rows]),
        "",
        f"* recommended: {done.recommended.name}. It has the fewest trainings of those that surely lose little against "
        f"training always: at most {TOLERANCE:.0%} for saving all trainings, less for saving less.",
    ]
    if done.advice:
        lines.append(describe_advice(done.advice))
    return lines


def describe_advice(advice: Advice) -> str:
    """Return in a sentence what the advice given in the middle of the stream was worth."""
    return (
        f"Asked after batch {advice.given_at}, it would have recommended '{advice.recommended.name}', which since then "
        f"lost {advice.lost:.2%} against '{advice.best.name}', the best in hindsight, with "
        f"{advice.trainings:.1f} trainings instead of {advice.trainings_always:.1f}."
    )


def format_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if place < 2 else cell.rjust(width)
                  for place, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]  # fmt: skip
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
