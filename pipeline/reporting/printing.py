"""The report as PDF: a page is printed by a browser that is there."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from pointsman.common.errors import ConfigError, PointsmanError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
"""Programs that print a page alike, by their names."""
SECONDS = 180
OPTIONS = ("--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer")


def find_browser(which: Callable[[str], str | None] = shutil.which) -> str:
    """Return the program of a browser; ConfigError where none is on the path."""
    found = next((path for name in BROWSERS if (path := which(name))), None)
    if found is None:
        raise ConfigError(
            "A PDF is printed by a browser, and none is here; install Chromium or Chrome so that its program is on the "
            "PATH, or write -out report.html and print that."
        )
    return found


def print_page(page: bytes, browser: str) -> bytes:
    """Return a page as PDF; PointsmanError where the browser does not print it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        source, printed = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_bytes(page)
        # A browser refuses to start as root with its sandbox, as in a container; the page is one of our own.
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        command = [browser, *OPTIONS, *(["--no-sandbox"] if is_root else []), f"--user-data-dir={folder}/profile"]
        command += [f"--print-to-pdf={printed}", source.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            told = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        except (OSError, subprocess.TimeoutExpired) as error:
            told = str(error)
        if not printed.is_file() or not (content := printed.read_bytes()).startswith(b"%PDF"):
            raise PointsmanError(
                f"'{browser}' did not print the report ({told}); write -out report.html and print that."
            )
        return content
