"""Holds the pinned dependencies against published advisories (pip-audit); `make check` runs it.

One pin is asked for first: where the advisory service cannot be reached, the pins are held against the list beside this
file instead, whose date is told. A finding is printed with the version that mends it, and fails.

The list is kept by hand: an advisory that once made a pin of this project, or of what it builds on, move. ``before`` is
the first version that is sound.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PINS = ("requirements.txt", "requirements-extras.txt", "requirements-dev.txt")
"""Files that hold every pin; those of one extra repeat a part of the extras."""
LISTED = ROOT / ".ci" / "advisories.json"
SECONDS = 5
"""What the service may take for one answer."""
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)


def read_pins(text: str) -> list[tuple[str, str]]:
    """Return the names and versions that a file of pins holds.

    >>> read_pins("numpy==2.4.6 \\\\\\n    --hash=sha256:00\\nscipy==1.17.1 ; python_version < '4'\\n")
    [('numpy', '2.4.6'), ('scipy', '1.17.1')]
    """
    return PIN.findall(text)


def ask(files: list[Path]) -> list[dict[str, Any]]:
    """Return what the service knows of every pin in some files; nothing where it does not answer."""
    named = [argument for file in files for argument in ("-r", str(file))]
    command = [sys.executable, "-m", "pip_audit", *named, "--no-deps", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (json.JSONDecodeError, KeyError):
        return []


def find_audited(pins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the pins of which the service knew anything."""
    return [pin for pin in pins if "skip_reason" not in pin]


def describe_findings(pins: list[dict[str, Any]]) -> list[str]:
    """Return a line for every advisory on a pin."""
    return [
        f"{pin['name']} {pin['version']}: {found['id']}, "
        + (f"mended in {', '.join(found['fix_versions'])}" if found["fix_versions"] else "not mended yet")
        for pin in find_audited(pins)
        for found in pin["vulns"]
    ]


def hold_against_list(pins: list[tuple[str, str]], listed: dict[str, Any]) -> list[str]:
    """Return a line for every advisory of a list that a pin falls under."""
    return [
        f"{name} {version}: {one['id']}, mended in {one['before']}"
        for name, version in sorted(set(pins))
        for one in listed["advisories"]
        if one["package"] == name.lower().replace("_", "-") and Version(version) < Version(one["before"])
    ]


def audit_by_list(files: list[Path]) -> list[str]:
    """Return what the list beside this file says of the pins, after telling how old it is."""
    listed = json.loads(LISTED.read_text())
    pins = [pin for file in files for pin in read_pins(file.read_text())]
    print(
        f"The advisory service cannot be reached: {len(set(pins))} pins are held against the "
        f"{len(listed['advisories'])} advisories of .ci/advisories.json, which is of {listed['date']}."
    )
    return hold_against_list(pins, listed)


def main() -> int:
    """Audit, and return the exit code."""
    files = [ROOT / name for name in PINS]
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "requirements.txt"
        name, version = read_pins(files[0].read_text())[0]
        probe.write_text(f"{name}=={version}\n")
        is_reached = bool(find_audited(ask([probe])))
    if is_reached:
        pins = [pin for file in files for pin in ask([file])]
        findings, sound = describe_findings(pins), f"{len(find_audited(pins))} pins, no advisory on any."
    else:
        findings, sound = audit_by_list(files), "No pin falls under any of them."
    print("\n".join(dict.fromkeys(findings)) or sound)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
