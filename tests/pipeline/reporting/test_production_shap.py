"""What an ensemble's answers rest on: the parts of its members, mixed as their answers are."""

import numpy as np
import pytest
from made_state import CLASSES, make_model, make_rows

from pointsman.common.task import Task
from pointsman.meta.records import predict_outputs
from pointsman.pipeline.reporting.explanation.mixture import mix_contributions, take_apart

WEIGHTS = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
FAMILIES = {
    "a": ("lightgbm", "native"),
    "b": ("linear", "onehot"),
    "c": ("extra_trees", "target"),
    "d": ("prior", "onehot"),
}


@pytest.fixture(params=list(Task))
def task(request):
    return request.param


@pytest.fixture
def models(task):

    return {name: make_model(*which, task) for name, which in FAMILIES.items()}


def test_parts_and_base_add_up_to_what_the_mixture_answers(task, models):
    rows, classes = make_rows(3, 30)[0], CLASSES[task]
    explained = mix_contributions(models, WEIGHTS, rows, classes, seconds=60)
    answers = sum(share * predict_outputs(models[name], rows, classes) for name, share in WEIGHTS.items())
    answers = answers[:, 1:] if len(classes) == 2 else answers
    assert explained.values.shape == (30, rows.shape[1], answers.shape[1])
    np.testing.assert_allclose(explained.margins, answers, atol=1e-5)
    assert len(explained.outputs) == answers.shape[1]


def test_values_are_the_weighted_sum_of_the_members_own(task, models):
    rows, classes = make_rows(3, 30)[0], CLASSES[task]
    explained = mix_contributions(models, WEIGHTS, rows, classes, seconds=60)
    own = {name: take_apart(model, rows, classes) for name, model in models.items()}
    np.testing.assert_allclose(explained.values, sum(share * own[name][0] for name, share in WEIGHTS.items()))
    np.testing.assert_allclose(explained.base, sum(share * own[name][1] for name, share in WEIGHTS.items()))
    assert [(one.version, one.share) for one in explained.members] == list(WEIGHTS.items())


def test_a_member_that_looks_at_no_input_leaves_everything_to_the_base():
    model, rows = make_model("prior", "onehot", Task.BINARY), make_rows(3, 10)[0]
    values, base = take_apart(model, rows, CLASSES[Task.BINARY])
    assert not values.any()
    np.testing.assert_allclose(base, model.predict(rows)[0, 1:])
