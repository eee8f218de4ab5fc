"""What ``mlflow.pyfunc`` loads from a published folder: rows of the stream in, predictions out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.adaptation import read_adapted
from pointsman.common.config import FeaturesConfig, QualityConfig
from pointsman.common.errors import StateError
from pointsman.common.metrics import decide_answers
from pointsman.common.sampling import spread_rows
from pointsman.common.schema import Schema
from pointsman.meta.flags import find_kinds
from pointsman.meta.records import predict_outputs
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.model import Model
from pointsman.model_zoo.readings import Readings, Verdicts
from pointsman.model_zoo.reference import InputReference
from pointsman.pipeline.preparation.cleaning import clean_inputs
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.serving.answer import Answer, Answerers, Mixture, add_answer, weigh_rows
from pointsman.pipeline.serving.predictor import SAMPLE_ROWS
from pointsman.pipeline.serving.published import construct
from pointsman.registry.publication import REFERENCE, Publication, unpack
from pointsman.registry.versions import Version


@dataclass(frozen=True)
class PublishedModel:
    """A version with everything that turns rows into its features.

    models:    by version id, its model or, of an ensemble, those of its members
    reference: what tells kinds of rows apart; None for a single model
    """

    version: Version
    members: Mapping[str, Version]
    models: Mapping[str, Model]
    reference: InputReference | None
    schema: Schema
    quality: QualityConfig
    features: FeaturesConfig

    @classmethod
    def build(cls, publication: Publication, where: str) -> "PublishedModel":
        """Return the model of files whose hashes were checked."""
        reading, version = publication.reading, publication.version
        return cls(
            version=version,
            members=publication.members or {version.id: version},
            models=construct(publication, where),
            reference=InputReference.from_json(publication.parts[REFERENCE]) if version.is_ensemble else None,
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
        features = engineer_features(inputs, schema, self.features)
        outputs, kinds = (
            self._mix(features)
            if self.reference
            else (
                predict_outputs(self.models[self.version.id], features, schema.classes),
                np.zeros(len(features), dtype=np.int8),
            )
        )
        decided = decide_answers(schema.task, outputs, self.threshold)
        named = np.full(len(outputs), self.version.id, dtype=object)
        answered = add_answer(model_input[[]], Answer(outputs, decided, named, named, kinds, {}), schema)
        return answered.drop(columns=["predict_model", "predict_reason"])

    @property
    def threshold(self) -> float:
        """The least probability of a positive answer: that of the single model, or of the ensemble."""
        return self.version.threshold if self.reference else self.models[self.version.id].threshold

    def _mix(self, features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs of an ensemble for rows (n_rows, n_features), mixed as for a request, and the rows' kinds.

        A member that fails drops out; StateError where rows lose all of theirs.
        """
        assert self.reference is not None
        cells = Cells.of(features)
        sampled = cells if len(cells) <= SAMPLE_ROWS else cells.take(spread_rows(len(cells), SAMPLE_ROWS))
        verdicts = Verdicts(sampled)
        kinds = find_kinds(verdicts.flag(cells, self.reference))
        mixture = Mixture(
            Readings(cells, verdicts),
            len(kinds),
            Answerers(self.members, lambda version: self.models[version.id], ()),
            self.schema,
        )
        members = self.version.members
        mixture.add([(self.members[name], weigh_rows(members, name, kinds)) for name in self.version.member_ids])
        if mixture.unanswered.any():
            raise StateError(f"No member of {self.version.id} could answer {mixture.unanswered.sum()} rows.")
        return mixture.outputs / mixture.total[:, None], kinds


def _load_pyfunc(path: str) -> PublishedModel:
    """Return the model in a folder; the name is MLflow's."""
    return PublishedModel.build(unpack(lambda name: (Path(path) / name).read_bytes(), f"'{path}'"), f"'{path}'")
