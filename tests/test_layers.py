"""The house in order: a room may import any room below it, and none above."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    "pointsman",  # the command line
    "pipeline",  # the commands
    "pipeline.api",
    "pipeline.lifecycle",
    "pipeline.serving",
    "pipeline.reporting",
    "pipeline.retraining",
    "pipeline.validation",
    "pipeline.training",
    "pipeline.drift",
    "pipeline.labels",
    "pipeline.preparation",
    "pipeline.quality",
    "pipeline.collection",
    "meta",
    "registry",
    "model_zoo",
    "experiments",
    "common",
)
"""Every room, the top floor first."""

EXCEPTIONS = {("pipeline.api.report", "pipeline.summary"): "a service makes the very report that the command does"}
"""What may look up, by module, with its reason."""

COMMANDS = {
    "backtest",
    "check",
    "eda",
    "experiments",
    "explain",
    "feedback",
    "inference",
    "models",
    "quarantine",
    "replay",
    "serve",
    "summary",
    "update",
}
BESIDE_COMMANDS = {"mlflow_model": "the name by which MLflow loads what earlier releases have published"}


def list_modules() -> list[str]:
    """Return every module of the product, such as pipeline.training.search."""
    tops = {floor.partition(".")[0] for floor in FLOORS}
    files = [path for top in sorted(tops) for path in sorted((ROOT / top).rglob("*.py"))]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]


MODULES = list_modules()


def find_floor(module: str) -> int:
    """Return how many floors lie below a module's room."""
    room = max((floor for floor in FLOORS if f"{module}.".startswith(f"{floor}.")), key=len)
    return len(FLOORS) - 1 - FLOORS.index(room)


@cache
def find_imports(module: str) -> frozenset[str]:
    """Return every module of the product that one imports, also lazily."""
    path = ROOT.joinpath(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    own = {name.removeprefix("pointsman.") for name in named if name.startswith("pointsman.")}
    return frozenset(own & set(MODULES) - {module})


def find_breaches() -> list[str]:
    """Return every import that looks up, or across between rooms of one floor."""
    return [
        f"{module} imports {imported}"
        for module in MODULES
        for imported in sorted(find_imports(module))
        if find_floor(imported) > find_floor(module) and (module, imported) not in EXCEPTIONS
    ]


def test_imports_look_down():
    assert len(MODULES) > 200
    assert find_breaches() == []


def test_every_folder_is_a_room_with_a_floor():
    rooms = {path.name for path in (ROOT / "pipeline").iterdir() if (path / "__init__.py").is_file()}
    assert rooms == {floor.partition(".")[2] for floor in FLOORS if floor.startswith("pipeline.")}


def test_every_exception_is_still_needed():
    assert all(imported in find_imports(module) for module, imported in EXCEPTIONS)


def test_the_top_of_the_pipeline_holds_commands_alone():
    loose = {path.stem for path in (ROOT / "pipeline").glob("*.py")} - {"__init__"}
    assert loose == COMMANDS | set(BESIDE_COMMANDS)


def test_no_import_leads_back():
    """Lazy imports count: files in a circle are one file that is hard to read."""
    circles = []
    for start in MODULES:
        seen: set[str] = set()
        waiting = set(find_imports(start))
        while waiting:
            module = waiting.pop()
            seen.add(module)
            waiting |= find_imports(module) - seen
        circles += [start] if start in seen else []
    assert circles == []
