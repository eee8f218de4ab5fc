"""What ``mlflow.pyfunc`` loads from a published folder: rows of the stream in, predictions out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.adaptation import read_adapted
from common.config import FeaturesConfig, QualityConfig
from common.metrics import decide_classes
from common.schema import Schema
from meta.records import predict_outputs
from model_zoo.model import Model
from pipeline.preparation.cleaning import clean_inputs
from pipeline.preparation.features import engineer_features
from pipeline.publishing import construct
from pipeline.serving.answer import Answer, add_answer
from registry.publication import Publication, unpack


@dataclass(frozen=True)
class PublishedModel:
    """A version with everything that turns rows into its features."""

    name: str
    model: Model
    schema: Schema
    quality: QualityConfig
    features: FeaturesConfig

    @classmethod
    def build(cls, publication: Publication, where: str) -> "PublishedModel":
        """Return the model of files whose hashes were checked."""
        reading = publication.reading
        return cls(
            name=publication.version.id,
            model=construct(publication, where),
            schema=Schema.from_json(dict(reading["schema"])),
            quality=QualityConfig.model_validate(reading["quality"]),
            features=FeaturesConfig.model_validate(reading["features"]),
        )

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Return ``predict`` and probabilities for raw rows (n_rows, n_columns), under their index.

        Columns are taken by name; one that is absent counts as missing.
        """
        schema = self.schema
        reading = read_adapted(model_input, schema)
        inputs = clean_inputs(reading.inputs, self.quality, schema)
        outputs = predict_outputs(self.model, engineer_features(inputs, schema, self.features), schema.classes)
        decided = (
            decide_classes(schema.task, outputs, self.model.threshold)
            if schema.task.is_classification
            else outputs[:, 0]
        )
        named = np.full(len(outputs), self.name, dtype=object)
        kinds = np.zeros(len(outputs), dtype=np.int8)
        answered = add_answer(model_input[[]], Answer(outputs, decided, named, named, kinds, {}), schema)
        return answered.drop(columns=["predict_model", "predict_reason"])


def _load_pyfunc(path: str) -> PublishedModel:
    """Return the model in a folder; the name is MLflow's."""
    return PublishedModel.build(unpack(lambda name: (Path(path) / name).read_bytes(), f"'{path}'"), f"'{path}'")
