"""Every command after no, one and two batches, of every task and in tiny and usual sizes: what a newcomer meets.

States are learned once; commands run on copies, most of them in this process and one of each as a user runs it.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pointsman import cli
from pointsman.parsing import build_main_parser

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("search.trials=2", "search.families=[linear]", "workers.count=1", "report.shap_rows=20")
TASKS = ("binary", "multiclass", "regression")
SIZES = (30, 150)
STATES = [(task, rows, batches) for task in TASKS for rows in SIZES for batches in (0, 1, 2)]
FOREIGN = (
    "Traceback",
    "unforeseen",
    "Error: Error",
    "[SQL",
    "sqlite3",
    "sqlalche.me",
    "object at 0x",
    "NoneType",
    "nan",
)
"""What no sentence of ours says."""


def make_stream(task, rows):
    """Three batches whose target follows two columns."""
    generator = np.random.default_rng(rows)
    size, level = generator.normal(size=3 * rows).round(3), generator.choice(["north", "south", "west"], 3 * rows)
    hidden = size + (level == "west") + 0.5 * generator.normal(size=3 * rows)
    target = {
        "binary": (hidden > 0.3).astype(int),
        "multiclass": np.array(["high", "low", "mid"])[np.digitize(hidden, [0.0, 1.0])],
        "regression": (100 * hidden).round(2),
    }[task]
    days = pd.date_range("2020-01-01", periods=3 * rows).strftime("%Y-%m-%d")
    return pd.DataFrame({"day": days, "size": size, "level": level, "sold": target})


def make_folder(folder, task, rows):
    """A stream, its configuration and a request, as a user has them before the first command."""
    folder.mkdir(parents=True)
    stream = make_stream(task, rows)
    stream.to_csv(folder / "stream.csv", index=False)
    stream.tail(9).drop(columns="sold").to_csv(folder / "new.csv", index=False)
    (folder / "c.yaml").write_text(
        f"source: {{kind: files, paths: [stream.csv]}}\nschema: {{time: day, target: sold}}\nbatch: {{rows: {rows}}}\n"
    )
    return folder


def options(folder):
    return ["--config", f"{folder / 'c.yaml'}", f"data_dir={folder}", f"state_dir={folder / 'state'}", *QUICK]


def arrange(folder, words):
    """Return the arguments of a command; what a test states overrides what holds for all."""
    return [words[0], *options(folder), *map(str, words[1:])]


def start(folder, *words, **more):
    """Run a command as a user does: in a process of its own."""
    command = [sys.executable, "run.py", *arrange(folder, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False, **more)


def call(capsys, folder, *words):
    """Run a command in this process; return its exit code and what it printed."""
    capsys.readouterr()
    code = cli.main(arrange(folder, words))
    told = capsys.readouterr()
    return code, told.out, told.err


def assert_is_a_sentence(code, out, err, expected=(1, 2)):
    assert code in expected, err
    assert err.splitlines()[-1].startswith("Error: "), err
    assert err.rstrip().endswith((".", "first", ".txt")) or "run: " in err, err
    assert not [word for word in FOREIGN if word in err], err
    assert out in ("", "False\n")


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """Every state by task, rows of a batch and number of batches."""
    base, made = tmp_path_factory.mktemp("states"), {}
    for task in TASKS:
        for rows in SIZES:
            before = made[task, rows, 0] = make_folder(base / f"{task}-{rows}-0", task, rows)
            for batches in (1, 2):
                folder = made[task, rows, batches] = base / f"{task}-{rows}-{batches}"
                shutil.copytree(before, folder)
                assert cli.main(["update", *options(folder)]) == 0
                before = folder
    return made


@pytest.fixture
def folder(states, request, tmp_path):
    """A copy of a state, to run commands on."""
    return shutil.copytree(states[request.param], tmp_path / "copy")


TOLD = (
    ["models"],
    ["models", "history"],
    ["models", "history", "all"],
    ["models", "gc"],
    ["models", "rebuild"],
    ["models", "at", "2020-12-31"],
    ["quarantine"],
    ["experiments"],
)
WORKED_OUT = (["replay"], ["eda"], ["inference", "-file", "new.csv"], ["summary"])
REFUSED = (
    ["eda", "7"],
    ["backtest"],
    ["explain", "zz"],
    ["experiments", "7"],
    ["replay", "99"],
    ["models", "show", "nosuch"],
    ["models", "rollback", "--to", "99"],
    ["models", "rollback", "--to", "9" * 30],
    ["models", "publish", "nosuch"],
    ["models", "promote", "nosuch", "--why", "try"],
    ["models", "retire", "nosuch", "--why", "try"],
    ["quarantine", "release", "1", "--why", "try"],
    ["feedback", "-file", "no.csv"],
    ["inference", "-file", "no.csv"],
)
"""What stands in every state, what has to be computed for it, and what is in none of these states."""


def walk(folder, words_of_commands, capsys):
    """Yield the words of each command and what it answers; names of files are those of the folder."""
    for words in words_of_commands:
        yield words, *call(capsys, folder, *(folder / word if word.endswith(".csv") else word for word in words))


@pytest.mark.parametrize("folder", [key for key in STATES if key[1:] == (30, 0)], indirect=True, ids=str)
def test_before_the_first_update_every_command_says_what_to_run(folder, capsys):
    for words, code, out, err in walk(folder, (*TOLD, *WORKED_OUT, *REFUSED), capsys):
        assert_is_a_sentence(code, out, err)
        assert "python run.py update" in err or code == 2, (words, err)
    assert not (folder / "state").exists()
    ((_, code, out, _),) = walk(folder, [["eda", "-file", "new.csv"]], capsys)
    assert code == 0, "a file is explored before anything was learned"
    assert Path(out.strip()).is_file()
    for words, code, out, err in walk(folder, WORKED_OUT, capsys):
        assert_is_a_sentence(code, out, err)
        assert "python run.py update" in err, words


@pytest.mark.parametrize("folder", [key for key in STATES if key[2]], indirect=True, ids=str)
def test_after_it_every_command_answers_or_says_in_a_sentence_why_not(folder, request, capsys):
    tiny = request.node.callspec.params["folder"][1] == min(SIZES)
    for words, code, out, err in walk(folder, (*TOLD, *WORKED_OUT) if tiny else WORKED_OUT[1:], capsys):
        assert code == 0, (words, err)
        assert out.strip(), words
        assert not [word for word in FOREIGN if word in err], (words, err)
    page = Path(out.strip()).read_text(encoding="utf-8")
    assert "new.csv" in page
    if not tiny:
        return
    for _, code, out, err in walk(folder, REFUSED, capsys):
        assert_is_a_sentence(code, out, err)
    check_request(folder, page, capsys)


def check_request(folder, page, capsys):
    """Ask for what only a request, a version or a label of this state can name."""
    _, path, _ = call(capsys, folder, "inference", "-file", folder / "new.csv", "--explain")
    answered = pd.read_csv(path.strip(), dtype=str)
    assert len(answered) == 9
    version, request = answered["predict_model"].iloc[0], answered["predict_id"].iloc[0].rpartition("-")[0]
    assert version in page
    assert version in call(capsys, folder, "models", "show", version)[1]
    assert call(capsys, folder, "explain", request)[1].rstrip().endswith("the same numbers")
    sold = pd.read_csv(folder / "stream.csv", dtype=str)["sold"].tail(9).tolist()
    answered[["predict_id"]].assign(sold=sold).to_csv(folder / "labels.csv", index=False)
    assert call(capsys, folder, "feedback", "-file", folder / "labels.csv")[:2] == (0, "9\n")


@pytest.mark.parametrize(
    "command",
    [
        ["models"],
        ["models", "history"],
        ["models", "gc"],
        ["models", "at", "2020-01-01"],
        ["models", "show", "a"],
        ["models", "rollback", "--to", "1"],
        ["summary"],
        ["explain", "a"],
        ["quarantine"],
        ["replay"],
        ["eda"],
        ["experiments"],
        ["backtest"],
        ["inference", "-file", "new.csv"],
        ["feedback", "-file", "new.csv"],
    ],
    ids=" ".join,
)
def test_in_a_fresh_process_asking_makes_no_state_and_says_what_to_run(tmp_path, command):
    folder = make_folder(tmp_path / "new", "binary", 30)
    done = start(folder, *(folder / word if word == "new.csv" else word for word in command))
    assert_is_a_sentence(done.returncode, done.stdout, done.stderr, (1,))
    assert f"'{folder / 'state'}'" in done.stderr
    assert "python run.py update" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "state").exists()


@pytest.mark.parametrize("folder", [("multiclass", 30, 1)], indirect=True)
def test_in_fresh_processes_every_command_answers_after_one_batch(folder):
    asked = (
        ["models"],
        ["models", "history"],
        ["models", "gc"],
        ["quarantine"],
        ["replay"],
        ["eda"],
        ["experiments"],
        ["summary"],
        ["inference", "-file", folder / "new.csv"],
    )
    for words in asked:
        done = start(folder, *words)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
    request = Path(done.stdout.strip()).stem.rpartition("-")[2]
    assert start(folder, "explain", request).returncode == 0
    pd.DataFrame({"predict_id": [f"{request}-0"], "label": ["low"]}).to_csv(folder / "labels.csv", index=False)
    assert start(folder, "feedback", "-file", folder / "labels.csv").stdout == "1\n"
    done = start(folder, "backtest")
    assert_is_a_sentence(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "folder", [(task, 30, batches) for task, batches in zip(TASKS, (0, 1, 2), strict=True)], indirect=True
)
def test_the_service_starts_and_ends(folder):
    pytest.importorskip("uvicorn")
    command = [sys.executable, "run.py", "serve", "service.port=0", *options(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout.readline().startswith("http://127.0.0.1:")
        finally:
            service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=900) == 0
        assert "Traceback" not in service.stderr.read()


@pytest.mark.parametrize("folder", [("binary", 30, 2)], indirect=True)
class TestExitCodes:
    def test_nothing_new_is_told_from_a_failure(self, folder, capsys):
        assert call(capsys, folder, "update")[:2] == (0, "True\n")
        for words in (["update"], ["update", "--batches", "all"]):
            done = start(folder, *words)
            assert (done.returncode, done.stdout) == (3, "False\n")
            assert "nothing new" in done.stderr
            assert "Error" not in done.stderr
        assert " INFO failure There is nothing new " in (folder / "state" / "pointsman.log").read_text()

    def test_batches_that_were_rejected_on_the_way_are_counted_and_named(self, folder):
        stream = pd.read_csv(folder / "stream.csv", dtype=str)
        more = [
            stream.tail(30).assign(day=pd.date_range(day, periods=30).strftime("%Y-%m-%d"))
            for day in ("2021-01-01", "2021-02-01")
        ]
        pd.concat([stream, more[0].assign(size="much"), more[1]]).to_csv(folder / "stream.csv", index=False)
        done = start(folder, "update", "--batches", "all", "source.paths=[stream.csv]")
        assert (done.returncode, done.stdout) == (4, "True\n"), done.stderr
        assert done.stderr.splitlines()[-1] == (
            "Error: 2 batches were accepted (3, 5) and 1 was rejected (4); 'python run.py quarantine' says why."
        )
        assert "rejected" in start(folder, "quarantine").stdout

    def test_one_that_is_rejected_is_no_success(self, folder):
        pd.read_csv(folder / "stream.csv", dtype=str).tail(30).assign(size="much").to_csv(folder / "b.csv", index=False)
        done = start(folder, "update", "-file", folder / "b.csv")
        assert (done.returncode, done.stdout) == (4, "False\n")
        assert "Batch 3 was rejected" in done.stderr

    def test_a_failure_is_in_the_log_and_so_is_the_traceback_of_what_nobody_foresaw(self, folder, monkeypatch, capsys):
        code, out, err = call(capsys, folder, "update", "-file", folder / "absent.csv")
        assert (code, out) == (1, "False\n")
        log = folder / "state" / "pointsman.log"
        assert f" ERROR failure {err.splitlines()[-1].removeprefix('Error: ')}\n" in log.read_text()
        assert "Traceback" not in log.read_text()

        def fail(*_given):
            raise ZeroDivisionError("by nothing")

        monkeypatch.setattr("pointsman.pipeline.update.update", fail)
        code, out, err = call(capsys, folder, "update")
        assert (code, out) == (1, "False\n")
        assert err == f"Error: ZeroDivisionError: by nothing (an unforeseen failure; '{log}' has its traceback)\n"
        assert 'raise ZeroDivisionError("by nothing")' in log.read_text()


def test_the_help_lists_the_exit_codes_as_the_readme_does():
    told = " ".join(build_main_parser().format_help().split())
    readme = " ".join((ROOT / "README.md").read_text().split())
    for code, meaning in (
        (0, "done"),
        (1, "the run failed"),
        (2, "wrong usage or configuration"),
        (3, "update found nothing new"),
        (4, "update took a batch that was rejected"),
    ):
        assert f"{code} {meaning}" in told
        assert f"{code} {meaning}" in readme


class TestInterrupts:
    @pytest.mark.parametrize("at", ["argparse", "logging", "pydantic", "omegaconf"])
    def test_ctrl_c_while_a_run_begins_is_the_one_sentence(self, tmp_path, at):
        """The signal comes in the middle of an import, which is where a start spends its time."""
        (tmp_path / "sitecustomize.py").write_text(
            "import os, signal, sys\n"
            "class Finder:\n"
            "    def find_spec(self, name, *_):\n"
            f"        if name == {at!r}:\n"
            "            sys.meta_path.remove(self)\n"
            "            os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.meta_path.insert(0, Finder())\n"
        )
        command = [sys.executable, "run.py", "models", f"state_dir={tmp_path / 'state'}"]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "Error: Interrupted; what was committed before stays, the rest is undone.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["explain", "a" * 60_000], "begins no id"),
        (["explain", "\udcff"], "no text"),
        (["models", "rollback", "--to", "9" * 25], "--to is '999"),
        (["models", "rollback", "--to", "-1"], "--to is '-1'"),
        (["update", "--batches", "9" * 5_000], "--batches is '999"),
        (["eda", "9" * 5_000], "eda takes one batch"),
        (["replay", "9" * 25], "is no command"),
        (["experiments", "9" * 25], "the number of one batch"),
        (["quarantine", "release", "1:" + "9" * 25, "--why", "x"], "neither a batch nor a row"),
        (["update", "search.trials=" + "9" * 25], "must lie between"),
        (["update", "seed=" + "9" * 5_000], "thousands of digits"),
        (["update", "training.gap=" + "9" * 25 + "D"], "a century"),
        (["update", "workers.count=1000000"], "1024"),
        (["update", "schema.time_format=%s"], "%s is no directive"),
    ],
    ids=lambda given: str(given)[:40],
)
@pytest.mark.parametrize("folder", [("binary", 30, 1)], indirect=True)
def test_what_is_out_of_reach_is_a_short_sentence(folder, words, says, capsys):
    code, out, err = call(capsys, folder, *words)
    assert_is_a_sentence(code, out, err)
    assert says in err
    assert len(err) < 400
