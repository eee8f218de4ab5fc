"""The policy backtest: the stored stream replayed under several policies of retraining, loss held against cost."""

import json
import sys
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from pointsman.common.config import Config
from pointsman.common.config_edit import save_settings
from pointsman.common.errors import StateError
from pointsman.common.extras import check_extras
from pointsman.common.records import LabelledBatch
from pointsman.common.storage.files import compute_digest
from pointsman.common.storage.state import State, hold_lock, open_state
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.collection.store import load_batches
from pointsman.pipeline.preparation.capacity import limit_rows
from pointsman.pipeline.preparation.window import load_batch
from pointsman.pipeline.retraining.fitting import Fitting
from pointsman.pipeline.retraining.policies import configured_policy, list_policies
from pointsman.pipeline.retraining.policy_table import describe
from pointsman.pipeline.retraining.recommendation import (
    Backtest,
    PolicyEvidence,
    compute_outcomes,
    follow_advice,
    recommend,
)
from pointsman.pipeline.retraining.simulation import Ledger, replay
from pointsman.pipeline.retraining.store import StoredLedger, load_backtest, save_backtest
from pointsman.pipeline.retraining.stream import ReplayedStream
from pointsman.registry.contender import FALLBACK_FAMILY
from pointsman.registry.generations import Generation, load_generation

PROTOCOL = 2
"""Version of the replay; stored steps of another version are not reused."""

WARM_UP = 3
"""The first training, which all policies share, is on this many batches."""

LEAST_BATCHES = 8
LEAST_JUDGED = 4
"""Batches on either side of the middle for advice given there to be judged."""


def backtest(config: Config, apply_to: Path | None = None) -> str:
    """Replay the stored stream and return the table of loss against cost; write the winner to ``apply_to`` if given.

    Finished steps stay in the catalogue, so that a killed backtest goes on where it stopped and a finished one answers
    at once. Raises StateError where fewer than LEAST_BATCHES batches were accepted.
    """
    check_extras(config)
    with open_state(config, must_exist=True) as state, hold_lock(state, "backtest"):
        stream = find_stream(config, state)
        identity = identify(stream)
        found = load_backtest(state, identity)
        if found is None:
            found = replay_policies(stream, StoredLedger(state, identity), show_progress=True)
            save_backtest(state, identity, found)
    lines = describe(found)
    if apply_to is None and found.recommended != configured_policy(config.response):
        lines.append(f"'python run.py backtest --apply' writes '{found.recommended.name}' into the configuration.")
    if apply_to is not None:
        save_settings(apply_to, "response", found.recommended.settings)
        stated = ", ".join(f"response.{key}: {setting}" for key, setting in found.recommended.settings.items())
        lines.append(f"Written to '{apply_to}': {stated}.")
    return "\n".join(lines)


def find_stream(config: Config, state: State) -> ReplayedStream:
    """Return the accepted batches, and the champion's candidate of the live generation."""
    generation = load_generation(state)
    stored = load_batches(state, "accepted")
    if generation.schema is None or len(stored) < LEAST_BATCHES:
        raise StateError(
            f"A backtest needs at least {LEAST_BATCHES} accepted batches and '{state.folder}' has {len(stored)}; run "
            "'python run.py update --batches all' first."
        )
    schema = generation.schema

    @lru_cache(maxsize=config.training.window_batches + 4)
    def load(place: int) -> LabelledBatch:
        batch = stored[place - 1]
        return load_batch(config, state, schema, batch)

    names = tuple(batch["clean_file"] for batch in stored)
    return ReplayedStream(config, schema, choose_candidate(generation), names, load)


def choose_candidate(generation: Generation) -> Candidate:
    """Return the champion's candidate, or that of the oldest other model where the champion is the prior."""
    assert generation.champion is not None
    others = [version for version in generation.versions if version.family != FALLBACK_FAMILY]
    if generation.champion.family == FALLBACK_FAMILY and others:
        return others[0].candidate
    return generation.champion.candidate


def identify(stream: ReplayedStream) -> str:
    """Return a digest of everything that a replay depends on."""
    config = stream.config
    parts = {
        "protocol": PROTOCOL,
        "names": stream.names,
        "schema": stream.schema.to_json(),
        "candidate": stream.candidate.key,
        "policies": [asdict(policy) for policy in list_policies(stream.config.response)],
        "seed": config.seed,
        "features": config.features.model_dump(mode="json"),
        "window": [config.training.window_batches, limit_rows(config.training, len(stream.schema.inputs))],
        "confidence": config.promotion.confidence,
        "false_alarms": config.drift.false_alarms,
    }
    return compute_digest(json.dumps(parts, sort_keys=True).encode())


def replay_policies(stream: ReplayedStream, ledger: Ledger, show_progress: bool = False) -> Backtest:
    """Replay a stream under all policies, from the warm-up on and again from the middle, and judge them."""
    from tqdm import tqdm

    # A second start in the middle shows what advice given there was worth on the batches after it.
    judged = len(stream) - WARM_UP
    starts = (WARM_UP, WARM_UP + judged // 2) if judged >= 2 * LEAST_JUDGED else (WARM_UP,)
    fitting = Fitting(stream, ledger.met)
    with tqdm(total=judged, desc="backtest", unit="fit", file=sys.stderr, disable=not show_progress) as bar:
        policy_runs = replay(
            list_policies(stream.config.response), starts, len(stream), fitting.fit, ledger, bar.update
        )
    root = not stream.schema.task.is_classification
    evidence = PolicyEvidence(ledger.seconds, ledger.met, stream.config.promotion.confidence, root)
    whole = [policy_run for policy_run in policy_runs if policy_run.start == WARM_UP]
    # Every policy serves on the same batches, so any of the runs counts the rows.
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
            "confidence": stream.config.promotion.confidence,
        },
        outcomes=tuple(outcomes),
        recommended=recommend(outcomes),
        advice=follow_advice(policy_runs, evidence),
    )
