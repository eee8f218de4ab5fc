"""What a model was made with is told exactly, and changes where the code does."""

import shutil
from pathlib import Path

import numpy as np

from pointsman.common.environment import LIBRARIES, compute_code_digest, describe_changes, describe_environment

ROOT = Path(__file__).resolve().parents[2]


def test_libraries_are_named_with_their_versions():
    found = describe_environment()
    assert found["numpy"] == np.__version__
    assert set(LIBRARIES) < set(found)
    assert "absent" not in found.values()


def test_the_code_has_a_digest_that_follows_names_and_contents(tmp_path):
    shutil.copytree(ROOT / "registry", tmp_path / "registry")
    (tmp_path / "registry" / "__pycache__").mkdir(exist_ok=True)
    first = compute_code_digest(tmp_path)
    (tmp_path / "registry" / "notes.txt").write_text("no code")
    assert compute_code_digest(tmp_path) == first
    moved = (tmp_path / "registry" / "tables.py").rename(tmp_path / "registry" / "tablets.py")
    assert compute_code_digest(tmp_path) != first
    moved.rename(tmp_path / "registry" / "tables.py").write_text("changed = True\n")
    assert compute_code_digest(tmp_path) != first


def test_a_library_that_has_gone_is_told():
    assert describe_changes({"skops": "0.13"}, {}) == "skops 0.13 then, absent now"
