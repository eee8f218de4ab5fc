"""The wheel: one package that learns, answers and reports where there is no checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pointsman import __version__
from pointsman.common.environment import CODE, compute_code_digest

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = ("pyproject.toml", "setup.py", "requirements.in", "README.md", "LICENSE", *CODE)
NEEDS = 77
"""The setuptools that pyproject.toml asks for."""


def can_build_here() -> bool:
    """Whether this environment has the setuptools that builds the wheel; else pip gets it for the build alone."""
    try:
        return int(version("setuptools").partition(".")[0]) >= NEEDS
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the sources, so that nothing is left among them."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    alone = ["--no-build-isolation"] if can_build_here() else []
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", *alone, "-w", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode and not alone:
        pytest.skip(f"setuptools {NEEDS} or newer is not installed and pip cannot get it: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    assert built.name == f"pointsman-{__version__}-py3-none-any.whl"
    return built


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """A folder that holds what the wheel does."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked, folder, *words):
    """Run the package of the wheel and nothing of the checkout."""
    environment = {name: told for name, told in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "pointsman", *map(str, words)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert "run.py" not in done.stdout + done.stderr
    return done


def test_it_holds_one_package_with_every_module_and_page(unpacked):
    (package,) = (path for path in unpacked.iterdir() if not path.name.endswith(".dist-info"))
    assert package.name == "pointsman"
    kinds = ("*.py", "*.html", "*.css")
    for name in CODE:
        inside = package if name == "pointsman" else package / name
        expected = {path.relative_to(ROOT / name) for kind in kinds for path in (ROOT / name).rglob(kind)}
        assert expected
        assert not {path for path in expected if not (inside / path).is_file()}
    assert compute_code_digest(package) == compute_code_digest(ROOT), "it is the same code to whatever it made"


def test_it_says_what_it_needs_and_how_it_is_started(unpacked):
    (described,) = unpacked.glob("*.dist-info")
    lines = (described / "METADATA").read_text().splitlines()
    asked = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    needed = {line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")}
    assert {line.partition("#")[0].strip() for line in asked} <= needed
    extras = {line.removeprefix("Provides-Extra: ") for line in lines if line.startswith("Provides-Extra: ")}
    assert extras == {"all", "catboost", "dask", "docx", "faiss", "mlflow", "postgres", "serve", "smote"}
    assert "pointsman = pointsman.__main__:start" in (described / "entry_points.txt").read_text()
    assert list(described.rglob("LICENSE"))


@pytest.mark.slow
def test_it_learns_answers_and_reports_without_a_checkout(unpacked, tmp_path):
    refused = run(unpacked, tmp_path, "update")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "The configuration 'config.yaml' does not exist" in refused.stderr
    generator = np.random.default_rng(0)
    size = generator.normal(size=240).round(3)
    days = pd.date_range("2020-01-01", periods=240).strftime("%Y-%m-%d")
    stream = pd.DataFrame({"day": days, "size": size, "sold": (size + generator.normal(size=240) > 0).astype(int)})
    stream.to_csv(tmp_path / "stream.csv", index=False)
    stream.tail(9).drop(columns="sold").to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "config.yaml").write_text(
        "source: {kind: files, paths: [stream.csv]}\nschema: {time: day, target: sold}\nbatch: {rows: 120}\n"
        "search: {trials: 2, families: [linear]}\nworkers: {count: 1}\nreport: {shap_rows: 20}\n"
    )
    asked = run(unpacked, tmp_path, "summary")
    assert "run 'pointsman update' first" in asked.stderr
    updated = run(unpacked, tmp_path, "update", "data_dir=.")
    assert (updated.returncode, updated.stdout) == (0, "True\n"), updated.stderr
    answered = run(unpacked, tmp_path, "-mode", "inference", "-file", "new.csv", "data_dir=.")
    assert answered.returncode == 0, answered.stderr
    assert pd.read_csv(tmp_path / answered.stdout.strip())["predict"].notna().all()
    told = run(unpacked, tmp_path, "summary", "data_dir=.")
    assert told.returncode == 0, told.stderr
    page = (tmp_path / told.stdout.strip()).read_text(encoding="utf-8")
    assert "Pointsman report" in page
    assert "run.py" not in page
    assert "run.py" not in (tmp_path / "state" / "pointsman.log").read_text(encoding="utf-8")
