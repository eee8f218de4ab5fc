"""What each feature adds to a model's answers, on the scale of the answer."""

import numpy as np
import pandas as pd

from pointsman.model_zoo.column_verdicts import ColumnVerdict
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.model import Model, align_classes, correct
from pointsman.model_zoo.terms import Terms, carry, sum_by_origin


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
    terms = _find_terms(model, features, verdict)
    if terms is None:
        return np.zeros(features.shape)
    return _share_out(model, features, terms, codes, classes)


def explain_outputs(model: Model, features: pd.DataFrame, classes: tuple[str, ...]) -> np.ndarray | None:
    """Return exact SHAP values on the scale of the answers (n_rows, n_features, n_outputs); None where there are none.

    Of two classes the only output is the second's probability, of more there is one each. Values of log-odds are
    carried to probabilities, so that they add up to these.
    """
    terms = _find_terms(model, features) if get_family(model.candidate.family).shap else None
    if terms is None:
        return None
    codes = [1] if len(classes) == 2 else list(range(max(1, len(classes))))
    each = [_share_out(model, features, terms, np.full(len(features), code), classes) for code in codes]
    return np.stack(each, axis=2)


def _find_terms(model: Model, features: pd.DataFrame, verdict: ColumnVerdict | None = None) -> Terms | None:
    """Return what encoded columns add to the margins of a model; None where it learned nothing or cannot say."""
    if model.estimator.learned is None:
        return None
    family = get_family(model.candidate.family)
    return family.explain(model.estimator, model.encode(features, verdict).values)


def _share_out(
    model: Model, features: pd.DataFrame, terms: Terms, codes: np.ndarray, classes: tuple[str, ...]
) -> np.ndarray:
    """Return terms of margins as parts of the answers (n_rows, n_features)."""
    family, estimator, rows = get_family(model.candidate.family), model.estimator, np.arange(len(features))

    def answer(margins: np.ndarray) -> np.ndarray:
        outputs = family.link(estimator, margins)
        if model.task.is_classification:
            outputs = estimator.baseline.complete(outputs, estimator.classes)
            outputs = align_classes(correct(outputs, model.class_weights, model.calibration), model.classes, classes)
        return outputs[rows, codes]

    return sum_by_origin(carry(terms, answer), model.encoder.origins, [str(name) for name in features])
