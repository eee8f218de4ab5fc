"""Versions as an update would register them, and a state to put them in."""

from pathlib import Path

from pointsman.common.config import Config
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import State
from pointsman.registry.generations import Event, Generation, draft_generation
from pointsman.registry.versions import ENSEMBLE_FAMILY, KINDS, LearnedBatch, Version, name_version


def make_config(folder: Path, catalogue: str | None = None) -> Config:
    described = {"schema": {"time": "day", "target": "y"}, "state_dir": folder, "database_url": catalogue}
    return Config.model_validate(described)


def make_version(number: int, family: str = "linear", **changes) -> Version:
    version_id = name_version(family, number)
    made = {
        "id": version_id,
        "number": number,
        "line": version_id,
        "parent": None,
        "generation": 1,
        "family": family,
        "variant": "onehot",
        "params": {"penalty": 0.5},
        "window": 3,
        "masked": True,
        "guarded": False,
        "origin": "standing",
        "updates": 2,
        "first_batch": 1,
        "last_batch": 4,
        "rows": 900,
        "threshold": 0.25,
        "manifest": f"{'ab' * 32}.json",
        "bytes": 1234,
        "fit_seconds": 0.5,
        "trained_on": (LearnedBatch(1, 400, "0a" * 32), LearnedBatch(4, 500, "0b" * 32)),
        "inputs": ("worth", "make"),
        "predict_us": 12.5,
        "seed": 7,
        "protocol": 1,
        "environment": {"numpy": "2.4.0"},
    }
    return Version(**made | changes)


def make_ensemble(number: int) -> Version:
    members = {kind: {"linear-0001": 0.75, "knn-0002": 0.25} for kind in KINDS}
    return make_version(number, ENSEMBLE_FAMILY, params={"members": members}, masked=False, window=None)


def commit(
    state: State, generation: Generation, new: list[Version] | None = None, events: tuple[Event, ...] = ()
) -> Generation:
    draft = Draft(generation.number)
    draft_generation(draft, generation, 7, new or (), events)
    draft.commit(state.engine)
    return generation
