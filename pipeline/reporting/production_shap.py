"""What the answers of the model that serves typical requests rest on: SHAP values of rows of a batch.

They are on the scale of the answer, since log-odds of several models do not add up to those of their mixture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pointsman.common.config import FeaturesConfig
from pointsman.common.errors import StateError
from pointsman.common.records import LabelledBatch
from pointsman.common.seeding import derive_seed, random_generator
from pointsman.meta.flags import RowKind, find_kinds
from pointsman.meta.selector_store import load_stored_selector
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.model import Model
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.clean_store import load_clean_batch
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.reporting.explanation.contributions import Explanation
from pointsman.pipeline.reporting.explanation.mixture import count_rows, mix_contributions
from pointsman.pipeline.reporting.history import History
from pointsman.registry.settings import load_settings
from pointsman.registry.versions import ModelShelf, Version


@dataclass(frozen=True, eq=False)
class Production:
    """What serves typical requests: the models that answer clean rows, and their weights by version."""

    version: Version
    models: Mapping[str, Model]
    weights: Mapping[str, float]

    @property
    def mixed(self) -> str:
        """The members and weights of an ensemble in words, the heaviest first; '' for a single model."""
        ordered = sorted(self.weights.items(), key=lambda one: -one[1])
        return ", ".join(f"{name} {share:.0%}" for name, share in ordered) if self.version.is_ensemble else ""


def open_shelf(history: History) -> ModelShelf:
    """Return the shelf from which all sections take models, so that each is loaded once."""
    return ModelShelf(history.state.files)


def load_production(history: History) -> Production:
    """Return what serves now. Raises StateError where nothing does or it cannot be loaded."""
    generation = history.generation
    if generation.production is None:
        raise StateError("no model serves yet.")
    return load_mixture(history, generation.production, {one.id: one for one in generation.versions})


def load_mixture(history: History, version: Version, known: Mapping[str, Version]) -> Production:
    """Return a version with the models that answer clean rows; StateError where one of them is not ``known``."""
    weights = dict(version.members[RowKind.CLEAN]) if version.is_ensemble else {version.id: 1.0}
    missing = [name for name in weights if name not in known]
    if missing and version.is_ensemble:
        raise StateError(f"its member {missing[0]} is no active version.")
    shelf = history.ask(open_shelf)
    return Production(version, {name: shelf.load(known.get(name, version)) for name in weights}, weights)


def explain_production(history: History) -> Explanation:
    """Explain what serves typical requests on a sample of the newest clean batch."""
    config, generation, number = history.config, history.generation, find_newest_learned(history)
    if generation.production is None or generation.schema is None or number is None:
        return Explanation(None, None, 0, None, "no model serves yet")
    named = generation.production.id
    try:
        production = history.ask(load_production)
        rows = draw_rows(history, number, production.version)
    except StateError as error:
        return Explanation(named, number, 0, None, str(error).removesuffix("."))
    asked = min(len(rows), config.report.shap_rows)
    if not asked:
        return Explanation(named, number, 0, None, "there is no row to explain", production.mixed)
    most = count_rows(list(production.models.values()), rows.inputs.shape[1], asked)
    rows = take_rows(rows, most, config.seed)
    explained = mix_contributions(
        production.models,
        production.weights,
        rows.inputs,
        generation.schema.classes,
        config.report.max_shap_seconds,
        derive_seed(config.seed, "report", number),
    )
    if not explained.values.any():
        obstacle = "it answers every row alike, whatever the row holds, so no feature contributes"
        return Explanation(named, number, asked, None, obstacle, production.mixed)
    drawn = take_first(rows, len(explained.values))
    return Explanation(named, number, asked, explained, mixed=production.mixed, drawn=drawn)


def find_newest_learned(history: History) -> int | None:
    """Return the number of the newest batch that was accepted."""
    known = history.read(batches)
    accepted = known.loc[known["status"] == "accepted", "number"]
    return int(accepted.max()) if len(accepted) else None


def read_settings(history: History) -> FeaturesConfig:
    """Return the settings by which the models that are live read rows."""
    return load_settings(history.config, history.state, history.generation).features


def load_newest(history: History) -> LabelledBatch:
    """Return the newest accepted batch with features for inputs. Raises StateError where there is none."""
    number = find_newest_learned(history)
    if number is None:
        raise StateError("no batch was accepted yet.")
    return load_features(history, number)


def load_features(history: History, number: int, choose: Callable[[int], np.ndarray] | None = None) -> LabelledBatch:
    """Return a clean batch whose inputs are the features that models read.

    With ``choose`` only the rows whose positions it returns for the number of rows.
    """
    generation = history.generation
    assert generation.schema is not None
    stored = history.read(batches).set_index("number").loc[number, "clean_file"]
    batch = load_clean_batch(history.state.files, str(stored), number, generation.schema)
    batch = _keep(batch, choose(len(batch))) if choose else batch
    return replace(batch, inputs=engineer_features(batch.inputs, generation.schema, history.ask(read_settings)))


def draw_rows(history: History, number: int, production: Version) -> LabelledBatch:
    """Return rows of a batch, of an ensemble those that its members for clean rows answer."""
    batch, generation = load_features(history, number), history.generation
    if not (production.is_ensemble and production.is_routed and generation.selector):
        return batch
    reference = load_stored_selector(history.state, generation).reference
    return _keep(batch, np.flatnonzero(find_kinds(flag_cells(batch.inputs, reference)) == RowKind.CLEAN))


def take_rows(batch: LabelledBatch, count: int, seed: int) -> LabelledBatch:
    """Return rows drawn from a batch, in its order."""
    drawn = random_generator(seed, "report", batch.number).permutation(len(batch))[:count]
    return _keep(batch, np.sort(drawn))


def take_first(batch: LabelledBatch, count: int) -> LabelledBatch:
    """Return the first rows of a batch."""
    return _keep(batch, np.arange(min(count, len(batch))))


def _keep(batch: LabelledBatch, places: np.ndarray) -> LabelledBatch:
    inputs, times = batch.inputs.iloc[places], batch.times.iloc[places]
    return LabelledBatch(
        batch.number, inputs.reset_index(drop=True), times.reset_index(drop=True), batch.target[places]
    )
