"""One stream, one state, as a user meets it: the command line in fresh processes, the advice followed to the letter."""

import re
import shlex
import shutil

import pandas as pd
import pytest
from one_stream import ROWS, make_rows, must, run, write_config


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A folder with claims.yaml and values.yaml, a stream and a request; two batches of claims are learned."""
    folder = tmp_path_factory.mktemp("one") / "state"
    folder.mkdir()
    table = make_rows().assign(later="")
    table.loc[ROWS:, "later"] = ["red", "blue", "green"] * ROWS
    table.to_csv(folder / "stream.csv", index=False)
    table.tail(ROWS).drop(columns=["claim", "kind"]).to_csv(folder / "new.csv", index=False)
    write_config(folder, schema="drop: [kind, later]")
    write_config(folder, "values.yaml", "target: value, drop: [kind, claim, later]")
    must(folder, "update", "--config", "claims.yaml", "--batches", "2")
    return folder


@pytest.fixture
def folder(learned, tmp_path):
    return shutil.copytree(learned, tmp_path / "copy")


def count_batches(folder, state):
    told = must(folder, "models", "history", f"state_dir={state}").stdout
    return len(re.findall(r"^\*? +\d+ .* (?:update|revision) ", told, re.MULTILINE))


def test_two_configurations_in_one_folder_never_meet(folder):
    must(folder, "update", "--config", "values.yaml")
    assert {path.name for path in folder.glob("state*")} == {"state-claims", "state-values"}
    refused = run(folder, "models")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "2 states (state-claims, state-values); name one of them, such as state_dir=state-claims" in refused.stderr
    assert "newest batch 2" in must(folder, "models", "state_dir=state-claims").stdout


def test_another_target_is_refused_and_the_command_it_names_begins_a_state_from_the_raw_batches(folder):
    asked = ("update", "--config", "values.yaml", "state_dir=state-claims")
    refused = run(folder, *asked)
    assert (refused.returncode, refused.stdout) == (2, "")
    (behind,) = re.findall(r"run update again with '(.*?)' behind it", refused.stderr)
    must(folder, "update", "--config", "values.yaml", *shlex.split(behind))
    fresh = behind.partition("state_dir=")[2]
    assert count_batches(folder, fresh) == 2
    must(folder, "update", "--config", "values.yaml", f"state_dir={fresh}")
    assert count_batches(folder, fresh) == 3


def test_the_state_is_enough(folder):
    (folder / "claims.yaml").unlink()
    (folder / "values.yaml").unlink()
    answers = must(folder, "inference", "-file", "new.csv").stdout.strip()
    table = pd.read_csv(folder / answers)
    request = table["predict_id"][0].rpartition("-")[0]
    assert "recomputed" in must(folder, "explain", request).stdout
    table[["predict_id"]].assign(label=1).head(3).to_csv(folder / "labels.csv", index=False)
    assert must(folder, "feedback", "-file", "labels.csv").stdout == "3\n"
    assert "120 are learned" in must(folder, "quarantine").stdout
    assert must(folder, "experiments").stdout
    assert must(folder, "eda", "2").stdout.strip().endswith("batch-2.html")
    assert "came out the same" in must(folder, "replay", "all").stdout
    assert "needs at least 8 accepted batches" in run(folder, "backtest").stderr
    assert "config.yaml' does not exist" in run(folder, "update").stderr


def test_a_declaration_is_corrected_and_a_rollback_undoes_it(folder):
    text = (folder / "claims.yaml").read_text()
    (folder / "claims.yaml").write_text(text.replace("drop: [kind, later]", "drop: [kind], categorical: [later, zone]"))
    before = must(folder, "inference", "-file", "new.csv", "--config", "claims.yaml")
    assert "generation 2 reads rows by its own settings" in before.stderr
    assert "schema.categorical, schema.drop" in before.stderr
    must(folder, "update", "--config", "claims.yaml")
    history = must(folder, "models", "history").stdout
    assert "schema revised: zone numeric -> categorical, later unused -> categorical" in history
    after = must(folder, "inference", "-file", "new.csv", "--config", "claims.yaml")
    assert "settings" not in after.stderr
    assert "came out the same" in must(folder, "replay", "all").stdout
    must(folder, "models", "rollback", "--to", "2")
    undone = must(folder, "inference", "-file", "new.csv")
    first, again = (pd.read_csv(folder / one.stdout.strip()) for one in (before, undone))
    pd.testing.assert_frame_equal(first.drop(columns="predict_id"), again.drop(columns="predict_id"))
