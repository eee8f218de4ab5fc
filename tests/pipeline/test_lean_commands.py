"""Commands that tell what is known load no library that they do not use: that is most of what they take."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_stream import LINEAR, QUICK, copy

from pointsman.common.config import load_config
from pointsman.common.tabular.reader import read_table
from pointsman.pipeline.inference import infer

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "sklearn", "lightgbm", "optuna", "river", "matplotlib")
TABLES = {"numpy", "pandas", "pyarrow"}


@pytest.fixture(scope="module")
def served(linear_stream, tmp_path_factory):
    """A state that answered a file, and labels of its rows; the id of the decision, and the model that served it."""
    folder = copy(linear_stream, tmp_path_factory.mktemp("lean"))
    config = load_config(ROOT / "config.yaml", list_keys(folder))
    rows = read_table(folder / "stream.csv").tail(20).drop(columns="CLAIM_PAID")
    rows.to_csv(folder / "request.csv", index=False)
    answers = read_table(infer(config, folder / "request.csv", folder / "answers.csv"))
    answers[["predict_id"]].assign(label="1").to_csv(folder / "labels.csv", index=False)
    (named,) = answers["predict_id"].str.partition("-")[0].unique()
    return folder, named, answers["predict_model"].iloc[0]


def list_keys(folder):
    return [*QUICK, LINEAR, f"data_dir={folder}", f"state_dir={folder / 'state'}"]


def run(folder, *words):
    """Run a command in a process of its own; return what it printed and the heavy libraries that it loaded."""
    code = (
        "import json, sys\nfrom pointsman import cli\n"
        f"failed = cli.main({[*words, *list_keys(folder)]!r})\n"
        f"print(json.dumps([one for one in {HEAVY!r} if one in sys.modules]))\nsys.exit(failed)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    *answer, loaded = done.stdout.splitlines()
    return "\n".join(answer), set(json.loads(loaded))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["models"], "Generation 3"),
        (["models", "history"], "update"),
        (["models", "at", "2100-01-01"], "generation 3"),
        (["models", "gc"], "files removed"),
        (["quarantine"], "Nothing is in quarantine"),
        (["experiments"], "became versions"),
    ],
    ids=" ".join,
)
def test_what_the_catalogue_knows_is_told_without_arrays_and_tables(served, words, told):
    answer, loaded = run(served[0], *words)
    assert told in answer
    assert loaded == set()


def test_a_choice_is_explained_and_made_again_without_tables(served):
    folder, named, _ = served
    answer, loaded = run(folder, "explain", named)
    assert "the same numbers" in answer
    assert loaded == {"numpy"}


def test_labels_are_read_from_a_table_and_need_no_model(served):
    answer, loaded = run(served[0], "feedback", "-file", str(served[0] / "labels.csv"))
    assert answer == "20"
    assert loaded == TABLES


def test_a_card_loads_the_model_and_not_the_library_that_searched_for_it(served):
    folder, _, model = served
    answer, loaded = run(folder, "models", "show", model)
    assert model in answer
    assert not loaded & {"sklearn", "optuna", "river", "matplotlib"}
