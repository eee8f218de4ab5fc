"""The small stream of the durability benchmark, and the commands on it as processes of their own."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pointsman.common.config import Config, load_config
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import metadata, read_rows
from pointsman.common.storage.state import State
from pointsman.pipeline.collection.demo.simulator import simulate

ROOT = Path(__file__).resolve().parent.parent
ROWS, REQUEST_ROWS, BATCHES = 80, 40, 60
QUICK = (
    "source.kind=files",
    "source.paths=[stream.csv]",
    f"batch.rows={ROWS}",
    "search.trials=1",
    "training.folds=1",
    "search.families=[tree]",
    "search.variants=[onehot]",
    "features.date_parts={}",
    "features.durations=[]",
    "promotion.max_active=2",
    "training.threads=1",
    "workers.count=1",
)
STORED_NAME = re.compile(r"\b[0-9a-f]{64}\.[a-z][a-z0-9.]*")


@dataclass(frozen=True)
class Place:
    """A state on the stream in ``folder``; its catalogue is SQLite in the state unless a URL names another."""

    folder: Path
    state: str
    catalogue: str | None = None

    @property
    def keys(self) -> list[str]:
        """The overrides that a command needs."""
        url = [f"database_url={self.catalogue}"] if self.catalogue else []
        return [*QUICK, f"data_dir={self.folder}", f"state_dir={self.folder / self.state}", *url]

    @property
    def config(self) -> Config:
        """The configuration of those overrides."""
        return load_config(ROOT / "config.yaml", self.keys)

    @property
    def request(self) -> Path:
        """A file to answer."""
        return self.folder / "request.csv"

    def start(self, *words: str, log: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command as the head of a process group; ``log`` takes what it complains of."""
        command = [sys.executable, "run.py", *words, "--config", str(ROOT / "config.yaml"), *self.keys]
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*words)
        said, complained = process.communicate()
        return subprocess.CompletedProcess(words, process.returncode, said, complained)


def write_stream(folder: Path, seed: int = 3) -> None:
    """Write the stream and a request, in which nothing out of the common happens."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = simulate((BATCHES + 1) * ROWS, seed, schedule=())
    rows.to_csv(folder / "stream.csv", index=False)
    rows.tail(REQUEST_ROWS).to_csv(folder / "request.csv", index=False)


def find_broken_file(state: State) -> str:
    """Return what is wrong with a file that the catalogue, or such a file, names; '' where all are whole."""
    found = [
        name
        for table in metadata.sorted_tables
        for row in read_rows(state.engine, table.select())
        for cell in row.values()
        for name in STORED_NAME.findall(str(cell))
    ]
    seen: set[str] = set()
    while found:
        name = found.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            content = state.files.load(name)
        except StateError as error:
            return str(error)
        if name.endswith(".json"):
            found += STORED_NAME.findall(content.decode())
    return ""
