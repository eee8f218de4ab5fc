"""The container and the audit, as far as they can be looked at without either."""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest

from pointsman.common.config import load_config
from pointsman.common.environment import CODE
from pointsman.parsing import find_command, parse

ROOT = Path(__file__).resolve().parent.parent


def read_dockerfile():
    """Its instructions and what follows them, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(instruction, " ".join(rest.split())) for instruction, rest in lines]


def find_all(instruction):
    return [rest for found, rest in read_dockerfile() if found == instruction]


class TestDockerfile:
    def test_the_process_is_not_root_and_the_code_is_not_its_own(self):
        instructions = [instruction for instruction, _ in read_dockerfile()]
        (user,) = find_all("USER")
        assert user not in ("root", "0")
        assert f"--shell /usr/sbin/nologin {user}" in (ROOT / "Dockerfile").read_text()
        assert instructions.index("USER") > max(place for place, one in enumerate(instructions) if one == "COPY")
        assert not any("--chown" in copied for copied in find_all("COPY"))

    def test_what_it_copies_and_installs_is_there_and_not_ignored(self):
        listed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
        let_in = {line[1:] for line in listed if line.startswith("!")}
        assert (
            listed[0] == "*"
        )  # what is not named stays out: a state, a configuration with passwords, what comes later
        for copied in find_all("COPY"):
            for source in shlex.split(copied)[:-1]:
                assert (ROOT / source).exists(), source
                assert source in {*let_in, "."}
        (install,) = [run for run in find_all("RUN") if "pip install" in run]
        assert "--require-hashes" in install
        installed = re.findall(r"-r (\S+)", install)
        assert installed == ["requirements.txt", "requirements-extras.txt"]
        assert let_in == {"run.py", "config.yaml", "LICENSE", *installed, *CODE}

    def test_every_pin_has_its_hashes_and_no_file_names_an_index(self):
        for path in ROOT.glob("requirements*.txt"):
            text = path.read_text()
            pins = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE | re.IGNORECASE)
            assert all("--hash=sha256:" in pin for pin in pins if "==" in pin), path.name
            assert "://" not in text
            assert "-index-url" not in text
        assert (ROOT / "Makefile").read_text().count("--require-hashes") == 2

    def test_its_command_is_one_and_serves_where_it_is_looked_for(self):
        (command,), (entry,), (state,) = find_all("CMD"), find_all("ENTRYPOINT"), find_all("VOLUME")
        assert json.loads(entry) == ["python", "run.py"]
        name, rest = find_command(json.loads(command))
        config = load_config(ROOT / "config.yaml", parse(name, rest).overrides)
        (workdir,), (port,), (check,) = find_all("WORKDIR"), find_all("EXPOSE"), find_all("HEALTHCHECK")
        assert name == "serve"
        assert config.service.host == "0.0.0.0"
        assert str(config.service.port) == port
        assert f":{port}/health" in check
        assert f"{workdir}/{config.state_dir}" == state

    def test_the_image_is_named_without_a_host(self):
        assert find_all("FROM") == ["python:3.11-slim"]


class TestAudit:
    @pytest.fixture
    def audit(self):
        spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def run(self, audit, monkeypatch, capsys, answer):
        monkeypatch.setattr(audit, "ask", answer)
        code = audit.main()
        return code, capsys.readouterr().out

    def test_without_the_service_the_pins_are_held_against_the_list(self, audit, monkeypatch, capsys):
        for answer in ([], [{"name": "a", "skip_reason": "not found"}]):
            code, told = self.run(audit, monkeypatch, capsys, lambda _files, answer=answer: answer)
            assert code == 0
            date = json.loads(audit.LISTED.read_text())["date"]
            assert re.search(rf"cannot be reached: \d+ pins are held against .* which is of {date}\.", told)
            assert told.endswith("No pin falls under any of them.\n")

    def test_an_advisory_of_the_list_on_a_pin_fails(self, audit, monkeypatch, capsys, tmp_path):
        listed = {"date": "2026-01-02", "advisories": [{"package": "numpy", "id": "CVE-2", "before": "999"}]}
        monkeypatch.setattr(audit, "LISTED", tmp_path / "listed.json")
        audit.LISTED.write_text(json.dumps(listed))
        code, told = self.run(audit, monkeypatch, capsys, lambda _files: [])
        assert code == 1
        assert re.search(r"which is of 2026-01-02\.\nnumpy [\d.]+: CVE-2, mended in 999\n$", told)
        assert audit.hold_against_list([("numpy", "999")], listed) == []

    def test_a_finding_fails_and_names_what_mends_it(self, audit, monkeypatch, capsys):
        pin = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
        code, told = self.run(audit, monkeypatch, capsys, lambda _files: [pin])
        assert (code, told) == (1, "a 1: CVE-1, mended in 2\n")

    def test_sound_pins_pass(self, audit, monkeypatch, capsys):
        pin = {"name": "a", "version": "1", "vulns": []}
        code, told = self.run(audit, monkeypatch, capsys, lambda _files: [pin])
        assert (code, told) == (0, "3 pins, no advisory on any.\n")

    def test_every_pin_is_audited(self, audit):
        def read(name):
            return set(audit.read_pins((ROOT / name).read_text()))

        audited = set().union(*map(read, audit.PINS))
        assert len(audited) > 50
        for path in ROOT.glob("requirements*.txt"):
            assert read(path.name) <= audited, path.name
