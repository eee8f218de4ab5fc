"""The three commands as a user runs them: a process, its stdout, its exit code and what it leaves behind."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman.common.config import Config, known_keys, load_config
from pointsman.common.storage.catalogue import connect

ROOT = Path(__file__).resolve().parent.parent
SMALL = ("search.trials=4", "search.families=[linear,tree]", "training.folds=1", "search.finalists=2")


def run(*arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "run.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def write_stream(folder: Path, rows: int = 600, seed: int = 0, change_from: int | None = None) -> Path:
    """A learnable binary stream by day; from ``change_from`` on its rows differ."""
    generator = np.random.default_rng(seed)
    number = generator.normal(size=rows).round(4)
    level = generator.choice(["north", "south", "west"], rows)
    noise = generator.normal(size=rows)
    table = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "code": [f"0{position % 9}" for position in range(rows)],
            "number": number,
            "level": level,
            "claimed": (number + (level == "west") + 0.5 * noise > 0.3).astype(int),
        }
    )
    if change_from is not None:
        table.loc[change_from:, "number"] = 7.0
        table.loc[change_from:, "claimed"] = 1 - table.loc[change_from:, "claimed"]
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "stream.csv", index=False)
    return folder / "stream.csv"


def write_config(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(
        "source: {kind: files, paths: [stream.csv]}\n"
        "schema: {time: day, target: claimed, categorical: [code]}\n"
        "batch: {rows: 200}\n"
    )
    return path


def options(folder: Path, state: str = "state") -> list[str]:
    return ["--config", str(folder / "config.yaml"), f"data_dir={folder}", f"state_dir={folder / state}", *SMALL]


def ask(folder: Path, rows: dict[str, list]) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Answer rows and return the members of what served them by kind of row, and what each row says of it."""
    pd.DataFrame(rows).to_csv(folder / "asked_rows.csv", index=False)
    done = run("inference", "-file", str(folder / "asked_rows.csv"), *options(folder))
    assert done.returncode == 0, done.stderr
    decision = Path(done.stdout.strip()).stem.rpartition("-")[2]
    with sqlite3.connect(folder / "state" / "catalogue.db") as catalogue:
        ((weights,),) = catalogue.execute("select weights from decisions where id = ?", (decision,)).fetchall()
    return json.loads(weights), pd.read_csv(done.stdout.strip())["predict_reason"].tolist()


def read_digests(folder: Path, state: str = "state") -> dict[str, str]:
    engine = connect(f"sqlite:///{folder / state / 'catalogue.db'}")
    try:
        return compute_catalogue_digests(engine)
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    """A folder whose state has learned two of three batches."""
    folder = tmp_path_factory.mktemp("learned")
    write_stream(folder)
    write_config(folder)
    done = run("update", "--batches", "2", *options(folder))
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    return folder


def test_what_serves_is_told_without_a_numeric_library(learned):
    command = [sys.executable, "-X", "importtime", "run.py", "models", *options(learned)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "sqlalchemy" in imported
    assert "serves typical requests" in done.stdout
    assert not imported & {"numpy", "pandas", "scipy", "sklearn", "lightgbm", "optuna", "matplotlib"}


class TestContract:
    def test_inference_keeps_rows_order_and_text_and_adds_the_answer(self, learned):
        request = pd.read_csv(learned / "stream.csv", dtype=str).iloc[::-7].drop(columns="claimed")
        request.to_csv(learned / "request.csv", index=False)
        done = run("-mode", "inference", "-file", str(learned / "request.csv"), *options(learned))
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 1
        answered = pd.read_csv(done.stdout.strip(), dtype=str)
        assert list(answered.columns) == [
            *request.columns,
            "predict",
            "predict_proba",
            "predict_positive",
            "predict_model",
            "predict_reason",
            "predict_id",
        ]
        pd.testing.assert_frame_equal(answered[request.columns], request.reset_index(drop=True))
        assert set(answered["predict"]) <= {"0", "1"}
        assert answered["predict_proba"].astype(float).between(0, 1).all()
        assert answered["predict_model"].str.fullmatch(r"[a-z_]+-\d{4}").all()
        decision = done.stdout.strip().rpartition("-")[2].removesuffix(".csv")
        assert answered["predict_id"].tolist() == [f"{decision}-{position}" for position in range(len(answered))]

    def test_damaged_rows_that_others_answer_than_usual_ones_say_so(self, learned):
        usual, _ = ask(
            learned, {"day": ["2021-01-01"] * 3, "code": ["01"] * 3, "number": [0.1, 0.2, 0.3], "level": ["west"] * 3}
        )
        members, reasons = ask(
            learned,
            {"day": ["2021-01-01"] * 3, "code": ["01"] * 3, "number": [0.1, "", 9e9], "level": ["west", "", "moon"]},
        )
        for kind, reason in (("sparse", reasons[1]), ("anomalous", reasons[2])):
            assert (reason == f"fallback:{kind}") == (members[kind] != usual["clean"])
            assert reason in (f"fallback:{kind}", "selected", "champion")

    def test_a_decision_is_explained_and_recomputed(self, learned):
        pd.read_csv(learned / "stream.csv", dtype=str).tail(50).to_csv(learned / "asked.csv", index=False)
        answered = run("inference", "-file", str(learned / "asked.csv"), *options(learned))
        decision = Path(answered.stdout.strip()).stem.rpartition("-")[2]
        done = run("explain", decision[:6], *options(learned))
        assert done.returncode == 0, done.stderr
        assert "Request 'asked.csv' of 50 rows" in done.stdout
        assert done.stdout.rstrip().endswith("the same numbers")
        versions = set(pd.read_csv(answered.stdout.strip())["predict_model"])
        assert all(version in done.stdout for version in versions)

    def test_an_unknown_decision_is_answered_with_known_ones(self, learned):
        done = run("explain", "nosuch", *options(learned))
        assert done.returncode == 1
        assert "No decision begins with 'nosuch'" in done.stderr

    @pytest.mark.parametrize("damage", ["one row", "all missing", "all anomalous"])
    def test_hopeless_requests_are_answered(self, learned, damage):
        table = pd.read_csv(learned / "stream.csv", dtype=str).drop(columns="claimed").tail(40)
        if damage == "one row":
            table = table.head(1)
        elif damage == "all missing":
            table[["code", "number", "level"]] = ""
        else:
            table = table.assign(number="9e9", level="moon", code="no such code")
        table.to_csv(learned / "hopeless.csv", index=False)
        done = run("inference", "-file", str(learned / "hopeless.csv"), *options(learned))
        assert done.returncode == 0, done.stderr
        answered = pd.read_csv(done.stdout.strip())
        assert len(answered) == len(table)
        assert answered["predict_proba"].between(0, 1).all()
        expected = {"all missing": "fallback:sparse", "all anomalous": "fallback:anomalous"}
        assert set(answered["predict_reason"]) <= {expected.get(damage), "selected", "champion"}
        assert answered["predict_reason"].nunique() == 1

    def test_single_mode_serves_one_version(self, learned):
        rows = {"day": ["2021-01-01"] * 3, "code": ["01"] * 3, "number": [0.1, "", ""], "level": ["west", "", ""]}
        pd.DataFrame(rows).to_csv(learned / "mostly_sparse.csv", index=False)
        done = run("inference", "-file", str(learned / "mostly_sparse.csv"), "selection.mode=single", *options(learned))
        answered = pd.read_csv(done.stdout.strip())
        assert answered["predict_model"].nunique() == 1
        assert len(set(answered["predict_reason"])) == 1

    def test_summary_is_one_page_that_needs_nothing_else(self, learned):
        done = run("summary", *options(learned))
        assert done.returncode == 0, done.stderr
        page = Path(done.stdout.strip())
        text = page.read_text()
        assert (page.parent / "report.json").is_file()
        assert "<svg" in text
        for outside in ('src="http', "src='http", "<script src", '<link rel="stylesheet"'):
            assert outside not in text

    @pytest.mark.parametrize(
        ("arguments", "code", "sentence"),
        [
            (["update", "serch.trials=3"], 2, "did you mean 'search.trials'"),
            (["updat"], 2, "no command"),
            (["inference"], 2, "-file"),
            (["update", "batch.rows=many"], 2, "batch.rows"),
            (["update", "--out", "a.csv"], 2, "--out is an option of inference"),
            (["summary", "--explain"], 2, "--explain is an option of inference"),
            (["update", "source.paths=[absent.csv]"], 1, "absent.csv"),
        ],
    )
    def test_wrong_usage_ends_in_one_sentence(self, learned, arguments, code, sentence):
        done = run(*arguments, *options(learned, "elsewhere"))
        assert done.returncode == code
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr

    def test_inference_before_an_update_says_what_to_do(self, learned):
        done = run("inference", "-file", str(learned / "stream.csv"), *options(learned, "untouched"))
        assert done.returncode == 1
        assert "run.py update" in done.stderr

    @pytest.mark.parametrize("words", [["--help"], ["models", "--help"], ["--version"]], ids=" ".join)
    def test_help_imports_nothing_heavy(self, words):
        command = [sys.executable, "-X", "importtime", "run.py", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "argparse" in imported
        heavy = {"numpy", "pandas", "sklearn", "lightgbm", "optuna", "shap", "sqlalchemy", "matplotlib"}
        assert not imported & (heavy | {"pydantic", "omegaconf", "yaml"})


class TestStream:
    def test_the_end_changes_nothing(self, tmp_path):
        write_stream(tmp_path)
        write_config(tmp_path)
        assert run("update", "--batches", "all", *options(tmp_path)).stdout == "True\n"
        before = read_digests(tmp_path)
        done = run("update", *options(tmp_path))
        assert (done.returncode, done.stdout) == (3, "False\n")
        assert "nothing new" in done.stderr
        assert read_digests(tmp_path) == before

    def test_late_labels_of_a_request_enter_the_regret_ledger(self, tmp_path):
        path = write_stream(tmp_path)
        write_config(tmp_path)
        assert run("update", *options(tmp_path)).stdout == "True\n"
        coming = pd.read_csv(path, dtype=str).iloc[220:300]
        coming.drop(columns="claimed").to_csv(tmp_path / "coming.csv", index=False)
        assert run("inference", "-file", str(tmp_path / "coming.csv"), *options(tmp_path)).returncode == 0
        assert run("update", *options(tmp_path)).stdout == "True\n"
        with sqlite3.connect(tmp_path / "state" / "catalogue.db") as catalogue:
            ledger = catalogue.execute("select batch, rows, served, champion, oracle from regrets").fetchall()
        [(batch, rows, served, champion, oracle)] = ledger
        assert (batch, rows) == (2, 80)
        assert oracle <= min(served, champion) + 0.05
        assert 0 < oracle < 0.7

    def test_a_class_that_comes_late_is_answered_by_versions_of_every_age(self, tmp_path):
        path = write_stream(tmp_path)
        write_config(tmp_path)
        table = pd.read_csv(path, dtype=str)
        number = table["number"].astype(float)
        colours = np.where(number > 0.3, "red", np.where(number < -0.3, "blue", "green"))
        table["claimed"] = np.where((np.arange(len(table)) > 250) & (number > 1.2), "amber", colours)
        table.to_csv(path, index=False)
        assert run("update", "--batches", "2", *options(tmp_path)).stdout == "True\n"
        late = table.iloc[400:].drop(columns="claimed")
        late.to_csv(tmp_path / "request.csv", index=False)
        done = run("inference", "-file", str(tmp_path / "request.csv"), *options(tmp_path))
        assert done.returncode == 0, done.stderr
        answered = pd.read_csv(done.stdout.strip())
        shares = [name for name in answered if name.startswith("predict_proba_")]
        assert sorted(shares) == [f"predict_proba_{name}" for name in ("amber", "blue", "green", "red")]
        assert answered[shares].sum(axis=1).to_numpy() == pytest.approx(1)
        assert run("update", *options(tmp_path)).stdout == "True\n"

    def test_a_registry_of_plain_models_serves_and_any_of_them_alone(self, tmp_path):
        write_stream(tmp_path)
        write_config(tmp_path)
        alone = [*options(tmp_path), "search.families=[]"]
        assert run("update", "--batches", "2", *alone).stdout == "True\n"
        pd.read_csv(tmp_path / "stream.csv", dtype=str).tail(9).to_csv(tmp_path / "request.csv", index=False)
        done = run("inference", "-file", str(tmp_path / "request.csv"), *alone)
        assert done.returncode == 0, done.stderr
        assert pd.read_csv(done.stdout.strip())["predict_proba"].between(0, 1).all()
        with sqlite3.connect(tmp_path / "state" / "catalogue.db") as catalogue:
            query = "select version, family from members join versions on version = id where members.generation = 2"
            active = dict(catalogue.execute(query).fetchall())
        assert set(active.values()) == {"prior", "linear", "lightgbm", "ensemble"}
        prior = next(version for version, family in active.items() if family == "prior")
        assert run("models", "promote", prior, "--why", "to see", *alone).returncode == 0
        done = run("inference", "-file", str(tmp_path / "request.csv"), *alone)
        assert set(pd.read_csv(done.stdout.strip())["predict_model"]) == {prior}

    def test_a_damaged_version_drops_out_and_the_record_says_so(self, tmp_path):
        path = write_stream(tmp_path)
        write_config(tmp_path)
        assert run("update", "--batches", "2", *options(tmp_path)).stdout == "True\n"
        with sqlite3.connect(tmp_path / "state" / "catalogue.db") as catalogue:
            query = "select id, manifest from versions where family = 'linear' and generation = 2"
            manifests = dict(catalogue.execute(query).fetchall())
        for manifest in manifests.values():
            (tmp_path / "state" / "files" / manifest[:2] / manifest).write_bytes(b"{}")
        pd.read_csv(path, dtype=str).tail(60).to_csv(tmp_path / "request.csv", index=False)
        done = run("inference", "-file", str(tmp_path / "request.csv"), *options(tmp_path))
        assert done.returncode == 0, done.stderr
        assert not pd.read_csv(done.stdout.strip())["predict_model"].isin(list(manifests)).any()
        with sqlite3.connect(tmp_path / "state" / "catalogue.db") as catalogue:
            [failures] = catalogue.execute("select failures from decisions").fetchone()
        failed = set(json.loads(failures))
        assert failed
        assert failed <= set(manifests)

    def test_a_file_by_hand_is_taken_once(self, tmp_path):
        path = write_stream(tmp_path)
        write_config(tmp_path)
        table = pd.read_csv(path, dtype=str)
        table.head(100).to_csv(tmp_path / "by_hand.csv", index=False)
        first = run("update", "-file", str(tmp_path / "by_hand.csv"), *options(tmp_path))
        assert first.stdout == "True\n", first.stderr
        again = run("update", "-file", str(tmp_path / "by_hand.csv"), *options(tmp_path))
        assert (again.returncode, again.stdout) == (3, "False\n")
        assert "batch 1 already" in again.stderr

    @pytest.mark.parametrize("kind", ["multiclass", "regression"])
    def test_other_tasks_answer_in_their_own_columns(self, tmp_path, kind):
        path = write_stream(tmp_path)
        write_config(tmp_path)
        table = pd.read_csv(path, dtype=str)
        number = table["number"].astype(float)
        colours = np.where(number > 0.5, "red", np.where(number < -0.5, "blue", "green"))
        table["claimed"] = colours if kind == "multiclass" else (3 * number + 1).round(3)
        table.to_csv(path, index=False)
        assert run("update", *options(tmp_path)).stdout == "True\n"
        table.tail(30).drop(columns="claimed").to_csv(tmp_path / "request.csv", index=False)
        done = run("inference", "-file", str(tmp_path / "request.csv"), *options(tmp_path))
        answered = pd.read_csv(done.stdout.strip())
        shares = [name for name in answered if name.startswith("predict_proba")]
        if kind == "multiclass":
            assert shares == ["predict_proba_blue", "predict_proba_green", "predict_proba_red"]
            assert answered[shares].sum(axis=1).to_numpy() == pytest.approx(1)
            assert (answered["predict"] == colours[-30:]).mean() > 0.8
        else:
            assert not shares
            assert np.corrcoef(answered["predict"], number.tail(30))[0, 1] > 0.9

    def test_the_future_does_not_reach_back_and_runs_repeat(self, tmp_path):
        digests = []
        for name, change_from in (("one", None), ("same", None), ("other", 400)):
            folder = tmp_path / name
            write_stream(folder, change_from=change_from)
            write_config(folder)
            done = run("update", "--batches", "2", *options(folder))
            assert done.returncode == 0, done.stderr
            digests.append(read_digests(folder))
        repeated = {table for table in digests[0] if digests[0][table] != digests[1][table]}
        assert repeated <= {"batches", "generations"}  # both name the file's path or the digest of the whole file
        reached = {table for table in digests[0] if digests[0][table] != digests[2][table]}
        assert reached <= {"batches", "generations"}

    def test_text_where_numbers_were_is_rejected_and_nothing_is_lost(self, tmp_path):
        path = write_stream(tmp_path)
        table = pd.read_csv(path, dtype=str)
        table.loc[200:399, "number"] = "unknown"
        table.to_csv(path, index=False)
        write_config(tmp_path)
        outcomes = [run("update", *options(tmp_path)) for _ in range(3)]
        assert [done.stdout for done in outcomes] == ["True\n", "False\n", "True\n"]
        assert "'number'" in outcomes[1].stderr
        with sqlite3.connect(tmp_path / "state" / "catalogue.db") as catalogue:
            stored = catalogue.execute("select status, rows from batches order by number").fetchall()
        assert stored == [("accepted", 200), ("rejected", 200), ("accepted", 200)]


def test_the_shipped_configuration_shows_every_key_and_its_default():
    stated = load_config(ROOT / "config.yaml")
    shown = set()

    def collect(tree: dict, prefix: str = "") -> None:
        for name, inner in tree.items():
            shown.add(f"{prefix}{name}")
            if isinstance(inner, dict):
                collect(inner, f"{prefix}{name}.")

    collect(yaml.safe_load((ROOT / "config.yaml").read_text()))
    assert set(known_keys(Config)) <= shown
    for section in ("training", "search", "promotion", "selection", "report"):
        assert getattr(stated, section) == Config.model_fields[section].default
