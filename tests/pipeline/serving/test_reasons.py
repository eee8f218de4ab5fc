"""Reasons of single answers: what moved them, on the answers' own scale, mixed as the answers are."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from small_stream import LINEAR, ROOT, configure, copy, make_rows

from pointsman.common.storage.state import open_state
from pointsman.common.tabular.reader import read_table
from pointsman.common.task import Task
from pointsman.model_zoo.attribution import explain_model, explain_outputs
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import fit_model
from pointsman.pipeline.inference import infer
from pointsman.pipeline.preparation.features import engineer_features
from pointsman.pipeline.serving.answer import present_answer
from pointsman.pipeline.serving.predictor import load_predictor
from pointsman.pipeline.serving.reasons import Reason, compute_effects, explain_rows, weigh_members

GENERATOR = np.random.default_rng(5)
N_ROWS = 400
FEATURES = pd.DataFrame(
    {
        "size": GENERATOR.normal(size=N_ROWS),
        "make": pd.Series(GENERATOR.choice(["ford", "lada", "opel"], N_ROWS), dtype="str"),
        "noise": GENERATOR.normal(size=N_ROWS),
    }
).assign(noise=lambda table: table["noise"].mask(table.index % 9 == 0))
SIGNAL = 2 * FEATURES["size"] + 3 * (FEATURES["make"] == "lada")
CLASSES = {Task.BINARY: ("n", "y"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}
TARGETS = {
    Task.BINARY: (SIGNAL > 1).astype(float),
    Task.MULTICLASS: np.digitize(SIGNAL, [0, 2]).astype(float),
    Task.REGRESSION: SIGNAL,
}


def fit(family, variant, task, **params):
    candidate = Candidate(family, variant, params)
    return fit_model(candidate, FEATURES, np.asarray(TARGETS[task], dtype=float), task, CLASSES[task], seed=1)


@pytest.mark.parametrize(
    ("family", "variant", "params"),
    [
        ("linear", "onehot", {"balance": 1.0}),
        ("lightgbm", "native", {"calibrate": True}),
        ("tree", "target", {}),
        ("extra_trees", "onehot", {"balance": 1.0}),
        ("knn", "target", {}),
        ("linear", "spelling", {}),
    ],
)
@pytest.mark.parametrize("task", list(Task))
def test_effects_lead_from_what_a_model_knows_of_no_row_to_its_answer(family, variant, params, task):
    model = fit(family, variant, task, **(params if task.is_classification else {}))
    some = FEATURES.head(60)
    predicted = model.predict(some).reshape(60, -1)
    codes = predicted.argmax(axis=1) if task is Task.MULTICLASS else np.full(60, len(CLASSES[task][1:]))
    effects = explain_model(model, some, codes, CLASSES[task])
    bases = predicted[np.arange(60), codes] - effects.sum(axis=1)
    for code in set(codes):
        np.testing.assert_allclose(
            bases[codes == code], bases[codes == code][0], atol=1e-3 + 1e-3 * np.abs(bases).max()
        )
    assert np.abs(effects).mean(axis=0).argmin() == 2


@pytest.mark.parametrize("family", ["linear", "lightgbm", "tree", "extra_trees"])
@pytest.mark.parametrize("task", list(Task))
def test_what_a_row_is_told_is_what_the_report_tells_of_it(family, task):
    model, some = fit(family, "target" if family != "lightgbm" else "native", task), FEATURES.head(40)
    shown = explain_outputs(model, some, CLASSES[task])
    for output in range(shown.shape[2]):
        code = output if task is not Task.BINARY else 1
        told = explain_model(model, some, np.full(40, code), CLASSES[task])
        np.testing.assert_array_equal(told, shown[:, :, output])


def test_a_model_without_anything_learned_has_no_reasons():
    assert not explain_model(fit("prior", "native", Task.BINARY), FEATURES, np.ones(N_ROWS, int), ("n", "y")).any()


@pytest.fixture(scope="module")
def folder(linear_stream, tmp_path_factory):
    folder = copy(linear_stream, tmp_path_factory.mktemp("reasons"))
    make_rows().head(90).to_csv(folder / "request.csv", index=False)
    return folder


def test_members_are_mixed_by_the_weights_that_answered(folder):
    with open_state(configure(folder, LINEAR)) as state:
        predictor = load_predictor(configure(folder, LINEAR), state)
        rows = predictor.read(read_table(folder / "request.csv"))
        choice = predictor.choose(rows)
        answer = predictor.answer(rows, choice)
        weights = weigh_members(predictor, choice, answer)
        np.testing.assert_allclose(sum(weights.values()), 1.0)
        features = engineer_features(rows.inputs, predictor.schema, predictor.config.features)
        effects = compute_effects(predictor, features, weights, answer.decided)
        bases = present_answer(answer, predictor.schema)["predict_proba"] - effects.sum(axis=1)
        for kind in np.unique(answer.kinds):
            assert np.ptp(bases[answer.kinds == kind]) < 1e-3
        reasons = explain_rows(predictor, rows, choice, answer, most=4)
    assert [len(one) <= 4 for one in reasons] == [True] * 90
    for row, one in enumerate(reasons):
        sizes = [abs(reason.effect) for reason in one]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] == pytest.approx(np.abs(effects[row]).max())


def test_a_file_with_reasons_has_them_behind_everything_else(folder):
    config = configure(folder, LINEAR, "inference.chunk_rows=40")
    plain, explained = (
        read_table(infer(config, folder / "request.csv", folder / f"{explain}.csv", explain=explain))
        for explain in (False, True)
    )
    assert list(explained) == [*plain, "reason_1", "reason_2", "reason_3"]
    pd.testing.assert_frame_equal(explained[list(plain)], plain)
    assert explained["reason_1"].str.fullmatch(r".+(=.+| missing) \([+-][0-9.e+-]+\)").all()


def test_the_plain_path_imports_no_reasons_and_neither_path_shap(folder):
    code = (
        "import sys, pathlib\nfrom common.config import load_config\nfrom pipeline.inference import infer\n"
        "config = load_config('config.yaml', sys.argv[2:])\n"
        "for explain in (False, True):\n"
        "    infer(config, pathlib.Path(sys.argv[1]), explain=explain)\n"
        "    print('pointsman.pipeline.serving.reasons' in sys.modules, 'shap' in sys.modules)\n"
    )
    keys = [f"data_dir={folder}", f"state_dir={folder / 'state'}"]
    command = [sys.executable, "-c", code, str(folder / "request.csv"), *keys]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "False"]


def test_the_command_loads_nothing_that_it_does_not_use(folder):
    keys = [f"data_dir={folder}", f"state_dir={folder / 'state'}"]
    code = (
        "import sys\nfrom pointsman.cli import main\n"
        f"main(['inference', '-file', {str(folder / 'request.csv')!r}, *{keys!r}])\n"
        "print([one for one in ('sklearn', 'scipy.stats', 'matplotlib', 'optuna', 'mlflow') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_cells_are_shown_as_they_are():
    shown = [str(Reason("a", cell, 1234.5)) for cell in ("x", 1200.0, 0.1234567, None)]
    assert shown == ["a=x (+1.2e+03)", "a=1200 (+1.2e+03)", "a=0.123457 (+1.2e+03)", "a missing (+1.2e+03)"]
