"""Pictures of the report's first screen in three states: healthy, worth a look and not healthy.

    python run.py update --batches 6 state_dir=state/pictures
    python -m benchmarks.first_screen state/pictures docs

Each state is a copy of the one that was learned. In the first a clean request is answered, in the second no update came
for as long as three batches take, in the third a request is answered of which most cells were lost.
"""

import argparse
import contextlib
import shutil
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

from pointsman.common.config import Config
from pointsman.common.storage.catalogue import utc_now
from pointsman.pipeline.collection.demo.request import write_demo_request
from pointsman.pipeline.inference import infer
from pointsman.pipeline.reporting.printing import find_browser
from pointsman.pipeline.summary import summarise
from pointsman.registry.own_config import load_own

SIZE = "1280,800"
LATE = timedelta(days=3 * 91)


def answer(config: Config, folder: Path, damaged: bool) -> Path:
    """Answer a request of the demo stream and return the page of the state afterwards."""
    request = folder / "request.csv"
    write_demo_request(request, damaged)
    infer(config, request)
    return summarise(config)


def wait(config: Config, _folder: Path) -> Path:
    """Return the page of a state that no batch came to for three quarters."""
    return summarise(config, utc_now() + LATE)


STATES = {
    "healthy": lambda config, folder: answer(config, folder, damaged=False),
    "worth-a-look": wait,
    "not-healthy": lambda config, folder: answer(config, folder, damaged=True),
}


def photograph(page: Path, picture: Path) -> None:
    """Take a picture of the first screen of a page.

    Raises ConfigError where there is no browser, CalledProcessError where it fails.
    """
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={SIZE}", f"--screenshot={picture}"]
    subprocess.run([find_browser(), *options, page.resolve().as_uri()], check=True, capture_output=True)


def main() -> None:
    """Make the states in a folder of their own, and a picture of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path, help="a state of the demo stream that nothing was asked of yet")
    parser.add_argument("pictures", type=Path, help="the folder that the pictures go to")
    asked = parser.parse_args()
    for name, make in STATES.items():
        picture, learned = (asked.pictures / f"first-screen-{name}.png").resolve(), asked.state.resolve()
        # Commands on the page name the state as whoever stands beside it would.
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            shutil.copy(Path(__file__).resolve().parent.parent / "config.yaml", ".")
            shutil.copytree(learned, "state")
            config, _ = load_own(Path("state"), ["report.max_shap_seconds=1"])
            photograph(make(config, Path(folder)), picture)


if __name__ == "__main__":
    main()
