"""Optional parts: an absent one is named in one sentence, before anything is read, with what installs all of it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError
from pointsman.common.extras import EXTRAS, check_extras, has_extra
from pointsman.common.storage.catalogue import connect
from pointsman.model_zoo.checks import iterate_cases
from pointsman.model_zoo.families import FAMILIES, get_family
from pointsman.pipeline.collection.sql import SqlSource
from pointsman.pipeline.serve import serve

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r", which is not installed; run: pip install -r (requirements-[a-z]+\.txt)$")
LIBRARIES = [library for libraries in EXTRAS.values() for library in libraries]


class Refusing:
    """A finder that lets nothing optional be imported, as where it was never installed."""

    def find_spec(self, name, *_rest):
        if name.partition(".")[0] in LIBRARIES:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


@pytest.fixture
def without_extras(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] in LIBRARIES]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])


def configure(**stated):
    return Config.model_validate({"schema": {"time": "day", "target": "y"}, **stated})


def read_pins(extra):
    return {line.partition("==")[0] for line in (ROOT / f"requirements-{extra}.txt").read_text().splitlines()}


NAMED = {
    "catboost": ("search.families names catboost", {"search": {"families": ["linear", "catboost"]}}),
    "smote": ("search.resampling names smote", {"search": {"resampling": ["under", "smote"]}}),
    "dask": ("workers.scheduler is 'tcp://10.0.0.5:8786'", {"workers": {"scheduler": "tcp://10.0.0.5:8786"}}),
    "mlflow": ("mlflow.serve is true", {"mlflow": {"tracking_uri": "sqlite://", "serve": True}}),
}


@pytest.mark.usefixtures("without_extras")
@pytest.mark.parametrize("extra", NAMED)
def test_a_part_that_is_named_and_absent_is_refused_with_one_command(extra):
    begins, stated = NAMED[extra]
    with pytest.raises(ConfigError) as refused:
        check_extras(configure(**stated))
    assert str(refused.value).startswith(begins)
    assert COMMAND.search(str(refused.value))[1] == f"requirements-{extra}.txt"


@pytest.mark.usefixtures("without_extras")
def test_what_is_not_named_may_be_absent():
    check_extras(configure())
    assert not any(map(has_extra, EXTRAS))


@pytest.mark.usefixtures("without_extras")
def test_the_service_and_drivers_of_databases_too():
    with pytest.raises(ConfigError, match=COMMAND.pattern) as refused:
        serve(configure())
    assert "requirements-serve.txt" in str(refused.value)
    for ask in (connect, lambda url: SqlSource(url, "select 1", Path())._load()):
        with pytest.raises(ConfigError, match=r"psycopg, which is not installed; .* requirements-postgres\.txt$"):
            ask("postgresql+psycopg://ann:secret@host/claims")
        with pytest.raises(ConfigError, match=r"write postgresql\+psycopg:// .* requirements-postgres\.txt$") as other:
            ask("postgresql://ann:secret@host/claims")
        assert "secret" not in str(other.value)


@pytest.mark.parametrize("absent", EXTRAS["serve"])
def test_an_extra_is_there_only_with_every_library_it_needs(monkeypatch, absent):
    monkeypatch.setitem(sys.modules, absent, None)
    assert not has_extra("serve")


@pytest.mark.usefixtures("without_extras")
def test_a_family_without_its_library_is_refused_and_its_checks_are_skipped_with_a_reason():
    with pytest.raises(ConfigError, match=COMMAND.pattern):
        get_family("catboost")
    assert get_family("lightgbm").installed
    cases = [case for case in iterate_cases(FAMILIES.values()) if case.family.name == "catboost"]
    assert cases
    assert {case.reason for case in cases} == {"its library catboost is not installed"}


def test_an_update_refuses_it_before_a_batch_is_read(tmp_path):
    arguments = ["update", "search.families=[linear,catboost]", f"state_dir={tmp_path / 'state'}"]
    code = f"import sys; sys.modules['catboost'] = None; from pointsman import cli; sys.exit(cli.main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: search.families names catboost, which is not installed; run: pip install -r requirements-catboost.txt\n"
    )
    assert not (tmp_path / "state").exists()


def test_every_extra_has_its_pins_and_all_of_them_stand_together():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert stated.pop("all") == [f"pointsman[{','.join(sorted(EXTRAS))}]"]
    assert set(stated) == set(EXTRAS)
    locked = re.search(r"^EXTRAS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(locked[1].split()) == set(EXTRAS)
    together = (ROOT / "requirements-extras.txt").read_text()
    for extra, requirements in stated.items():
        pinned = (ROOT / f"requirements-{extra}.txt").read_text()
        assert {re.sub(r"\[.*\]", "", name) for name in requirements} <= {
            pin.partition("[")[0] for pin in read_pins(extra)
        }
        for line in pinned.splitlines():
            assert line.partition(" ")[0] in together, f"{line} is pinned otherwise in requirements-extras.txt"
    assert {path.name for path in ROOT.glob("requirements-*.txt")} == {
        f"requirements-{name}.txt" for name in (*EXTRAS, "extras", "dev")
    }
