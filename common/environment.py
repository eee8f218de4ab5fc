"""What a model was made with: the interpreter, the machine, the libraries and this code."""

import functools
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "lightgbm")
"""What a model's predictions, or its files, can depend on."""

CODE = ("pointsman", "common", "experiments", "meta", "model_zoo", "pipeline", "registry")


@functools.cache
def describe_environment() -> Mapping[str, str]:
    """Return what this process runs with, by name; looked up once a process.

    >>> sorted(describe_environment())
    ['code', 'lightgbm', 'machine', 'numpy', 'pandas', 'platform', 'python', 'scikit-learn', 'scipy']
    """
    return {
        "python": platform.python_version(),
        "platform": platform.system(),
        "machine": platform.machine(),
        "code": compute_code_digest(Path(__file__).resolve().parent.parent),
        **describe_libraries(),
    }


@functools.cache
def describe_libraries() -> Mapping[str, str]:
    """Return the version of each library; 'absent' where one is not installed."""
    return {name: _find_version(name) for name in LIBRARIES}


def compute_code_digest(root: Path) -> str:
    """Return a digest of the project's own sources under ``root``, by path and content; 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in CODE:
        top = root / name
        if name == "pointsman" and not top.is_dir():  # in a wheel the other folders lie inside this one
            sources = {f"{name}/{path.name}": path for path in sorted(root.glob("*.py"))}
        else:
            sources = {path.relative_to(root).as_posix(): path for path in sorted(top.rglob("*.py"))}
        for shown, path in sources.items():
            content = path.read_bytes()
            digest.update(f"{shown} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def describe_changes(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return which libraries have another version now, as part of a sentence.

    >>> describe_changes({"numpy": "1.26.4", "scipy": "1.16.0"}, {"numpy": "2.4.0", "scipy": "1.16.0"})
    'numpy 1.26.4 then, 2.4.0 now'
    >>> describe_changes({"numpy": "2.4.0"}, {"numpy": "2.4.0"})
    'the same libraries then and now'
    """
    moved = [f"{name} {then[name]} then, {now.get(name, 'absent')} now" for name in then if now.get(name) != then[name]]
    return "; ".join(moved) if moved else "the same libraries then and now"


def _find_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
