"""Optional libraries: absent ones are named in one sentence, before anything is read."""

import subprocess
import sys
from pathlib import Path

import pytest
from model_zoo.extras import REQUIREMENTS, has_extra

from common.errors import ConfigError
from model_zoo import FAMILIES, get_family
from model_zoo.checks import iterate_cases

ROOT = Path(__file__).parents[2]


@pytest.fixture
def without_catboost(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "catboost", None)


@pytest.mark.usefixtures("without_catboost")
def test_a_family_without_its_library_is_refused_with_what_to_install() -> None:
    assert not has_extra("catboost")
    with pytest.raises(ConfigError, match=r"^Family 'catboost' needs .* 'pip install -c requirements-extras.txt catb"):
        get_family("catboost")
    assert get_family("lightgbm").installed


@pytest.mark.usefixtures("without_catboost")
def test_its_checks_are_skipped_with_a_reason() -> None:
    cases = [case for case in iterate_cases(FAMILIES.values()) if case.family.name == "catboost"]
    assert cases
    assert {case.reason for case in cases} == {"its library catboost is not installed"}


def test_an_update_refuses_it_before_a_batch_is_read(tmp_path) -> None:
    arguments = ["update", "search.families=[linear,catboost]", f"state_dir={tmp_path / 'state'}"]
    code = f"import sys; sys.modules['catboost'] = None; import run; sys.exit(run.main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: Family 'catboost' needs the optional package catboost")
    assert not (tmp_path / "state" / "catalogue.db").exists()


def test_every_optional_library_is_pinned() -> None:
    asked = (ROOT / "requirements-extras.in").read_text()
    pinned = (ROOT / "requirements-extras.txt").read_text()
    for requirement in REQUIREMENTS.values():
        assert f"\n{requirement} " in asked
        assert f"{requirement}==" in pinned
