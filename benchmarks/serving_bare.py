"""The bare contestants of the serving benchmark: scikit-learn pipelines like those behind versions, no more."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.storage.catalogue import read_rows
from pointsman.model_zoo.fitting import treat_rows
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.model_zoo.search import read_params
from pointsman.model_zoo.variants import MAX_ONEHOT_LEVELS, Recipe, get_variant
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.preparation.window import load_batch
from pointsman.pipeline.serving.predictor import Predictor
from pointsman.registry.versions import Version


def load_training_rows(predictor: Predictor, state: Any) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the features (n_rows, n_features) and targets (n_rows,) of every stored batch."""
    stored = read_rows(
        state.engine, sa.select(batches).where(batches.c.status == "accepted").order_by(batches.c.number)
    )
    loaded = [load_batch(predictor.config, state, predictor.schema, one) for one in stored]
    parts = [engineer_features(one.inputs, predictor.schema, predictor.config.features) for one in loaded]
    features = pd.concat(parts, ignore_index=True).astype(parts[0].dtypes.to_dict())
    return features, np.concatenate([one.target for one in loaded])


def build_pipeline(predictor: Predictor, version: Version, features: pd.DataFrame, target: np.ndarray) -> Any:
    """Return a fitted scikit-learn pipeline with a version's preprocessing, kind of model and size.

    Its calibration, guard and class weights are left out, which makes it faster than the version has to be.
    """
    from sklearn.pipeline import make_pipeline

    model = predictor.shelf.load(version)
    task, candidate = predictor.schema.task, model.candidate
    features = features[[name for name in model.features if name in features]]
    normal = fit_input_reference(features) if candidate.guarded else None
    features, target = treat_rows(candidate, normal, features, target, seed=1)
    numeric = [str(name) for name in features if pd.api.types.is_numeric_dtype(features[name])]
    levels = {str(name): features[name].nunique() for name in features if name not in numeric}
    recipe = Recipe(
        numeric=numeric,
        few_levels=[name for name, count in levels.items() if count <= MAX_ONEHOT_LEVELS],
        many_levels=[name for name, count in levels.items() if count > MAX_ONEHOT_LEVELS],
        task=task,
        target=target.astype(int) if task.is_classification else target,
        copies=2 if candidate.masked else 1,
        seed=1,
    )
    pipeline = make_pipeline(
        get_variant(candidate.variant).build(recipe), build_estimator(model, task.is_classification)
    )
    return pipeline.fit(features, recipe.target)


def build_estimator(model: Any, classifies: bool) -> Any:
    """Return an unfitted scikit-learn estimator as large as a model's own."""
    from sklearn import dummy, ensemble, linear_model, neighbors, tree

    family, learned = model.candidate.family, model.estimator.learned
    if family == "lightgbm":
        import lightgbm

        kind = lightgbm.LGBMClassifier if classifies else lightgbm.LGBMRegressor
        return kind(
            n_estimators=learned.booster.current_iteration(),
            n_jobs=1,
            verbose=-1,
            **_read(
                model,
                {"num_leaves": "num_leaves", "learning_rate": "learning_rate", "min_data_in_leaf": "min_child_samples"},
            ),
        )
    if family == "linear":
        return linear_model.LogisticRegression(max_iter=300) if classifies else linear_model.Ridge()
    if family == "knn":
        kind = neighbors.KNeighborsClassifier if classifies else neighbors.KNeighborsRegressor
        return kind(algorithm="brute", **_read(model, {"neighbours": "n_neighbors"}))
    if family in ("tree", "extra_trees"):
        one, many = tree.DecisionTreeClassifier, ensemble.ExtraTreesClassifier
        if not classifies:
            one, many = tree.DecisionTreeRegressor, ensemble.ExtraTreesRegressor
        sizes = {"max_depth": "max_depth", "min_samples_leaf": "min_samples_leaf"}
        return (
            one(**_read(model, sizes)) if family == "tree" else many(**_read(model, {**sizes, "trees": "n_estimators"}))
        )
    return dummy.DummyClassifier() if classifies else dummy.DummyRegressor()


def _read(model: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a model's settings under scikit-learn's names."""
    from pointsman.model_zoo.families import get_family

    settings = read_params(get_family(model.candidate.family).settings, model.estimator.params)
    return {theirs: getattr(settings, own) for own, theirs in names.items()}


def predict(pipeline: Any, features: pd.DataFrame) -> np.ndarray:
    """Return what a pipeline answers."""
    answer: np.ndarray = (pipeline.predict_proba if hasattr(pipeline, "predict_proba") else pipeline.predict)(features)
    return answer
