"""What the answers of the model that serves typical requests rest on: its features' parts on rows of a batch.

A single model is explained by SHAP values. Of an ensemble the parts of its members are mixed by their weights, as their
answers are; they are on the scale of the answer, since log-odds of several models do not add up to it.
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pointsman.common.errors import StateError
from pointsman.common.seeding import random_generator
from pointsman.meta.flags import RowKind, find_kinds
from pointsman.meta.records import predict_outputs
from pointsman.meta.selector_store import load_stored_selector
from pointsman.model_zoo.attribution import explain_model
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.model_zoo.model import Model
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.clean_store import load_clean_batch
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.reporting.explanation.contributions import Contributions, Explanation, explain_version
from pointsman.pipeline.reporting.history import History
from pointsman.registry.settings import load_settings
from pointsman.registry.versions import ModelShelf, Version

CHUNK_ROWS = 100
"""Rows explained between two looks at the clock."""


def explain_production(history: History) -> Explanation:
    """Explain what serves typical requests on a sample of the newest clean batch."""
    config, generation, number = history.config, history.generation, find_newest_learned(history)
    production, schema = generation.production, generation.schema
    if production is None or schema is None or number is None:
        return Explanation(None, None, 0, None, "no model serves yet")
    shelf, seconds = ModelShelf(history.state.files), config.report.max_shap_seconds
    try:
        weights = production.members[RowKind.CLEAN] if production.is_ensemble else {production.id: 1.0}
        models = {name: shelf.load(_find(generation.versions, name)) for name in weights}
        rows = draw_rows(history, number, production)
    except StateError as error:
        return Explanation(production.id, number, 0, None, str(error).removesuffix("."))
    if not production.is_ensemble:
        return explain_version(production.id, number, models[production.id], rows, seconds, config.seed)
    mixed = ", ".join(f"{name} {share:.0%}" for name, share in sorted(weights.items(), key=lambda one: -one[1]))
    if not len(rows):
        return Explanation(production.id, number, 0, None, "there is no row to explain", mixed)
    explained = mix_contributions(models, weights, rows, schema.classes, seconds)
    if not explained.values.any():
        return Explanation(production.id, number, len(rows), None, "it answers every row alike", mixed)
    return Explanation(production.id, number, len(rows), explained, mixed=mixed)


def find_newest_learned(history: History) -> int | None:
    """Return the number of the newest batch that was accepted."""
    known = history.read(batches)
    accepted = known.loc[known["status"] == "accepted", "number"]
    return int(accepted.max()) if len(accepted) else None


def draw_rows(history: History, number: int, production: Version) -> pd.DataFrame:
    """Return the features of rows of a batch, of an ensemble those that its members for clean rows answer."""
    config, state, generation = history.config, history.state, history.generation
    assert generation.schema is not None
    stored = history.read(batches).set_index("number").loc[number, "clean_file"]
    batch = load_clean_batch(state.files, str(stored), number, generation.schema)
    features = engineer_features(batch.inputs, generation.schema, load_settings(config, state, generation).features)
    if production.is_ensemble and production.is_routed and generation.selector:
        kinds = find_kinds(flag_cells(features, load_stored_selector(state, generation).reference))
        features = features[kinds == RowKind.CLEAN].reset_index(drop=True)
    drawn = random_generator(config.seed, "report", number).permutation(len(features))[: config.report.shap_rows]
    return features.iloc[sorted(drawn)].reset_index(drop=True)


def mix_contributions(
    models: Mapping[str, Model],
    weights: Mapping[str, float],
    rows: pd.DataFrame,
    classes: Sequence[str],
    seconds: float,
) -> Contributions:
    """Return the members' contributions to their answers to rows (n_rows, n_features), averaged by their weights.

    Rows are fewer once ``seconds`` are over.
    """
    started = time.perf_counter()
    values: list[np.ndarray] = []
    bases: list[np.ndarray] = []
    for start in range(0, len(rows), CHUNK_ROWS):
        if values and time.perf_counter() - started > seconds:
            break
        part = rows.iloc[start : start + CHUNK_ROWS]
        each = [(share, *take_apart(models[name], part, tuple(classes))) for name, share in weights.items()]
        values.append(np.sum([share * own for share, own, _ in each], axis=0))
        bases.append(np.sum([share * base for share, _, base in each], axis=0))
    explained = np.concatenate(values)
    outputs = tuple(classes[1:]) if len(classes) == 2 else tuple(classes) or ("",)
    scale = (
        f"probability of '{outputs[0]}'"
        if len(classes) == 2
        else ("probability of each class" if classes else "predicted value")
    )
    method = "the mean of what features add to the answers of its members, by their weights"
    return Contributions(
        rows.iloc[: len(explained)], explained, np.concatenate(bases).mean(axis=0), outputs, scale, method
    )


def take_apart(model: Model, rows: pd.DataFrame, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return what features add to answers (n_rows, n_features, n_outputs), and what is left (n_rows, n_outputs).

    What is left is the answer before anything is known of a row; all of it where a model cannot be taken apart.
    """
    answers = predict_outputs(model, rows, classes)
    codes = [1] if len(classes) == 2 else list(range(answers.shape[1]))
    values = np.stack([explain_model(model, rows, np.full(len(rows), code), classes) for code in codes], axis=2)
    return values, answers[:, codes] - values.sum(axis=1)


def _find(versions: Sequence[Version], name: str) -> Version:
    found = next((one for one in versions if one.id == name), None)
    if found is None:
        raise StateError(f"its member {name} is no active version")
    return found
