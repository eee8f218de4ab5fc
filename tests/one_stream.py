"""A tiny stream of claims, its configuration, and the command line in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pointsman.common.config import Config, load_config
from pointsman.common.storage.state import open_state
from pointsman.registry.generations import Generation, load_generation

ROOT = Path(__file__).resolve().parent.parent
ROWS = 60
"""Rows of a batch."""


def make_rows(batches: int = 4, seed: int = 0) -> pd.DataFrame:
    """Rows by day: 'claim' is learned, 'kind' has three labels, and 'zone' is a code that looks like a number."""
    random = np.random.default_rng(seed)
    rows = batches * ROWS
    premium, zone = random.normal(500, 100, rows).round(2), random.integers(1, 5, rows)
    risk = (premium - 500) / 100 + (zone == 3) + 0.5 * random.normal(size=rows)
    return pd.DataFrame(
        {
            "day": pd.date_range("2023-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "premium": premium,
            "value": (premium * random.uniform(5, 15, rows)).round(0),
            "zone": zone,
            "region": random.choice(["north", "south"], rows),
            "claim": (risk > 0.5).astype(int),
            "kind": np.where(risk > 1.2, "theft", np.where(risk > 0.2, "fire", "none")),
        }
    )


def write_config(folder: Path, name: str = "claims.yaml", schema: str = "", more: str = "") -> Path:
    """Write a quick configuration of the stream in ``folder``."""
    path = folder / name
    target = "" if "target:" in schema else "target: claim, "
    drop = "" if "drop:" in schema else "drop: [kind], "
    path.write_text(
        "source: {kind: files, paths: [stream.csv]}\n"
        f"schema: {{time: day, {target}{drop}{schema}}}\n"
        f"batch: {{rows: {ROWS}}}\n"
        "search: {trials: 2, families: [linear], variants: [onehot]}\n"
        "training: {folds: 1}\npromotion: {max_active: 2}\nworkers: {count: 1}\n"
        f"{more}"
    )
    return path


def configure(folder: Path, *overrides: str) -> Config:
    """Return the configuration of a folder, its stream and its state in it."""
    return load_config(folder / "claims.yaml", [f"data_dir={folder}", f"state_dir={folder / 'state'}", *overrides])


def load(folder: Path, number: int | None = None) -> Generation:
    """Return a generation of the state in a folder, by default the live one."""
    with open_state(configure(folder)) as state:
        return load_generation(state, number)


def run(folder: Path, *arguments: object, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, as a user does."""
    command = [sys.executable, str(ROOT / "run.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)


def must(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command that has to succeed."""
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done
