"""A fitted candidate: encoder and estimator together, from a feature table to predictions, as files and back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.task import Task
from pointsman.model_zoo.calibration import Calibration
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.cells import Cells
from pointsman.model_zoo.column_verdicts import ColumnVerdict
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.encoder import Encoder
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.guard import guard_cells
from pointsman.model_zoo.reference import InputReference

PROTOCOL = 2
"""Version of the files that ``dump`` writes; it rises when an older reader could not understand them.

Files of protocol 1 held scikit-learn's own objects."""


@dataclass(frozen=True)
class Model:
    """A candidate fitted on past rows.

    ``classes`` are the labels in code order it was fitted for; ``class_weights`` were given to the rows of each class,
    by weighting or resampling them, and are taken out of the probabilities again; ``threshold`` is the least
    probability of the positive class at which a binary answer is positive; ``features`` are the columns it reads;
    ``normal`` is what a guarded model's training rows looked like, None where it is not guarded; ``calibration``
    corrects probabilities, None where it was not asked for.
    """

    candidate: Candidate
    task: Task
    classes: tuple[str, ...]
    features: tuple[str, ...]
    encoder: Encoder
    estimator: Any
    class_weights: tuple[float, ...] = ()
    threshold: float = 0.5
    normal: InputReference | None = None
    calibration: Calibration | None = None

    def predict(self, features: pd.DataFrame | Cells) -> np.ndarray:
        """Return probabilities (n_rows, n_classes) or, for a regression, predictions (n_rows,)."""
        return self.predict_encoded(self.encode(features))

    def encode(self, features: pd.DataFrame | Cells, verdict: ColumnVerdict | None = None) -> EncodedTable:
        """Return the rows (n_rows, n_encoded) as the estimator reads them, past the guard where there is one.

        ``verdict`` is what was decided on whole columns, where these rows are a part of a request.
        """
        cells = Cells.of(features)
        return self.encoder.encode(guard_cells(cells, self.normal, verdict) if self.normal else cells)

    def predict_encoded(self, table: EncodedTable) -> np.ndarray:
        """Return what ``predict`` does for rows that are encoded already."""
        return correct(
            get_family(self.candidate.family).predict(self.estimator, table), self.class_weights, self.calibration
        )

    def with_threshold(self, threshold: float) -> "Model":
        """Return this model with another threshold for a positive answer."""
        return replace(self, threshold=threshold)

    def dump(self) -> dict[str, bytes]:
        """Return the model as named files without pickle."""
        described = {
            "protocol": PROTOCOL,
            "family": self.candidate.family,
            "variant": self.candidate.variant,
            "params": dict(self.candidate.params),
            "window": self.candidate.window,
            "masked": self.candidate.masked,
            "guarded": self.candidate.guarded,
            "task": self.task.value,
            "classes": self.classes,
            "features": self.features,
            "class_weights": self.class_weights,
            "threshold": self.threshold,
            "calibration": vars(self.calibration) if self.calibration else None,
        }
        estimator = get_family(self.candidate.family).dump(self.estimator)
        return {
            "model.json": json.dumps(described, sort_keys=True).encode(),
            **({"normal.json": self.normal.to_json()} if self.normal else {}),
            **self.encoder.dump(),
            # In a folder of their own, since a family may name its files as it likes.
            **{f"estimator/{name}": content for name, content in estimator.items()},
        }

    @classmethod
    def load(cls, parts: Mapping[str, bytes], reader: "Model | None" = None) -> "Model":
        """Return the model that ``dump`` described; ValueError for a newer protocol than this code knows.

        A ``reader`` is a model with the same encoder and guard, which are shared then and need not be among the parts.
        """
        described = json.loads(parts["model.json"])
        if described["protocol"] > PROTOCOL:
            raise ValueError(f"protocol {described['protocol']} is newer than {PROTOCOL}, so update Pointsman")
        if described["protocol"] < PROTOCOL:
            raise ValueError(f"protocol {described['protocol']} is older than {PROTOCOL}, so it has to be made again")
        prefix = "estimator/"
        files = {name.removeprefix(prefix): content for name, content in parts.items() if name.startswith(prefix)}
        return cls(
            candidate=Candidate(
                **{name: described[name] for name in ("family", "variant", "params", "window", "masked", "guarded")}
            ),
            task=Task(described["task"]),
            classes=tuple(described["classes"]),
            features=tuple(described["features"]),
            encoder=reader.encoder if reader else Encoder.load(parts),
            estimator=get_family(described["family"]).load(files),
            class_weights=tuple(described["class_weights"]),
            threshold=described["threshold"],
            normal=reader.normal if reader else _load_normal(parts),
            calibration=Calibration(**described["calibration"]) if described["calibration"] else None,
        )


def _load_normal(parts: Mapping[str, bytes]) -> InputReference | None:
    return InputReference.from_json(parts["normal.json"]) if "normal.json" in parts else None


def correct(predicted: np.ndarray, class_weights: Sequence[float], calibration: Calibration | None) -> np.ndarray:
    """Return predictions with class weights taken out and calibrated, as far as there are any."""
    if class_weights:
        predicted = remove_class_weights(predicted, class_weights)
    return calibration.apply(predicted) if calibration else predicted


def remove_class_weights(probabilities: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Return probabilities (n_rows, n_classes) as they would be without class weights.

    Weighting the rows of a class multiplies its odds; dividing by the weight restores them, so that balanced training
    does not inflate the probabilities of rare classes. Source: Elkan (2001), theorem 2.
    """
    corrected = probabilities / np.asarray(weights)
    return corrected / corrected.sum(axis=1, keepdims=True)


def align_classes(probabilities: np.ndarray, known: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Return probabilities (n_rows, len(wanted)) in the order of ``wanted``; a class not known yet gets 0.

    >>> align_classes(np.array([[0.25, 0.75]]), ["a", "b"], ["b", "c", "a"]).tolist()
    [[0.75, 0.0, 0.25]]
    """
    if tuple(known) == tuple(wanted):
        return probabilities
    aligned = np.zeros((len(probabilities), len(wanted)))
    for position, label in enumerate(wanted):
        if label in known:
            aligned[:, position] = probabilities[:, list(known).index(label)]
    return aligned
