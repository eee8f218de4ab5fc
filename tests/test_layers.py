"""The layers, read from the imports: they point downwards only, and stages do not know each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("collection", "analysis", "preparation", "training", "validation", "serving", "reporting")
HEIGHTS = {"common": 0, "registry": 1, "experiments": 1, "model_zoo": 1, "meta": 2, "stage": 3, "flow": 4, "run": 5}
ALLOWED_AT_ONE_HEIGHT = {("registry", "model_zoo")}  # a version's files are loaded as a model


def place(module: str) -> str | None:
    """Return the layer of a module of ours, None for a foreign one."""
    parts = module.split(".")
    if parts[0] == "pipeline":
        return "stage" if len(parts) > 1 and parts[1] in STAGES else "flow"
    return parts[0] if parts[0] in HEIGHTS else None


def find_imports(path: Path) -> list[str]:
    """Return every module a file imports, also lazily."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


FILES = [ROOT / "run.py"] + [
    path for layer in ("common", "registry", "experiments", "model_zoo", "meta", "pipeline")
    for path in sorted((ROOT / layer).rglob("*.py"))
]  # fmt: skip


def test_there_are_files_to_check():
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = place(module)
    for imported in find_imports(path):
        target = place(imported)
        if target is None or imported.split(".")[:2] == module.split(".")[:2]:
            continue
        if own == target == "stage":
            raise AssertionError(f"{module} imports {imported}: stages do not import each other")
        same_package = imported.split(".")[0] == module.split(".")[0] and own == target
        assert same_package or HEIGHTS[target] < HEIGHTS[own] or (own, target) in ALLOWED_AT_ONE_HEIGHT, (
            f"{module} imports {imported}, which lies not below it"
        )
