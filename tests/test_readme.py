"""The commands of the README's start, literally, in a fresh checkout."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("run.py", "config.yaml", "pointsman", "common", "experiments", "meta", "model_zoo", "pipeline", "registry")


def read_start():
    """The lines of code under Start, each without its comment."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Start\n")[2].partition("\n## ")[0]
    return [line.partition("#")[0].strip() for line in section.splitlines() if line.startswith("    ")]


def split_commands(lines):
    """Targets of make, files of pins that pip installs, and what run.py is given."""
    text = "\n".join(lines)
    return (
        re.findall(r"^make (\S+)$", text, re.MULTILINE),
        re.findall(r"pip install -r (\S+)", text),
        re.findall(r"^\.venv/bin/python run\.py (.+)$", text, re.MULTILINE),
    )


def test_what_make_and_pip_are_told_is_there():
    targets, pins, runs = split_commands(read_start())
    assert targets == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert pins == ["requirements.txt"]
    assert all((ROOT / name).is_file() for name in pins)
    assert len(runs) == 3, "a line of the start is not understood here"


@pytest.mark.slow
def test_the_three_commands_run_one_after_another(tmp_path):
    for name in CODE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    request = [sys.executable, "-m", "pointsman.pipeline.collection.demo.request", "new.csv"]
    subprocess.run(request, cwd=tmp_path, check=True)
    answers = []
    for given in split_commands(read_start())[2]:
        command = [sys.executable, "run.py", *given.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == 0, (given, done.stderr)
        answers.append(done.stdout.strip())
    updated, answered, page = answers
    assert updated == "True"
    asked = pd.read_csv(tmp_path / "new.csv", dtype=str)
    found = pd.read_csv(tmp_path / answered, dtype=str)
    assert list(found)[: asked.shape[1]] == list(asked)
    assert found["predict"].notna().all()
    assert len(found) == len(asked)
    text = re.sub(r"</?abbr[^>]*>", "", (tmp_path / page).read_text(encoding="utf-8"))  # words that are explained
    assert " out of fold, on later rows of batch 1" in text
    assert "new.csv" in text
