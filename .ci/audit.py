"""Holds the pinned dependencies against published advisories (pip-audit); `make check` runs it.

One pin is asked for first: where the advisory service cannot be reached, this says so and is content. A finding is
printed with the version that mends it, and fails.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PINS = ("requirements.txt", "requirements-extras.txt", "requirements-dev.txt")
"""Files that hold every pin; those of one extra repeat a part of the extras."""
SECONDS = 5
"""What the service may take for one answer."""


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


def main() -> int:
    """Audit, and return the exit code."""
    files = [ROOT / name for name in PINS]
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "requirements.txt"
        probe.write_text(files[0].read_text().splitlines()[0] + "\n")
        if not find_audited(ask([probe])):
            print("The advisory service cannot be reached: the pinned dependencies were not audited.")
            return 0
    pins = [pin for file in files for pin in ask([file])]
    findings = describe_findings(pins)
    print("\n".join(dict.fromkeys(findings)) or f"{len(find_audited(pins))} pins, no advisory on any.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
