"""The selector as files: with what it holds for normal input, and the estimators of what serves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pointsman.common.errors import StateError, first_line
from pointsman.common.storage.state import State
from pointsman.meta.estimation.estimator import PerformanceEstimator
from pointsman.meta.plan import Plan, Weights, serve_alone
from pointsman.meta.profile import Profile
from pointsman.meta.selector import Selector
from pointsman.model_zoo.reference import InputReference
from pointsman.registry.generations import Generation
from pointsman.registry.versions import load_manifest

REFERENCE, ESTIMATORS = "reference.json", "estimators.json"


@dataclass(frozen=True)
class StoredSelector:
    """A generation's selector, what it holds for normal input, and the estimators of what serves, by line.

    ``pinned`` is the line, of a single model or an ensemble, that a person made serve, where one did, and
    ``pinned_members`` are its members by RowKind: a person may choose a model that the selector does not know.
    """

    selector: Selector
    reference: InputReference
    estimators: Mapping[str, PerformanceEstimator]
    pinned: str | None = None
    pinned_members: tuple[Weights, ...] = ()

    def plan(self, profile: Profile, mode: str) -> Plan:
        """Return how a request is served: as the selector chooses, unless a person did."""
        chosen = self.selector.plan(profile, mode)
        return chosen.pin(self.pinned, self.pinned_members or serve_alone(self.pinned)) if self.pinned else chosen


def save_selector(
    state: State, selector: Selector, reference: InputReference, estimators: Mapping[str, PerformanceEstimator]
) -> str:
    """Store the selector with its reference and estimators and return the name of the manifest."""
    learned = json.dumps({line: estimator.to_json() for line, estimator in estimators.items()}, allow_nan=False)
    parts = selector.dump() | {REFERENCE: reference.to_json(), ESTIMATORS: learned.encode()}
    stored = {name: state.files.save(content, "." + name.partition(".")[2]) for name, content in parts.items()}
    return state.files.save(json.dumps(stored, sort_keys=True).encode(), ".json")


def load_stored_selector(state: State, generation: Generation) -> StoredSelector:
    """Return the selector and the reference of a generation that has one; StateError where they cannot be loaded."""
    assert generation.selector is not None
    try:
        manifest = load_manifest(state.files, generation.selector)
        parts = {name: state.files.load(stored) for name, stored in manifest.items()}
        learned = json.loads(parts.get(ESTIMATORS, b"{}"))
        estimators = {line: PerformanceEstimator.from_json(one) for line, one in learned.items()}
        reference = InputReference.from_json(parts[REFERENCE])
        pinned = next((one for one in generation.ensembles if one.line == generation.pinned), None)
        members = generation.list_members(pinned) if pinned else ()
        return StoredSelector(Selector.load(parts), reference, estimators, generation.pinned, members)
    except StateError as error:
        cause = str(error).removesuffix(".")
    except Exception as error:  # stored bytes may be anything, and any library may choke on them
        cause = first_line(error)
    raise StateError(
        f"The selector of generation {generation.number} cannot be loaded: {cause}; the next update makes a new one."
    )
