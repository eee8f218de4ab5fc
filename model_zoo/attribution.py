"""What each feature adds to a model's answers, on the scale of the answer."""

import numpy as np
import pandas as pd

from pointsman.model_zoo.column_verdicts import ColumnVerdict
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.model import Model, align_classes, correct
from pointsman.model_zoo.terms import carry, sum_by_origin


def explain_model(
    model: Model,
    features: pd.DataFrame,
    codes: np.ndarray,
    classes: tuple[str, ...],
    verdict: ColumnVerdict | None = None,
) -> np.ndarray:
    """Return what each feature adds to a model's answers (n_rows, n_features), zeros where the model cannot say.

    ``codes`` (n_rows,) are the positions in ``classes`` of those whose probabilities are explained, 0 for a number.
    ``verdict`` is what was decided on whole columns, where these rows are a part of a request.
    """
    family, estimator = get_family(model.candidate.family), model.estimator
    terms = None if estimator.learned is None else family.explain(estimator, model.encode(features, verdict).values)
    if terms is None:
        return np.zeros(features.shape)
    rows = np.arange(len(features))

    def answer(margins: np.ndarray) -> np.ndarray:
        outputs = family.link(estimator, margins)
        if model.task.is_classification:
            outputs = estimator.baseline.complete(outputs, estimator.classes)
            outputs = align_classes(correct(outputs, model.class_weights, model.calibration), model.classes, classes)
        return outputs[rows, codes]

    return sum_by_origin(carry(terms, answer), model.encoder.origins, [str(name) for name in features])
