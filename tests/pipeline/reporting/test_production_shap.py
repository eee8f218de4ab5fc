"""What an ensemble's answers rest on: the parts of its members, mixed as their answers are."""

import numpy as np
import pytest
from made_state import CLASSES, make_model, make_rows

from pointsman.common.task import Task
from pointsman.meta.records import predict_outputs
from pointsman.pipeline.reporting.production_shap import mix_contributions, take_apart

WEIGHTS = {"a": 0.5, "b": 0.3, "c": 0.2}


@pytest.mark.parametrize("task", list(Task))
def test_parts_and_base_add_up_to_what_the_mixture_answers(task):
    families = {"a": ("lightgbm", "native"), "b": ("linear", "onehot"), "c": ("prior", "onehot")}
    models = {name: make_model(*which, task) for name, which in families.items()}
    rows, classes = make_rows(3, 30)[0], CLASSES[task]
    explained = mix_contributions(models, WEIGHTS, rows, classes, seconds=60)
    answers = sum(share * predict_outputs(models[name], rows, classes) for name, share in WEIGHTS.items())
    answers = answers[:, 1:] if len(classes) == 2 else answers
    assert explained.values.shape == (30, rows.shape[1], answers.shape[1])
    np.testing.assert_allclose(explained.margins, answers, atol=1e-6)
    assert len(explained.outputs) == answers.shape[1]


def test_a_member_that_looks_at_no_input_leaves_everything_to_the_base():
    model, rows = make_model("prior", "onehot", Task.BINARY), make_rows(3, 10)[0]
    values, base = take_apart(model, rows, CLASSES[Task.BINARY])
    assert not values.any()
    np.testing.assert_allclose(base, model.predict(rows)[:, 1:])


def test_time_ends_an_explanation_after_its_first_rows(monkeypatch):
    monkeypatch.setattr("pointsman.pipeline.reporting.production_shap.CHUNK_ROWS", 5)
    models = {"a": make_model("linear", "onehot", Task.BINARY)}
    explained = mix_contributions(models, {"a": 1.0}, make_rows(3, 20)[0], CLASSES[Task.BINARY], seconds=0)
    assert len(explained.values) == len(explained.features) == 5
